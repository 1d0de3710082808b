/* The passphrase of an encrypted key file, for the publisher's tools. */
#pragma once

#include <stdbool.h>

/* Where it comes from instead of the terminal, in the words of openssl's -passin. */
#define KEY_PASS_VARIABLE "STOPGAP_PASSIN"

struct key_pass {
    const char *path; /* of the key, for the prompt */
    bool was_asked;   /* the key is encrypted */
    bool is_there;    /* and there was a passphrase */
};

/* A pem_password_cb; ctx is a struct key_pass. */
int key_pass_give(char *out, int size, int rwflag, void *ctx);
