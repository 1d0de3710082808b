/* From YAML events to a struct config; used by config_read.c only.
 *
 * Every error has its place, and one error does not hide the next. Only the plain part of YAML is
 * taken: no anchor, alias, tag or second document. */
#pragma once

#include "config/config_internal.h"

#include <yaml.h>

enum {
    WALK_DEPTH = 8,       /* the table needs four: top, a list, its element, a list in that */
    WALK_PATH_BYTES = 64, /* of a path in the table */
};

/* A mapping or list that is open. */
struct walk_frame {
    bool is_list;
    bool wants_value; /* mapping: a key was read and its value comes next */
    bool skips_value; /* and the key was refused, so its value is not looked at */
    size_t path_len;  /* of walk.path, for what is inside */
    uint64_t seen[CONFIG_MAX_KEYS / 64]; /* mapping: a bit per row of the table */
    yaml_mark_t start;
};

struct walk {
    struct config *config;
    const char *name; /* of the file, for messages */
    config_error_cb on_error;
    void *ctx;
    unsigned n_errors;
    unsigned n_documents;
    bool is_over;               /* nothing after this can be understood */
    char path[WALK_PATH_BYTES]; /* of the value that comes next */
    struct walk_frame frames[WALK_DEPTH];
    size_t depth;
    size_t skip_depth; /* open mappings and lists inside a refused value */
};

/* Take one event. False: an error that ends the reading was reported. */
bool walk_event(struct walk *walk, const yaml_event_t *event);

/* Report and count an error at mark. */
void walk_report(struct walk *walk, yaml_mark_t mark, struct err *err);
__attribute__((format(printf, 3, 4))) void walk_complain(struct walk *walk, yaml_mark_t mark,
                                                         const char *format, ...);
