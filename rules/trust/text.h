/* The line grammar that manifest, root and state files share.
 *
 * A text has bytes 0x20..0x7e and LF only, ends with LF, and has one space between words. Fields
 * come in a fixed order, so there is one way to write a text and nothing to canonicalise. */
#pragma once

#include "stopgap/err.h"
#include "stopgap/slice.h"

enum {
    TEXT_MAX_WORDS = 10, /* the set line of the state has the most */
    TEXT_NAME_MAX = 63,  /* a bundle's name is part of file names, metrics and log lines */
    TEXT_HASH_CHARS = 64 /* a SHA-256 in hex */
};

/* Longest decimal that is a valid serial: 2^63-1, so that a signed 64-bit column can hold it. */
#define TEXT_NUMBER_MAX ((uint64_t)INT64_MAX)

enum text_use {
    TEXT_ONCE = 0,
    TEXT_OPTIONAL, /* at most once */
    TEXT_REPEATED, /* any number of times */
};

/* words[0] is the field's own word. False with err. */
typedef bool (*text_field_cb)(void *ctx, const struct slice *words, struct err *err);

struct text_field {
    const char *word;
    enum text_use use;
    size_t n_words; /* with the field's own word */
    text_field_cb read;
};

struct text_grammar {
    const char *what; /* for messages, such as "manifest" */
    const struct text_field *fields;
    size_t n_fields;
    const char *syntax_code;  /* E_MANIFEST_SYNTAX */
    const char *unknown_code; /* E_MANIFEST_FIELD */
    bool has_extensions;      /* after the second field, lines starting with "x-" are skipped */
};

/* Call the fields' callbacks in order. False with err, whose line is set. */
MUST_USE bool text_parse(const struct text_grammar *grammar, struct slice text, void *ctx,
                         struct err *err);

/* Decimal without sign or leading zero, 1 .. 2^63-1. */
MUST_USE bool text_number(struct slice word, uint64_t *ret_number);
/* The same with 0. */
MUST_USE bool text_size(struct slice word, uint64_t *ret_size);
/* 64 lower-case hex digits. */
MUST_USE bool text_is_hash(struct slice word);
/* [a-z0-9._-], 1..63, not starting with a dot or a dash. */
MUST_USE bool text_is_name(struct slice word);
/* The order of bytes, the shorter first: how the container sorts names. As strcmp. */
int text_compare(struct slice a, struct slice b);
/* "1.2" or "1.2.3"; a part is 0..65535 without leading zeros. A missing third part is 0. */
MUST_USE bool text_version(struct slice word, unsigned ret_version[3]);
/* <0, 0, >0 as strcmp. */
int text_version_compare(const unsigned a[3], const unsigned b[3]);
