/* A look at the text of a regular expression: as much of its syntax as choosing and splitting
 * patterns needs. What is not understood only makes the answer more cautious. */
#pragma once

#include "stopgap/slice.h"

enum regex_token_kind {
    TOKEN_BYTE,  /* stands for one known byte */
    TOKEN_OTHER, /* a set, an assertion, a reference */
    TOKEN_OPEN,  /* the parenthesis only */
    TOKEN_CLOSE,
    TOKEN_BAR,
    TOKEN_REPEAT,
};

struct regex_token {
    enum regex_token_kind kind;
    size_t end;         /* offset behind it */
    bool is_optional;   /* REPEAT: zero times is allowed */
    bool is_unbounded;  /* REPEAT: any number of times is */
    bool is_possessive; /* REPEAT: never gives back what it took */
    unsigned most;      /* REPEAT of the form {n,m}: m */
};

/* The token at `at`, which is within the regex. */
struct regex_token regex_token_read(struct slice regex, size_t at);

/* A part of a regex that stands for itself. */
struct regex_literal {
    struct slice text; /* as the regex writes it, with "^" or "$" where it touches an end */
    unsigned n_bytes;  /* that it stands for; 0: there is none */
};

/* Whether parentheses, bars or blanks in regex may not be what they look like. */
bool regex_is_obscure(struct slice regex);

/* Whether an option makes "^" and "$" match at the lines of a value. */
bool regex_is_multiline(struct slice regex);

/* Offset of the ")" that closes the group opened before `at`, or SIZE_MAX. */
size_t regex_find_close(struct slice regex, size_t at);

/* Cut the next alternative of "A|B" off *rest; false when nothing is left. */
bool regex_next_alternative(struct slice *rest, struct slice *ret_alternative);

/* The longest literal that everything the regex matches must contain; none where it has
 * alternatives. */
struct regex_literal regex_find_literal(struct slice regex);

/* Split "(?=A)(?=B)rest", with or without "^" before, into A, B and rest: each must be found in
 * whatever the whole matches. Returns how many parts of max were filled; 0: not of that form. */
size_t regex_split_lookaheads(struct slice regex, struct slice *ret_parts, size_t max);

/* The construct that would make a database miss what PCRE2 finds, or NULL: verbs, and options
 * that switch "^ matches at a line" off. */
const char *regex_forbidden(struct slice regex);

/* What a regex needs of the line in which it is searched. */
enum regex_need {
    NEED_LINE = 1,      /* one with the value in it */
    NEED_START = 2,     /* that begins where the value begins, for "^" */
    NEED_END = 4,       /* that ends where the value ends, for "$" */
    NEED_CONTEXT = 8,   /* with nothing else in it: it looks around, or is not understood */
    NEED_QUESTION = 16, /* with whatever stands on both sides of a "?" */
};

/* The needs of regex, without NEED_LINE; 0 for a plain text, which may stand anywhere. */
unsigned regex_needs(struct slice regex);
