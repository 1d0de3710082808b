/* What the rest of rules/ and the tests need of the engine beside stopgap/ruleset.h: making a
 * set from parsed rules and asking it about one request without caps. */
#pragma once

#include "language/rule.h"
#include "stopgap/ruleset.h"

struct origins;

/* Compile rules. They are taken on success (the list is empty then) and unchanged on failure.
 *
 * Returns a set with one reference, named "" until ruleset_set_identity, or NULL with err:
 * E_COMPILE or E_LINT with the rule's id and file, E_LIMIT, ERR_MEMORY. */
MUST_USE struct ruleset *ruleset_compile(struct rule_list *rules, struct err *err);

/* The same with a folder of compiled databases, see rules_source; NULL: none. */
MUST_USE struct ruleset *ruleset_compile_cached(struct rule_list *rules, const char *cache,
                                                struct err *err);

/* Name the set; only before another thread knows it. name and hash are copied. */
MUST_USE bool ruleset_set_identity(struct ruleset *set, const char *name, const char *hash,
                                   uint64_t load_us);
/* What is known of the sources; see struct ruleset_stats. Before the set is published. */
struct ruleset_facts {
    int64_t expires_unix, created_unix;
    size_t n_stale;
    bool has_former_keys;
};
void ruleset_set_facts(struct ruleset *set, const struct ruleset_facts *facts);

/* What mitigations the set and the rules left out of it make; copied. Before the set is published.
 * False: no memory. */
MUST_USE bool ruleset_set_mitigations(struct ruleset *set, const struct mitigation_info *infos,
                                      size_t n);

/* The operator's modes and exclusions; copied. Before the set is published, and after its samples
 * were tried: they prove the rules, not what was changed about them. False: no memory. */
MUST_USE bool ruleset_set_changes(struct ruleset *set, const struct rules_changes *changes);
/* The texts that the rules in force were made of, and where others are on trial (else NULL) those
 * of the candidate; both are taken. Before the set is published. */
void ruleset_set_origins(struct ruleset *set, struct origins *origins, struct origins *candidate);
/* Borrowed, NULL: none. */
struct origins *ruleset_origins(const struct ruleset *set);
struct origins *ruleset_candidate(const struct ruleset *set);
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

/* What one rule cost while a trace was on. */
struct rule_cost {
    uint64_t n_woken;    /* evaluated, in heads or bodies */
    uint64_t n_matched;  /* requests */
    uint64_t n_confirms; /* runs of PCRE2 */
    uint64_t n_bytes;    /* in values that were compared or searched */
    uint64_t confirm_ns;
    uint64_t evaluate_ns; /* with confirm_ns */
    uint64_t worst_ns;    /* of one evaluation */
};

/* What a lease notes of the requests it judges. */
struct lease_trace {
    uint64_t clock_ns;    /* what reading the clock takes; set by the caller */
    uint64_t views_ns;    /* heads and bodies taken apart, decoded */
    uint64_t scan_ns;     /* laid out as lines and scanned */
    uint64_t evaluate_ns; /* condition trees, with confirm_ns */
    uint64_t confirm_ns;  /* PCRE2 */
    uint64_t scanned_head_bytes;
    uint64_t scanned_body_bytes;
    uint64_t n_limits;        /* runs of PCRE2 that ended at a limit */
    uint64_t overhead_ns;     /* spent on tracing */
    struct rule_cost *rules;  /* [n_rules] of the set, zeroed by the caller */
    struct rule_cost *active; /* the one being evaluated */
};
/* Switch a trace on, or off with NULL; borrowed until then. Only while nothing is judged. */
void lease_set_trace(struct lease *lease, struct lease_trace *trace);

/* Forget what regexes said of values that may come again. */
void lease_forget(struct lease *lease);

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
