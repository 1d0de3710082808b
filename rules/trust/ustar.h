/* The container: a ustar file so strict that there is one way to write a list of members.
 *
 * Reader rules: magic "ustar" version "00", plain files only, no prefix and no link name, exact
 * checksum, octal sizes, zero padding, two zero blocks at the end and nothing after them. Names
 * are [a-z0-9._-] segments joined by '/', 1..99 bytes, no segment empty or starting with a dot,
 * strictly ascending. In a bundle the first one is "0manifest", the others are below root/, rules/,
 * sig/, tests/. A feed has two smaller forms: "pulse" with what is below pulse.sig/, and roots with
 * their signatures alone. */
#pragma once

#include "stopgap/buf.h"
#include "stopgap/err.h"

enum { USTAR_BLOCK = 512, USTAR_NAME_MAX = 99 };

#define USTAR_MANIFEST "0manifest"
#define USTAR_PULSE_TEXT "pulse"

enum ustar_form {
    USTAR_BUNDLE = 0,
    USTAR_PULSE,
    USTAR_ROOTS,
};

struct ustar_member {
    const char *name; /* NUL-terminated, in the bytes that were read */
    struct slice data;
};

struct ustar {
    struct ustar_member *members;
    size_t n_members;
};

/* Check a whole container. The members point into bytes. False with err: E_BUNDLE_*. */
MUST_USE bool ustar_read(struct slice bytes, struct ustar *ret_archive, struct err *err);
/* The same for another form. */
MUST_USE bool ustar_read_form(struct slice bytes, enum ustar_form form, struct ustar *ret_archive,
                              struct err *err);
void ustar_done(struct ustar *archive);

/* NULL when there is none. */
const struct ustar_member *ustar_find(const struct ustar *archive, const char *name);

/* May a member of a bundle have this name? */
bool ustar_name_is_valid(struct slice name);

/* Append a member, in the bytes that "tar --format=ustar --mtime=@0 --owner=0 --group=0
 * --numeric-owner --mode=0644 -b1" writes. The caller keeps the order. */
MUST_USE bool ustar_append(struct buf *out, const char *name, struct slice data);
/* Append the end mark. */
MUST_USE bool ustar_finish(struct buf *out);
