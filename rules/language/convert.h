/* From the loaded texts to struct rule, with every check that needs no engine. Private to this
 * folder. */
#pragma once

#include "report.h"
#include "rule.h"
#include "scan.h"
#include "schema.h"

struct convert {
    const struct report *report;
    size_t n_nodes;
    bool is_response; /* inside when_response */
};

/* Fill rule from yaml, which loses the parts that were moved. rule_free in any case. */
MUST_USE bool convert_rule(const struct report *report, struct yaml_rule *yaml, struct rule *rule);

/* A condition tree. *ret_node may be set on failure too, for rule_free. */
MUST_USE bool convert_node(struct convert *convert, struct yaml_node *yaml, uint64_t path,
                           unsigned depth, struct node **ret_node);

/* Both lists of samples. */
MUST_USE bool convert_samples(const struct report *report, struct yaml_samples *yaml,
                              struct rule *rule);

/* One test, after its parts are in place. path is the node's, operand_path its operator's. */
MUST_USE bool lint_test(const struct convert *convert, const struct node *node, uint64_t path,
                        uint64_t operand_path);

/* "404" in min..max. */
MUST_USE bool convert_number(const struct report *report, const char *text, uint64_t path,
                             const unsigned range[2], unsigned *ret_value);

/* Hand over what *from points to. */
static inline char *take_text(char **from)
{
    char *text = *from;
    *from = NULL;
    return text;
}

static inline char **take_texts(char ***from, unsigned *n_from, size_t *ret_n)
{
    char **texts = *from;
    *ret_n = *n_from;
    *from = NULL;
    *n_from = 0;
    return texts;
}

/* Free a rule and all its parts; half-built ones and NULL, too. */
void rule_free(struct rule *rule);
