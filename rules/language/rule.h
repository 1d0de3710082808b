/* One rule as parsed from YAML: checked, but not yet compiled. Owned by its rule_list. */
#pragma once

#include "stopgap/err.h"
#include "stopgap/slice.h"

enum field_id {
    FIELD_METHOD = 0,
    FIELD_TARGET,
    FIELD_PATH,
    FIELD_QUERY,
    FIELD_ARG,
    FIELD_ARG_NAME,
    FIELD_HEADER,
    FIELD_HEADER_NAME,
    FIELD_COOKIE,
    FIELD_COOKIE_NAME,
    FIELD_FORM,
    FIELD_FORM_NAME,
    FIELD_BODY,
    FIELD_JSON_KEY, /* the next ten in the order of enum body_kind */
    FIELD_JSON,
    FIELD_XML_ELEMENT,
    FIELD_XML_ATTRIBUTE,
    FIELD_XML_TEXT,
    FIELD_XML_ATTR,
    FIELD_XML_BASE64,
    FIELD_MULTIPART_NAME,
    FIELD_MULTIPART_FILENAME,
    FIELD_MULTIPART,
    FIELD_BODY_ANOMALY,
    FIELD_HOST,
    FIELD_VDIR,
    FIELD_CLIENT,
    FIELD_ANOMALY,
    FIELD_IIS_INPUT,
    FIELD_STATUS,
    FIELD_RESPONSE_HEADER,
    FIELD_COUNT,
};

enum operator_id {
    OP_REGEX = 0,
    OP_CONTAINS,
    OP_EQUALS,
    OP_STARTS_WITH,
    OP_ENDS_WITH,
    OP_ONE_OF,
    OP_EXISTS,
    OP_IN_CIDR,
    OP_COUNT,
};

enum node_kind {
    NODE_ALL = 0, /* true when it has no child */
    NODE_ANY,     /* false when it has no child */
    NODE_NONE,
    NODE_TEST,
};

/* A node of a condition tree. */
struct node {
    enum node_kind kind;
    unsigned line;          /* in the rule's file; 0: unknown */
    struct node **children; /* ALL, ANY, NONE */
    size_t n_children;
    enum field_id field; /* the rest: TEST */
    char *name; /* of the argument, header or cookie; NULL: all of them. IIS_INPUT: the input */
    enum operator_id op;
    bool is_negated; /* not_regex and the like */
    bool is_case_sensitive;
    char *value;   /* one operand; NULL with ONE_OF, IN_CIDR, EXISTS */
    char **values; /* ONE_OF, IN_CIDR */
    size_t n_values;
};

enum rule_action {
    ACTION_BLOCK = 0,
    ACTION_ABORT,
    ACTION_DETECT,
    ACTION_DENY_VDIR,
    ACTION_SET_HEADER,
    ACTION_APPEND_HEADER,
    ACTION_REMOVE_HEADER,
};

/* When a rule is in force. */
enum rule_activation {
    ACTIVATION_ALWAYS = 0,
    ACTIVATION_OPTION, /* when the operator switches it on */
    ACTIVATION_STALE,  /* when nobody has looked after the rules for long; or as an option */
    ACTIVATION_COUNT,
};

struct sample {
    char *method;
    char *target;
    char **headers; /* "Name: value" */
    size_t n_headers;
    char *body; /* decoded from body_base64 where that was given */
    size_t body_len;
    char *client;            /* NULL: 192.0.2.1 */
    unsigned status;         /* of the response; 0: 200 */
    char **response_headers; /* "Name: value" */
    size_t n_response_headers;
};

struct build_range {
    char *from;   /* NULL: from the beginning */
    char *before; /* NULL: up to now */
};

/* Keys of a rule file whose place is kept for messages. */
enum rule_key {
    RULE_KEY_ID = 0,
    RULE_KEY_TITLE,
    RULE_KEY_CVE,
    RULE_KEY_REFERENCES,
    RULE_KEY_APPLIES_TO,
    RULE_KEY_SIDE_EFFECTS,
    RULE_KEY_SUPERSEDED_BY,
    RULE_KEY_WHEN,
    RULE_KEY_SAMPLES,
    RULE_KEY_COUNT,
};

struct rule {
    char *id;
    char *title;
    char **cve;
    size_t n_cve;
    char **references;
    size_t n_references;
    char *severity;
    struct build_range *applies_to;
    size_t n_applies_to;
    char *side_effects;
    char **blind_to;
    size_t n_blind_to;
    char *superseded_by;
    char *mitigation; /* "M1.1"; without the key the rule's own id */
    enum rule_activation activation;
    bool is_detect_only; /* mode: detect, or action detect */
    bool is_kept;        /* its publisher says that it must not go without notice */
    bool is_tried;       /* its source came by itself, see struct origin */
    bool is_trial;       /* it only reports, beside the rules that are in force */
    enum rule_action action;
    unsigned status;
    char *header; /* response actions */
    char *value;
    char *separator;
    struct node *when;
    struct node *when_response; /* NULL without */
    struct sample *must_block;
    size_t n_must_block;
    struct sample *must_pass;
    size_t n_must_pass;
    char *source;                   /* "builtin" or the bundle's name */
    char *file;                     /* where it was read, for messages */
    unsigned lines[RULE_KEY_COUNT]; /* 0: the key is not there */
};

struct rule_list {
    struct rule **items;
    size_t n;
};

/* Add a rule, which the list owns then. False: no memory, nothing changed. */
MUST_USE bool rule_list_append(struct rule_list *list, struct rule *rule);

/* Parse and lint one rule file and add it to list.
 *
 * text    borrowed; one YAML document
 * source  "builtin" or a bundle's name; copied
 * file    for messages; copied
 *
 * False with err: kind ERR_SYNTAX or ERR_LIMIT, code E_LINT, file, line, and the rule's id in the
 * text. The list is unchanged then. */
MUST_USE bool rules_parse(struct slice text, const char *source, const char *file,
                          struct rule_list *list, struct err *err);

/* What is done with one file; false ends the walk, with err. text is borrowed for the call. */
typedef bool (*rules_file_cb)(void *ctx, const char *path, struct slice text, struct err *err);

/* Every *.yaml below path in C-locale order, or the one file that path is. */
MUST_USE bool rules_each_file(const char *path, rules_file_cb each, void *ctx, struct err *err);

/* Read every *.yaml below path (C-locale order), or the one file that it is, into list. */
MUST_USE bool rules_parse_directory(const char *path, const char *source, struct rule_list *list,
                                    struct err *err);

void rule_list_done(struct rule_list *list);
/* Order of two struct rule *const, for qsort. */
int rule_compare_ids(const void *a, const void *b);

const char *field_word(enum field_id field);                  /* "arg_name" */
const char *operator_word(enum operator_id op);               /* "starts_with" */
const char *action_word(enum rule_action action);             /* "deny_vdir" */
const char *activation_word(enum rule_activation activation); /* "option" */
bool action_is_response(enum rule_action action);
/* Which fields change with the view, and which need the body or the response. */
bool field_has_views(enum field_id field);
bool field_needs_body(enum field_id field);
bool field_is_response(enum field_id field);
