/* The shape of a rule file for libcyaml. Every key is optional here: convert.c says what is
 * missing, in words that name the remedy. */
#include "schema.h"

#include <stddef.h>

#include "language_limits.h"

#include "stopgap/banned.h"

#define OPT CYAML_FLAG_OPTIONAL
#define OPT_LIST (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER)

#define TEXT(key, structure, member, max)                                                          \
    CYAML_FIELD_STRING_PTR(key, OPT, struct structure, member, 0, max)
#define TEXTS(key, structure, member, count, max)                                                  \
    CYAML_FIELD_SEQUENCE_COUNT(key, OPT_LIST, struct structure, member, count, &text_entry, 0, max)
#define TEXTS_SOME(key, structure, member, count, max)                                             \
    CYAML_FIELD_SEQUENCE_COUNT(key, OPT_LIST, struct structure, member, count, &text_entry, 1, max)

static const struct cyaml_schema_value text_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, LIMIT_RULE_TEXT_BYTES),
};

/* A node holds nodes; places_scan has bounded the depth before. */
static const struct cyaml_schema_value node_entry;

#define NODES(key, kind, min)                                                                      \
    CYAML_FIELD_SEQUENCE_COUNT(key, OPT_LIST, struct yaml_node, group[kind], n_group[kind],        \
                               &node_entry, min, LIMIT_CONDITIONS)
#define OPERAND(key, index) TEXT(key, yaml_node, text[index], LIMIT_PATTERN_BYTES)
#define OPERANDS(key, index)                                                                       \
    TEXTS_SOME(key, yaml_node, list[index], n_list[index], LIMIT_TEST_VALUES)

static const struct cyaml_schema_field node_fields[] = {
    NODES("all", 0, 0),
    NODES("any", 1, 1),
    NODES("none", 2, 1),
    TEXT("field", yaml_node, field, LIMIT_RULE_TEXT_BYTES),
    TEXT("name", yaml_node, name, LIMIT_RULE_TEXT_BYTES),
    TEXT("case", yaml_node, sensitivity, LIMIT_RULE_TEXT_BYTES),
    OPERAND("regex", 0),
    OPERAND("not_regex", 1),
    OPERAND("contains", 2),
    OPERAND("not_contains", 3),
    OPERAND("equals", 4),
    OPERAND("not_equals", 5),
    OPERAND("starts_with", 6),
    OPERAND("not_starts_with", 7),
    OPERAND("ends_with", 8),
    OPERAND("not_ends_with", 9),
    OPERANDS("one_of", 0),
    OPERANDS("not_one_of", 1),
    OPERANDS("in_cidr", 2),
    OPERANDS("not_in_cidr", 3),
    TEXT("exists", yaml_node, exists, LIMIT_RULE_TEXT_BYTES),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_value node_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_node, node_fields),
};

static const struct cyaml_schema_field sample_fields[] = {
    TEXT("method", yaml_sample, method, LIMIT_RULE_TEXT_BYTES),
    TEXT("target", yaml_sample, target, LIMIT_RULE_FILE_BYTES),
    TEXTS("headers", yaml_sample, headers, n_headers, LIMIT_SAMPLE_HEADERS),
    TEXT("body", yaml_sample, body, LIMIT_RULE_FILE_BYTES),
    TEXT("body_base64", yaml_sample, body_base64, LIMIT_RULE_FILE_BYTES),
    TEXT("client", yaml_sample, client, LIMIT_RULE_TEXT_BYTES),
    TEXT("status", yaml_sample, status, LIMIT_RULE_TEXT_BYTES),
    TEXTS("response_headers", yaml_sample, response_headers, n_response_headers,
          LIMIT_SAMPLE_HEADERS),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_value sample_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_sample, sample_fields),
};

#define SAMPLES(key, member)                                                                       \
    CYAML_FIELD_SEQUENCE_COUNT(key, OPT_LIST, struct yaml_samples, member, n_##member,             \
                               &sample_entry, 0, LIMIT_SAMPLES_PER_RULE)

static const struct cyaml_schema_field samples_fields[] = {
    SAMPLES("must_block", must_block),
    SAMPLES("must_pass", must_pass),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field range_fields[] = {
    TEXT("from", yaml_range, from, LIMIT_RULE_TEXT_BYTES),
    TEXT("before", yaml_range, before, LIMIT_RULE_TEXT_BYTES),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_value range_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_range, range_fields),
};

static const struct cyaml_schema_field action_fields[] = {
    TEXT("type", yaml_action, type, LIMIT_RULE_TEXT_BYTES),
    TEXT("status", yaml_action, status, LIMIT_RULE_TEXT_BYTES),
    TEXT("header", yaml_action, header, LIMIT_RULE_TEXT_BYTES),
    TEXT("value", yaml_action, value, LIMIT_RULE_TEXT_BYTES),
    TEXT("separator", yaml_action, separator, LIMIT_RULE_TEXT_BYTES),
    CYAML_FIELD_END,
};

static const struct cyaml_schema_field rule_fields[] = {
    TEXT("id", yaml_rule, id, LIMIT_RULE_TEXT_BYTES),
    TEXT("title", yaml_rule, title, LIMIT_RULE_TEXT_BYTES),
    TEXTS("cve", yaml_rule, cve, n_cve, LIMIT_RULE_NOTES),
    TEXTS("references", yaml_rule, references, n_references, LIMIT_RULE_NOTES),
    TEXT("severity", yaml_rule, severity, LIMIT_RULE_TEXT_BYTES),
    CYAML_FIELD_SEQUENCE_COUNT("applies_to", OPT_LIST, struct yaml_rule, applies_to, n_applies_to,
                               &range_entry, 0, LIMIT_RULE_NOTES),
    TEXT("side_effects", yaml_rule, side_effects, LIMIT_RULE_TEXT_BYTES),
    TEXTS("blind_to", yaml_rule, blind_to, n_blind_to, LIMIT_RULE_NOTES),
    TEXT("superseded_by", yaml_rule, superseded_by, LIMIT_RULE_TEXT_BYTES),
    TEXT("keep", yaml_rule, keep, LIMIT_RULE_TEXT_BYTES),
    TEXT("mitigation", yaml_rule, mitigation, LIMIT_RULE_TEXT_BYTES),
    TEXT("mode", yaml_rule, mode, LIMIT_RULE_TEXT_BYTES),
    TEXT("activation", yaml_rule, activation, LIMIT_RULE_TEXT_BYTES),
    CYAML_FIELD_MAPPING_PTR("action", OPT, struct yaml_rule, action, action_fields),
    CYAML_FIELD_MAPPING_PTR("when", OPT, struct yaml_rule, when, node_fields),
    CYAML_FIELD_MAPPING_PTR("when_response", OPT, struct yaml_rule, when_response, node_fields),
    CYAML_FIELD_MAPPING_PTR("samples", OPT, struct yaml_rule, samples, samples_fields),
    CYAML_FIELD_END,
};

const struct cyaml_schema_value yaml_rule_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct yaml_rule, rule_fields),
};
