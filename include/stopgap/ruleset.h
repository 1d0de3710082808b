/* Rule sets: made off the event loops, immutable, handed to workers as leases.
 *
 * A ruleset is counted and belongs to the control thread. A lease is one worker's share of it,
 * with its own scratch memory; only its worker touches it, so its holder count is a plain
 * integer. The checks below allocate from the transaction's arena and take no lock. */
#pragma once

#include "stopgap/arena.h"
#include "stopgap/buf.h"
#include "stopgap/changes.h"
#include "stopgap/err.h"
#include "stopgap/mitigation.h"
#include "stopgap/request.h"
#include "stopgap/trust.h"
#include "stopgap/verdict.h"

struct ruleset;
struct lease;
struct inspection;  /* one request under inspection; lives in the transaction's arena */
struct trust_store; /* stopgap/bundle.h */

/* How the process that judges is kept from a network. */
enum rules_isolation { RULES_IN_NAMESPACE = 1, RULES_BEHIND_FILTER = 2 };

/* What judging a set found out. */
struct rules_judgement {
    uint64_t cost;       /* of usual requests; the shipped rules alone cost 1000 */
    uint64_t worst_cost; /* the same for the slowest of long ones full of what rules look for */
    uint64_t n_rules;
    uint64_t database_bytes;
    uint64_t took_ms;
    uint64_t isolation; /* bits of enum rules_isolation */
};

/* Have a set judged before it is built, in another process where this one could come to harm.
 *
 * request  bytes for rules_judge, good for the call
 *
 * False with err: the set must not be used. */
typedef bool (*rules_judge_cb)(void *ctx, struct slice request, struct rules_judgement *ret,
                               struct err *err);

enum { RULES_MAX_NEWS = 8 }; /* names that come by themselves; there are one or two */

/* Sources that came by themselves and are not in force. */
struct rules_news {
    char hashes[RULES_MAX_NEWS][TRUST_HASH_BYTES]; /* of what is no bundle */
    size_t n_hashes;
    struct trust_set bundles[RULES_MAX_NEWS];
    size_t n_bundles;
};

/* Where a rule set comes from and what the operator changed about it. Borrowed for the call. */
struct rules_source {
    bool use_builtin;                /* the set compiled into the program */
    const char *const *bundle_paths; /* signed bundles (*.sgb), each adds its rules */
    size_t n_bundles;
    size_t n_own_bundles; /* the first of them: named by the operator, so never on trial */
    const char *const *directories; /* unsigned rule directories: for rule authors' tools only */
    size_t n_directories;
    const char
        *eocs_directory;  /* rule files made of Microsoft's feed, see stopgap/eocs.h; NULL: none */
    const char *cache;    /* folder for compiled databases, made when it is missing; NULL: none */
    bool is_stale;        /* rules with `activation: stale` are in force */
    rules_judge_cb judge; /* asked about a set with rules that are not in the program; NULL: no */
    void *judge_ctx;
    uint64_t max_cost; /* E_COST for a set that costs more, see rules_judgement; 0: any cost */
    const struct ruleset *before; /* in force now; NULL: none */
    /* New and changed rules of sources that came by themselves only report, beside the rules of
     * `before`; ruleset_trial tells. */
    bool tries;
    bool promotes;              /* what is on trial in `before` is in force from now on */
    const char *const *refused; /* SHA-256 of sources that failed: those of `before` stand in */
    size_t n_refused;
    /* A bundle that its publisher withdrew is left out, and here is why; untouched when there is
     * none. NULL: it refuses the set. */
    struct err *left_out;
    /* NULL, or such sources stand aside for those of `before`, and are listed here. */
    struct rules_news *news;
    struct rules_judgement *judgement; /* what judge found out, when it was asked; NULL */
    struct trust_store *trust; /* verifies bundles, keeps the highest serials; NULL: no bundle */
    const struct rules_changes *changes;    /* NULL: none */
    const struct mitigation_policy *policy; /* NULL: every mitigation applies */
};

/* The rule-set path in one function: read, verify, parse, compile, self-test.
 *
 * Takes up to seconds; call it off the event loops. Returns a set with one reference, or NULL
 * with err: the code of the first failure (E_SIG_THRESHOLD, E_ROLLBACK, E_LINT, E_COMPILE,
 * E_SELFTEST, ...), file, line and rule id where known. */
struct ruleset *rules_load(const struct rules_source *source, struct err *err);

/* Try everything that can be wrong with a set, and leave its databases in the cache: what runs in
 * the process that is started for it.
 *
 * request    as the callback was given it
 * isolation  bits of enum rules_isolation, for the reply
 * reply      appended to: bytes for rules_judge_reply
 *
 * False: no memory for the reply. */
MUST_USE bool rules_judge(struct slice request, unsigned isolation, struct buf *reply);
/* False with err: the set was refused, or (E_COMPILE) the reply is not whole. */
MUST_USE bool rules_judge_reply(struct slice reply, struct rules_judgement *ret, struct err *err);

struct ruleset *ruleset_ref(struct ruleset *set); /* any thread */
void ruleset_unref(struct ruleset *set);          /* any thread; NULL is allowed */

/* One line that names the set in logs: "builtin@1.0.0+name@epoch.serial", constant for its life. */
const char *ruleset_name(const struct ruleset *set);

/* Hex SHA-256 over the rules, their order and the operator's changes. */
const char *ruleset_hash(const struct ruleset *set);

/* The signed bundles that it was made of, at most max; returns how many. */
size_t ruleset_bundles(const struct ruleset *set, struct trust_set *ret_sets, size_t max);
/* Those whose rules are on trial beside them. */
size_t ruleset_bundles_on_trial(const struct ruleset *set, struct trust_set *ret_sets, size_t max);

struct ruleset_stats {
    size_t n_rules;
    size_t n_patterns;  /* in the multi-pattern databases */
    size_t n_cached;    /* databases, of two, that were compiled before */
    size_t n_on_trial;  /* rules that only report, see rules_source.tries */
    size_t n_unguarded; /* rules that must be evaluated for every request */
    size_t database_bytes;
    size_t scratch_bytes;
    uint64_t load_us;
    uint64_t compile_us;  /* of load_us: conditions, databases */
    int64_t expires_unix; /* earliest of its bundles, 0: none; a state to show, never a stop */
    int64_t created_unix; /* of the newest of its bundles, 0: none */
    size_t n_stale;       /* rules with `activation: stale` in the sources, in force or not */
    bool has_former_keys; /* a bundle was accepted under keys that no longer count; as above */
};
void ruleset_stats(const struct ruleset *set, struct ruleset_stats *ret_stats);

#define RULE_TRIAL_SUFFIX "~trial"

/* What is known of one rule, for status, metrics and tools. */
struct rule_info {
    const char *id;
    const char *title;
    const char *cve; /* comma-separated */
    const char *severity;
    const char *action;
    const char *side_effects;
    const char *source;     /* "builtin" or the bundle's name */
    const char *activation; /* "always", "option", "stale" */
    bool is_enforced;
    bool is_on_trial;    /* its id ends in RULE_TRIAL_SUFFIX, and it only reports */
    size_t n_must_block; /* samples that proved the rule when the set was loaded */
    size_t n_must_pass;
};
/* Rules that only report until the set is promoted. */
struct rules_trial {
    size_t n_rules;
    bool is_critical; /* one of their publishers says that it is urgent */
    char name[256];   /* "core@1.6" */
};
/* False: nothing is on trial. */
bool ruleset_trial(const struct ruleset *set, struct rules_trial *ret_trial);

/* The sources of set, or of what is on trial in it, that `before` has not in force: their hashes,
 * borrowed from set, and the bundles among them. At most max of both; returns the number of hashes.
 */
size_t ruleset_news(const struct ruleset *set, const struct ruleset *before,
                    const char **ret_hashes, struct trust_set *ret_bundles, size_t max,
                    size_t *ret_n_bundles);

size_t ruleset_n_rules(const struct ruleset *set);
const struct rule_info *ruleset_rule(const struct ruleset *set, size_t index);
/* The rule with this id, SIZE_MAX without one; a set has thousands, so it is not a walk. */
size_t ruleset_find(const struct ruleset *set, const char *id);

/* What of the operator's changes names a rule that no source has, a line each: after an update of
 * the rules that is no mistake, so it does not stop a load. */
size_t ruleset_n_warnings(const struct ruleset *set);
const char *ruleset_warning(const struct ruleset *set, size_t index);

/* The mitigations that the sources hold, those that are not in force, too. */
size_t ruleset_n_mitigations(const struct ruleset *set);
const struct mitigation_info *ruleset_mitigation(const struct ruleset *set, size_t index);
/* The one with this id, as it is written; NULL without one. */
const struct mitigation_info *ruleset_find_mitigation(const struct ruleset *set, const char *id);

/* A lease for one worker; keeps a reference to the set. Call off the loops. NULL: no memory. */
struct lease *lease_new(struct ruleset *set, struct err *err);
/* Frees the scratch and drops the reference. The lease must have no holder. */
void lease_free(struct lease *lease);
void lease_hold(struct lease *lease);
/* Returns true when the last holder has gone. */
bool lease_release(struct lease *lease);
bool lease_is_held(const struct lease *lease);
struct ruleset *lease_ruleset(const struct lease *lease);

/* How often rule `index` matched in this worker since the lease began; read on any thread. */
uint64_t lease_rule_hits(const struct lease *lease, size_t index);

/* Judge the head of a request.
 *
 * head, arena  kept until the inspection ends (they belong to the transaction)
 * mode         RULES_OFF must not be passed: the proxy does not call then. In RULES_DETECT the
 *              action is PASS or NEED_BODY and edits_response is false, unless the operator's
 *              modes say block; hits are reported.
 * ret_inspection  set when the verdict is NEED_BODY or edits_response, else NULL
 *
 * On lack of memory the verdict says scan_failed. */
struct verdict rules_check_head(struct lease *lease, const struct request_head *head,
                                enum rules_mode mode, struct arena *arena,
                                struct inspection **ret_inspection);

/* Show the next piece of the body, decoded from its transfer coding. At most
 * rules_body_window() bytes in all are looked at; last says that the body or the window ends
 * here. Returns NEED_BODY until last. */
struct verdict rules_check_body(struct inspection *inspection, struct slice piece, bool last);

/* Bytes of body that inspection looks at. */
size_t rules_body_window(const struct inspection *inspection);

/* Free what the inspection holds outside the arena (stream state). Safe on NULL, callable once
 * when the transaction ends or when nothing more will be asked. */
void rules_end(struct inspection *inspection);

/* One change of the response head. */
struct header_edit {
    enum { EDIT_SET, EDIT_APPEND, EDIT_REMOVE } kind;
    struct slice name;
    struct slice value;     /* SET: the only value; APPEND: added to the first instance */
    struct slice separator; /* APPEND: between the old and the added value */
    struct slice rule_id;
};

/* The edits that the mitigations ask for on this response, in rule order.
 * Returns how many of ret_edits[0..max) were filled; slices live as long as the lease. */
size_t rules_edit_response(struct inspection *inspection, const struct response_head *response,
                           struct header_edit *ret_edits, size_t max);
