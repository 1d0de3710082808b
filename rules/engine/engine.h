/* What the rest of rules/ and the tests need of the engine beside stopgap/ruleset.h: making a
 * set from parsed rules and asking it about one request without caps. */
#pragma once

#include "language/rule.h"
#include "stopgap/ruleset.h"

/* Compile rules. They are taken on success (the list is empty then) and unchanged on failure.
 *
 * Returns a set with one reference, named "" until ruleset_set_identity, or NULL with err:
 * E_COMPILE or E_LINT with the rule's id and file, E_LIMIT, ERR_MEMORY. */
MUST_USE struct ruleset *ruleset_compile(struct rule_list *rules, struct err *err);

/* Name the set; only before another thread knows it. name and hash are copied. */
MUST_USE bool ruleset_set_identity(struct ruleset *set, const char *name, const char *hash,
                                   uint64_t load_us);
/* When the earliest of its bundles stops being fresh, 0: never; and whether one is there only
 * because it was accepted before. Before the set is published. */
void ruleset_set_trust(struct ruleset *set, int64_t expires_unix, bool has_former_keys);

/* What mitigations the set and the rules left out of it make; copied. Before the set is published.
 * False: no memory. */
MUST_USE bool ruleset_set_mitigations(struct ruleset *set, const struct mitigation_info *infos,
                                      size_t n);

/* The operator's modes and exclusions; copied. Before the set is published, and after its samples
 * were tried: they prove the rules, not what was changed about them. False: no memory. */
MUST_USE bool ruleset_set_changes(struct ruleset *set, const struct rules_changes *changes);
/* Lines for ruleset_warning; taken with their array. */
void ruleset_set_warnings(struct ruleset *set, char **lines, size_t n);

/* The rule as it was parsed. */
const struct rule *ruleset_source_rule(const struct ruleset *set, size_t index);

/* What wakes a rule: one of n facts that the scan finds. */
struct rule_guard {
    size_t n;       /* 0: nothing, the rule is evaluated for every request */
    unsigned score; /* how rare the commonest of them is: about the bytes of its text */
    bool has_body;  /* one of them is that there is a body */
    size_t n_regex; /* of them, those that are scanned as a whole regex, having no such text */
};
struct rule_guard ruleset_rule_guard(const struct ruleset *set, size_t index);

/* One request, complete, with the response to it. */
struct trial {
    const struct request_head *head;
    struct slice body;
    const struct response_head *response;
    /* Evaluate every rule on every value without the multi-pattern scan: the scan may only
     * save work, so both ways must agree. */
    bool is_exhaustive;
};

/* Which rules match, whatever their mode; a response rule needs its response as well.
 *
 * ret_matched  one bool for each rule of the set
 *
 * False when the matcher failed or memory is out: nothing can be said then. */
MUST_USE bool ruleset_try(struct lease *lease, const struct trial *trial, bool *ret_matched);
