/* A rule file as libcyaml loads it: texts, nothing checked but the shape. Private to this folder.
 *
 * Everything stays text here, because libcyaml takes "403abc" for a number and any word for a
 * boolean; convert.c reads them strictly. A pointer that is NULL means: the key was not given. */
#pragma once

#include <cyaml/cyaml.h>

#include "report.h"

enum {
    N_GROUPS = 3,          /* all, any, none: as enum node_kind */
    N_TEXT_OPERATORS = 10, /* regex, not_regex, contains, ...: 2 * operator + is_negated */
    N_LIST_OPERATORS = 4,  /* one_of, not_one_of, in_cidr, not_in_cidr */
};

struct yaml_node {
    struct yaml_node *group[N_GROUPS];
    unsigned n_group[N_GROUPS];
    char *field;
    char *name;
    char *sensitivity; /* key "case" */
    char *text[N_TEXT_OPERATORS];
    char **list[N_LIST_OPERATORS];
    unsigned n_list[N_LIST_OPERATORS];
    char *exists;
};

struct yaml_sample {
    char *method;
    char *target;
    char **headers;
    unsigned n_headers;
    char *body;
    char *body_base64;
    char *client;
    char *status;
    char **response_headers;
    unsigned n_response_headers;
};

struct yaml_samples {
    struct yaml_sample *must_block;
    unsigned n_must_block;
    struct yaml_sample *must_pass;
    unsigned n_must_pass;
};

struct yaml_range {
    char *from;
    char *before;
};

struct yaml_action {
    char *type;
    char *status;
    char *header;
    char *value;
    char *separator;
};

struct yaml_rule {
    char *id;
    char *title;
    char **cve;
    unsigned n_cve;
    char **references;
    unsigned n_references;
    char *severity;
    struct yaml_range *applies_to;
    unsigned n_applies_to;
    char *side_effects;
    char **blind_to;
    unsigned n_blind_to;
    char *superseded_by;
    char *keep;
    char *mitigation;
    char *mode;
    char *activation;
    struct yaml_action *action;
    struct yaml_node *when;
    struct yaml_node *when_response;
    struct yaml_samples *samples;
};

extern const struct cyaml_schema_value yaml_rule_schema;

/* Load a text that places_scan has passed. Memory is from malloc, so that its parts can be moved
 * out. False with an error at the line of the key. Free with yaml_rule_free. */
MUST_USE bool yaml_rule_load(struct slice text, const struct report *report,
                             struct yaml_rule **ret_rule);
void yaml_rule_free(struct yaml_rule *rule); /* NULL is allowed */
