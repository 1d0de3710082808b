/* Shared by the files of this folder only.
 *
 * One table holds every key of the configuration. Reading, options, printing and defaults go
 * through it, so a new key is one row (and one field of struct config). A list whose elements are
 * mappings, such as listen, is one row of a second table. */
#pragma once

#include "config/config.h"

enum key_kind {
    KEY_TEXT,         /* char *: a path or a name */
    KEY_SECRET_URL,   /* char *: a URL that may hold a password or a token */
    KEY_LOG,          /* char *: a path, "-", or "none" for NULL */
    KEY_BOOL,         /* bool */
    KEY_WORKERS,      /* unsigned: a number, or "auto" for 0 */
    KEY_COUNT,        /* uint64_t */
    KEY_DURATION,     /* uint64_t, milliseconds */
    KEY_SIZE,         /* uint64_t, bytes */
    KEY_WORD,         /* an enum: its value is the position of the word in `words` */
    KEY_PATHS,        /* struct string_list */
    KEY_NAMES,        /* struct string_list of DNS names and patterns "*.example.com" */
    KEY_RULE_IDS,     /* struct string_list of rule ids */
    KEY_VDIRS,        /* struct string_list of virtual directories; what is set replaces `words` */
    KEY_NETWORKS,     /* struct net_list */
    KEY_ADMIN_URLS,   /* admin */
    KEY_UPSTREAM_URL, /* struct server_config: its url and what follows from that */
    KEY_LISTEN_URL,   /* listen[].url and what follows from it */
};

/* A list of mappings: an array in struct config and its length. */
struct config_list {
    const char *path;      /* "listen[]" */
    size_t items_at;       /* of the array's pointer in struct config */
    size_t n_at;           /* of its size_t length */
    size_t size;           /* of one element */
    size_t max;            /* elements */
    const char *required;  /* the key that every element must have */
    const char *complaint; /* about an element without it */
};

extern const struct config_list config_lists[];
extern const size_t config_n_lists;

struct config_key {
    const char *path;               /* "timeouts.header"; "[]" stands for any element of a list */
    const struct config_list *list; /* NULL: a key of the whole configuration */
    size_t offset;                  /* in struct config, or in an element of list */
    uint64_t min, max, standard;    /* of numbers, durations and sizes */
    const char *words;              /* separated by one blank each; KEY_VDIRS: the default */
    /* KEY_TEXT, KEY_PATHS: the form of a value beyond that of any text; NULL: none */
    bool (*check)(const char *text, struct err *err);
    enum key_kind kind;
    bool is_zero_allowed; /* besides min to max */
};

extern const struct config_key config_keys[];
extern const size_t config_n_keys;

/* The row with exactly this path, or NULL. */
const struct config_key *config_key_find(const char *path);

enum { CONFIG_MAX_KEYS = 128 }; /* so many can be told apart while a mapping is read */

/* The list at this path, or NULL. */
const struct config_list *config_list_find(const char *path);
size_t config_list_length(const struct config *config, const struct config_list *list);
/* The field of a row, in the element `index` when it belongs to a list; its kind says of which
 * type it is. Not for the kinds without an offset. */
void *config_key_field(struct config *config, const struct config_key *key, size_t index);
const void *config_key_value(const struct config *config, const struct config_key *key,
                             size_t index);

/* The shape that the table demands at a path. */
enum key_shape {
    SHAPE_UNKNOWN = 0,
    SHAPE_SCALAR,
    SHAPE_MAPPING,
    SHAPE_LIST,
};

/* ret_index  the first row at or below path; it is unique among the keys of one mapping */
enum key_shape config_key_shape(const char *path, size_t *ret_index);

/* What to write instead of an unknown key: the most similar one below the section ("" is the
 * top), and all that are known there. */
void config_hint_key(struct slice section, struct slice key, char *out, size_t size);

/* A text for an error message: short, printable ASCII only, since files are hostile. */
struct config_echo {
    char text[64];
};
struct config_echo config_echo(struct slice text);

/* Is text short enough and free of control characters? Empty texts are refused, too. */
bool config_check_text(struct slice text, struct err *err);
bool config_parse_bool(struct slice text, bool *ret_value, struct err *err);

/* Forms that the parsers read back: "65m", "64KiB", "10.0.0.0/8". */
struct config_text {
    char text[64];
};
struct config_text config_format_duration(uint64_t ms);
struct config_text config_format_size(uint64_t bytes);
struct config_text config_format_network(const struct net_prefix *network);

/* Forms of single texts. */
bool config_check_rule_id(const char *text, struct err *err);   /* or that of a mitigation */
bool config_check_rule_name(const char *text, struct err *err); /* the same, or "*" */
bool config_check_vdir(const char *text, struct err *err);
bool config_check_path(const char *text, struct err *err);
bool config_check_method(const char *text, struct err *err);
bool config_check_until(const char *text, struct err *err);
bool config_check_mirror(const char *text, struct err *err);
bool config_check_bundle_name(const char *text, struct err *err);

/* Of http or https, with a host; no message shows a part of it. */
bool config_check_secret_url(const char *text, struct err *err);

/* Replace *field by a copy of text. */
bool config_replace(char **field, const char *text, struct err *err);

/* Append one element with its defaults set, for its keys to fill. */
bool config_new_element(struct config *config, const struct config_list *list, struct err *err);
/* Free every element of a list. */
void config_clear_list(struct config *config, const struct config_list *list);

/* Fill the parts of server from url. */
bool config_set_upstream_url(struct server_config *server, const char *url, struct err *err);
/* Fill the parts of listener from url. */
bool config_set_listen_url(struct listen_config *listen, const char *url, struct err *err);

/* Room for one more element of `size` bytes, zeroed, behind the n that are there. Returns the
 * new place of all; NULL with err when max are there or memory is out, and items stays valid. */
void *config_grow(void *items, size_t n, size_t size, size_t max, struct err *err);

/* As config_read_file, from memory. name stands for the file in messages. */
bool config_read_text(struct config *config, const char *name, struct slice text,
                      config_error_cb on_error, void *ctx);
