/* Shared by the cmd_bundle*.c files: the verbs below `stopgap bundle`. */
#pragma once

#include "cli/cli.h"
#include "trust/bundle_write.h"
#include "trust/signature.h"

/* argv[0] is the verb, optind is reset. */
int bundle_keygen(int argc, char **argv);
int bundle_build(int argc, char **argv);
int bundle_sign(int argc, char **argv);
int bundle_verify(int argc, char **argv);
int bundle_show(int argc, char **argv);

/* Help of one verb, to standard output. */
extern const char bundle_keygen_help[];
extern const char bundle_build_help[];
extern const char bundle_sign_help[];
extern const char bundle_verify_help[];
extern const char bundle_show_help[];

/* A bundle taken apart without any question of trust. */
struct bundle_parts {
    struct buf bytes;
    struct ustar archive;
    struct manifest manifest;
    struct root *root; /* of the version that the manifest names; NULL: not in the bundle */
};

MUST_USE bool bundle_parts_read(struct bundle_parts *parts, const char *path, struct err *err);
void bundle_parts_done(struct bundle_parts *parts);

/* How many signatures of role count, by the root in the bundle. parts->root is not NULL. */
void bundle_parts_count(const struct bundle_parts *parts, enum role role,
                        struct signature_tally *ret_tally);
