/* What expires, and whether that was said already. Pure: the caller has the clock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum expiry_stage {
    EXPIRY_FINE = 0,
    EXPIRY_SOON, /* within the time that is left to do something */
    EXPIRY_OVER,
};

struct expiry_mark {
    char key[160];
    enum expiry_stage stage;
    bool is_seen; /* in this round */
};

/* All-zero is valid and empty. */
struct expiry_list {
    struct expiry_mark *items;
    size_t n;
};

/* One thing that expires. */
struct expiry_item {
    const char *key; /* tells it from others, and a renewed one from the one before */
    int64_t until_unix;
    int64_t soon_s; /* so long before it begins to be SOON */
};

/* In a round everything that there is is noted; what was not noted is forgotten at its end. */
void expiry_round_begin(struct expiry_list *list);
/* The stage, if nobody was told of it yet; else EXPIRY_FINE. Without memory it is told again. */
enum expiry_stage expiry_note(struct expiry_list *list, const struct expiry_item *item,
                              int64_t now_unix);
void expiry_round_end(struct expiry_list *list);
void expiry_list_done(struct expiry_list *list);
