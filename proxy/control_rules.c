/* The rule set on the control thread: where it comes from, the first load, the end. */
#include "control_internal.h"
#include "jail.h"

#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

struct ruleset *control_load(struct control *control, const struct rule_files *files,
                             const struct policy_copy *policy, struct load_order *order,
                             struct rules_judgement *judgement, struct err *err)
{
    const struct config *config = control->config;
    *judgement = (struct rules_judgement){.cost = 0};
    struct rules_source source = {
        .use_builtin = config->use_builtin,
        .bundle_paths = (const char *const *)files->bundles.items,
        .n_bundles = files->bundles.n,
        .n_own_bundles = files->n_own,
        .eocs_directory = files->eocs_directory,
        .cache = control->cache[0] != '\0' ? control->cache : NULL,
        .judge = jail_judge,
        .judge_ctx = &control->is_over,
        .judgement = judgement,
        .max_cost = config->max_cost,
        .before = order->before,
        .tries = order->tries,
        .promotes = order->promotes,
        .refused = order->refused_list,
        .n_refused = order->n_refused,
        .left_out = &order->left_out,
        .news = order->news,
        .trust = control->trust,
        .changes = &policy->changes,
        .policy = &policy->policy,
        .is_stale = policy->is_stale,
    };
    for (size_t i = 0; i < order->n_refused; i++)
        order->refused_list[i] = order->refused[i];
    return rules_load(&source, err);
}

/* How the process that judged was kept from the network. */
static const char *isolation_word(uint64_t isolation)
{
    static const char *const words[] = {"reachable", "own_namespace", "denied",
                                        "own_namespace,denied"};
    return words[isolation & (RULES_IN_NAMESPACE | RULES_BEHIND_FILTER)];
}

void control_note_refusal(struct control *control, const struct err *err)
{
    char line[1200];
    control->reload_err = *err;
    control->reload_err_unix = control_unix_now();
    err_format(err, line, sizeof(line));
    const char *code = err->code[0] != '\0' ? err->code : "E_RULES";
    uint64_t n_untold;
    if (!refusals_note(&control->refusals, code, uv_now(&control->loop), &n_untold))
        return;
    char untold[64] = "";
    if (n_untold != 0)
        (void)snprintf(untold, sizeof(untold), " untold_before=%llu", (unsigned long long)n_untold);
    events_emit(control->events, EVENT_SET_REFUSED, err->code, "code=%s active=%s%s reason=%s",
                code, control->set != NULL ? ruleset_name(control->set) : "none", untold, line);
}

void control_note_left_out(struct control *control, const struct load_order *order)
{
    struct ruleset_stats stats;
    if (order->left_out.kind == ERR_NONE)
        return;
    ruleset_stats(control->set, &stats);
    control->trust_watch->has_no_rules = stats.n_rules == 0;
    control_note_refusal(control, &order->left_out);
}

void control_note_judgement(struct control *control, const struct rules_judgement *judgement)
{
    control->judgement = *judgement;
    if (judgement->cost == 0)
        return;
    log_event("info", "rules_judged",
              "rules=%llu cost=%llu worst_cost=%llu max_cost=%llu took_ms=%llu network=%s",
              (unsigned long long)judgement->n_rules, (unsigned long long)judgement->cost,
              (unsigned long long)judgement->worst_cost,
              (unsigned long long)control->config->max_cost, (unsigned long long)judgement->took_ms,
              isolation_word(judgement->isolation));
}

/* Try this; false: there is a set already, or it is refused, too. */
static bool load_instead(struct control *control, bool is_less, const struct rule_files *files,
                         const struct policy_copy *policy, struct err *err)
{
    if (control->set != NULL || !is_less)
        return false;
    struct load_order order = {.tries = false};
    control->set = control_load(control, files, policy, &order, &control->judgement, err);
    const char *former = control_eocs_former(control);
    if (control->set != NULL && files->eocs_directory == NULL)
        control_eocs_drop(control);
    else if (control->set != NULL && former != NULL && strcmp(files->eocs_directory, former) == 0)
        control_eocs_fall_back(control);
    return control->set != NULL;
}

/* What is left when all together was refused: what the files have that are not to blame, then what
 * was in force before, then the last known good sets, then what is in the program. */
static void load_less(struct control *control, const struct rule_files *files,
                      const struct policy_copy *policy, struct err *err)
{
    char *eocs = files->eocs_directory;
    const char *former = control_eocs_former(control);
    char *eocs_before = former != NULL ? strdup(former) : NULL; /* no memory: one attempt less */
    bool has_builtin = control->config->use_builtin;
    bool has_bundles = files->bundles.n != 0;
    struct rule_files kept[2] = {{.eocs_directory = eocs}, {.eocs_directory = eocs}};
    struct err refused = *err;
    control_trust_kept(control, TRUST_IN_FORCE, &kept[0].bundles);
    control_trust_kept(control, TRUST_LAST_GOOD, &kept[1].bundles);
    const struct {
        bool is_less;
        struct rule_files files;
    } attempts[] = {
        {eocs_before != NULL, {.bundles = files->bundles, .eocs_directory = eocs_before}},
        {eocs != NULL && (has_bundles || has_builtin), {.bundles = files->bundles}},
        {kept[0].bundles.n != 0, kept[0]},
        {kept[1].bundles.n != 0, kept[1]},
        {eocs != NULL && kept[1].bundles.n != 0, {.bundles = kept[1].bundles}},
        {eocs != NULL && has_bundles && has_builtin, {.eocs_directory = eocs}},
    };
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
        (void)load_instead(control, attempts[i].is_less, &attempts[i].files, policy, err);
    bool is_full = control->set == NULL && strcmp(refused.code, "E_STATE_WRITE") == 0;
    (void)load_instead(control, is_full && control_trust_forget(control, &refused), files, policy,
                       err);
    /* Without any rule requests are still checked for their form: better than no mail. */
    if (load_instead(control, true, &(struct rule_files){.eocs_directory = NULL}, policy, err) &&
        !has_builtin)
        control->trust_watch->has_no_rules = true;
    free(eocs_before);
    for (size_t i = 0; i < 2; i++) {
        kept[i].eocs_directory = NULL; /* borrowed */
        control_rule_files_done(&kept[i]);
    }
    if (control->set != NULL) {
        control->reloads_failed++;
        control_note_refusal(control, &refused);
    }
}

/* What was loaded is what a restart comes back to; less than was asked for must not overwrite it.
 */
static void note_first(struct control *control, bool is_whole)
{
    struct trust_set first;
    if (is_whole || ruleset_bundles(control->set, &first, 1) != 0)
        control_trust_first(control);
}

/* What was in force before the start, where rules come by themselves: then the files follow, as a
 * reload. False: there is no such set, or it does not load. */
static bool load_kept(struct control *control, const struct policy_copy *policy)
{
    struct rule_files files;
    struct load_order order = {.tries = false};
    struct err ignored;
    control_canary_refused(control, &order);
    if (!control_find_kept_files(control, &files))
        return false;
    control->set = control_load(control, &files, policy, &order, &control->judgement, &ignored);
    control->has_begun_with_kept = control->set != NULL;
    if (control->set != NULL)
        control_note_left_out(control, &order);
    control_rule_files_done(&files);
    return control->set != NULL;
}

/* The first set. What is refused is left out step by step, first what Microsoft's feed gave: it
 * must not keep mail down after a reboot. What is compiled in still protects, and log, metric and
 * status say that it is not what was asked for. */
static void load_first(struct control *control, const struct policy_copy *policy, struct err *err)
{
    struct rule_files files;
    struct load_order order = {.tries = false};
    control_canary_refused(control, &order);
    if (load_kept(control, policy)) {
        note_first(control, true);
        return;
    }
    if (control_find_rule_files(control, &files, err))
        control->set = control_load(control, &files, policy, &order, &control->judgement, err);
    bool is_whole = control->set != NULL;
    if (is_whole)
        control_note_left_out(control, &order);
    else
        (void)control_trust_refused(control, err); /* what is left is tried in any case */
    /* The program that we would replace has its rules: better those than less protection. */
    if (control->set == NULL && control->take_over_url == NULL)
        load_less(control, &files, policy, err);
    control_rule_files_done(&files);
    if (control->set != NULL)
        note_first(control, is_whole);
}

bool control_rules_start(struct control *control, struct err *err)
{
    const char *state = control->config->state_dir;
    struct policy_copy *policy = control_policy(control);
    /* A path that does not fit costs time only. */
    if (state != NULL && strlen(state) < sizeof(control->cache) - sizeof("/cache"))
        (void)snprintf(control->cache, sizeof(control->cache), "%s/cache", state);
    if (policy == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory for the rules");
    load_first(control, policy, err);
    control->set_since = control_unix_now();
    if (control->set != NULL)
        control_note_judgement(control, &control->judgement);
    control_policy_done(control, policy, control->set != NULL);
    free(policy);
    if (control->set != NULL) {
        control_tell_mitigations(control, NULL, control->set);
        control_policy_warn(control);
        control_policy_tick(control);
    }
    return control->set != NULL;
}

struct lease *control_new_lease(struct control *control, struct err *err)
{
    struct lease *lease = lease_new(control->set, err);
    struct lease_list *list = &control->leases;
    if (lease == NULL)
        return NULL;
    struct lease **items = realloc(list->items, (list->n + 1) * sizeof(*items));
    if (items == NULL) {
        lease_free(lease);
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "no memory for a lease");
        return NULL;
    }
    list->items = items;
    list->items[list->n++] = lease;
    return lease;
}

void control_rules_done(struct control *control)
{
    control_totals_done(control);
    free(control->leases.items);
    ruleset_unref(control->set);
    trust_close(control->trust);
}
