/* Public keys in their one allowed encoding, and raw signatures of them.
 *
 * Ed25519; ECDSA P-256 with SHA-256, DER signature; RSA-PSS with 3072 or 4096 bits, SHA-256,
 * MGF1-SHA-256 and 32 bytes of salt. An algorithm that this build does not know is "unusable",
 * which is not the same as a forgery. */
#pragma once

#include <openssl/evp.h>

#include "encode.h"
#include "stopgap/limits.h"

enum key_algorithm {
    KEY_UNKNOWN = 0,
    KEY_ED25519,
    KEY_ECDSA_P256,
    KEY_RSA_PSS,
    KEY_ALGORITHMS,
};

/* "ed25519", "ecdsa-p256", "rsa-pss". */
const char *key_algorithm_word(enum key_algorithm algorithm);
enum key_algorithm key_algorithm_find(struct slice word);
enum key_algorithm key_algorithm_of(const EVP_PKEY *pkey);

/* Does the algorithm work in this process? Costs one verification, about 0.1 ms. */
bool key_works(enum key_algorithm algorithm);
/* All that do, as bits 1 << algorithm. */
unsigned key_probe(void);

/* Read a SubjectPublicKeyInfo. False with err E_ROOT_KEYSHAPE when it is not in the one shape of
 * its algorithm. *ret_pkey is NULL, and the result true, when this process cannot use the
 * algorithm (FIPS without Ed25519). */
MUST_USE bool key_from_spki(enum key_algorithm algorithm, struct slice der, EVP_PKEY **ret_pkey,
                            struct err *err);

/* Append the SubjectPublicKeyInfo; false with err when the key has no allowed shape. */
MUST_USE bool key_to_spki(const EVP_PKEY *pkey, struct buf *ret_der, struct err *err);

/* The id: hex SHA-256 of the SubjectPublicKeyInfo. */
MUST_USE bool key_id(const EVP_PKEY *pkey, char ret_id[HASH_SIZE], struct err *err);

/* Does the raw signature fit? */
MUST_USE bool key_verify(EVP_PKEY *pkey, struct slice message, struct slice signature);

/* Append the raw signature of message. */
MUST_USE bool key_sign(EVP_PKEY *pkey, struct slice message, struct buf *ret_signature,
                       struct err *err);

/* A new key, RSA with 3072 bits. NULL with err. */
EVP_PKEY *key_generate(enum key_algorithm algorithm, struct err *err);

/* Read a PEM file with a private key or, unless needs_private, a public one. NULL with err:
 * E_KEY_READ. Encrypted keys are refused: nothing here can ask for a password. */
EVP_PKEY *key_read(const char *path, bool needs_private, bool *ret_is_private, struct err *err);

/* Write a private key as PEM, mode 0600, and its public half to PATH.pub. Never overwrites. */
MUST_USE bool key_write(EVP_PKEY *pkey, const char *path, struct err *err);
