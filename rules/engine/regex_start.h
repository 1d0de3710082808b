/* With which bytes a value must begin that a regex matches. */
#pragma once

#include "stopgap/slice.h"

enum {
    REGEX_STARTS = 48,      /* more alternatives are not told apart */
    REGEX_START_BYTES = 48, /* more bytes tell hardly more */
};

struct regex_start {
    char bytes[REGEX_START_BYTES]; /* in lower case */
    unsigned char len;
    bool is_whole; /* the value is no longer than this, but for a line feed */
    bool is_open;  /* while reading: the bytes that follow are known, too */
};

struct regex_starts {
    struct regex_start items[REGEX_STARTS];
    size_t n;
};

/* Every value that regex matches begins with one of ret_starts, case aside. False: nothing is known
 * of where they begin. What is not understood only makes the answer shorter. */
bool regex_find_starts(struct slice regex, struct regex_starts *ret_starts);

/* How much the starts tell: bytes of the shortest. */
unsigned regex_starts_score(const struct regex_starts *starts);

/* A byte that is rare in paths and in every value that regex matches; '\0' where there is none. */
char regex_find_rare_byte(struct slice regex);
