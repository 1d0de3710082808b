/* What `stopgap publish --check` looks at before anybody is offered a bundle. */
#include "cli/cmd_publish.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "diff/diff.h"
#include "jail.h"
#include "lint/lint.h"
#include "removal.h"
#include "trust/file.h"
#include "trust/utc.h"
#include "trust/walk.h"

#include "stopgap/banned.h"

enum {
    YEAR_S = 31557600, /* 365.25 days */
};

extern char **environ;

/* A warning: published only with --yes. */
static bool warn(const struct publish *publish, const char *code, const char *text, struct err *err)
{
    (void)printf("WARNING   %s: %s\n", code, text);
    return publish->is_sure ||
           err_set(err, ERR_USAGE, code, "%s; with --yes it is published all the same", text);
}

/* ---- dates */

/* No date may take a bundle away from anybody who comes late. */
static bool check_clocks(const struct publish *publish, const struct publish_item *item,
                         struct err *err)
{
    static const int years[] = {0, 1, 3, 10};
    bool done = true;
    for (size_t i = 0; done && i < sizeof(years) / sizeof(years[0]); i++) {
        int64_t now = time(NULL) + (int64_t)years[i] * YEAR_S;
        struct trust_store *store = publish_open_client(publish, now, err);
        struct bundle *bundle = store != NULL ? publish_verify(item, store, err) : NULL;
        done = bundle != NULL;
        if (done)
            (void)printf("clock     +%d years: accepted%s\n", years[i],
                         bundle_is_expired(bundle) ? ", expired, which is shown and stops nothing"
                                                   : "");
        bundle_close(bundle);
        trust_close(store);
    }
    return done;
}

/* ---- families */

static unsigned count_without(const struct root *root, uint32_t good, enum key_algorithm family)
{
    unsigned n = 0;
    for (size_t i = 0; i < root->n_keys; i++)
        n += (good >> i & 1) != 0 && root->keys[i].algorithm != family;
    return n;
}

/* Do the signatures that are there still count when one kind of key is retired? */
static bool check_family(const struct publish *publish, const struct root *root,
                         const struct signature_tally *tally, const char *what, struct err *err)
{
    bool done = true;
    for (int family = KEY_UNKNOWN + 1; done && family < KEY_ALGORITHMS; family++) {
        char text[200];
        unsigned good = count_without(root, tally->good_keys, (enum key_algorithm)family);
        if (good >= tally->needed)
            continue;
        (void)snprintf(text, sizeof(text), "without %s only %u of %u signatures on %s count",
                       key_algorithm_word((enum key_algorithm)family), good, tally->needed, what);
        done = warn(publish, "E_PUBLISH_FAMILY", text, err);
    }
    return done;
}

static bool check_bundle_families(const struct publish *publish, const struct publish_item *item,
                                  struct err *err)
{
    const struct root *root = chain_newest(&publish->chain);
    struct ustar archive;
    struct signature_tally tally;
    if (!ustar_read(buf_slice(&item->bytes), &archive, err))
        return false;
    const struct signature_request request = {.role = ROLE_RULES,
                                              .message = archive.members[0].data,
                                              .archive = &archive,
                                              .prefix = "sig/"};
    signature_count(root, &request, &tally);
    signature_apply_time(root, item->facts.created, &tally);
    ustar_done(&archive);
    return check_family(publish, root, &tally, "the bundle", err);
}

bool publish_check_chain(const struct publish *publish, struct err *err)
{
    const struct chain *chain = &publish->chain;
    bool done = true;
    for (size_t i = 1; done && i < chain->n_roots; i++) {
        struct signature_tally old;
        struct signature_tally own;
        char what[40];
        chain_count(chain, chain->roots[i], &old, &own);
        (void)snprintf(what, sizeof(what), "root %llu",
                       (unsigned long long)chain->roots[i]->version);
        done = check_family(publish, chain->roots[i - 1], &old, what, err) &&
               check_family(publish, chain->roots[i], &own, what, err);
    }
    if (done)
        (void)printf("roots     %zu, each followed by its successor\n", chain->n_roots);
    return done;
}

/* ---- the rules */

static bool load(const struct publish *publish, const char *path, struct ruleset **ret_set,
                 struct err *err)
{
    static const struct rules_changes all = {.takes_all = true};
    struct trust_store *store = publish_open_client(publish, 0, err);
    const struct rules_source source = {
        .bundle_paths = &path, .n_bundles = 1, .trust = store, .changes = &all};
    *ret_set = store != NULL ? rules_load(&source, err) : NULL;
    trust_close(store);
    return *ret_set != NULL;
}

static bool check_lint(const struct publish *publish, const struct publish_item *item,
                       struct err *err)
{
    static const struct rules_changes all = {.takes_all = true};
    struct lint_report report;
    struct trust_store *store = publish_open_client(publish, 0, err);
    const struct rules_source source = {
        .bundle_paths = &item->path, .n_bundles = 1, .trust = store, .changes = &all};
    bool done = store != NULL && lint_run(&source, false, &report, err);
    trust_close(store);
    if (!done)
        return false;
    for (size_t i = 0; i < report.n && report.n_errors != 0; i++)
        if (report.items[i].severity == LINT_ERROR)
            (void)printf("lint      %s:%u: %s [%s]\n", report.items[i].file, report.items[i].line,
                         report.items[i].text, report.items[i].code);
    (void)printf("lint      %zu rules: %zu errors, %zu warnings\n", report.n_rules, report.n_errors,
                 report.n - report.n_errors);
    done = report.n_errors == 0 ||
           err_set(err, ERR_COMPILE, "E_LINT",
                   "%zu errors in the rules; 'stopgap rules lint' says more", report.n_errors);
    lint_report_done(&report);
    return done;
}

/* As installs do: in a process with limits, beside requests of usual clients, and what it costs. */
static bool check_jail(const struct publish *publish, const struct publish_item *item,
                       struct err *err)
{
    static const struct rules_changes all = {.takes_all = true};
    struct rules_judgement judgement;
    struct trust_store *store = publish_open_client(publish, 0, err);
    const struct rules_source source = {
        .bundle_paths = &item->path, .n_bundles = 1, .trust = store, .changes = &all};
    bool done = store != NULL && jail_try(source, &judgement, err);
    trust_close(store);
    if (done)
        (void)printf("cost      %llu for usual requests, %llu for the slowest (1000: the shipped "
                     "rules); no usual request is stopped\n",
                     (unsigned long long)judgement.cost, (unsigned long long)judgement.worst_cost);
    return done;
}

static void count_samples(const struct ruleset *set, size_t *ret_block, size_t *ret_pass)
{
    *ret_block = *ret_pass = 0;
    for (size_t i = 0; i < ruleset_n_rules(set); i++) {
        *ret_block += ruleset_rule(set, i)->n_must_block;
        *ret_pass += ruleset_rule(set, i)->n_must_pass;
    }
}

/* The bundle of this name and lane that is on offer until now; NULL: none. */
static const struct pulse_entry *find_old(const struct publish *publish,
                                          const struct publish_item *item)
{
    for (size_t i = 0; i < publish->old.n_entries; i++) {
        const struct pulse_entry *entry = &publish->old.entries[i];
        if (strcmp(entry->name, item->entry.name) == 0 &&
            strcmp(entry->lane, item->entry.lane) == 0)
            return entry;
    }
    return NULL;
}

static size_t count_acting(const struct ruleset *set)
{
    size_t n = 0;
    for (size_t i = 0; i < ruleset_n_rules(set); i++)
        n += !ruleset_source_rule(set, i)->is_detect_only;
    return n;
}

static bool check_removal(const struct publish *publish, const struct publish_item *item,
                          const struct removal_count *removal, struct err *err)
{
    if (!removal_is_conspicuous(removal))
        return true;
    if (!item->facts.is_critical)
        (void)printf("removes   installs will hold this set back until an operator approves it; "
                     "with 'bundle build --urgency critical' they take it\n");
    return warn(publish, "E_PUBLISH_REMOVES",
                removal->kept != NULL
                    ? "a rule with 'keep: true' would be removed or loosened"
                    : "more than a fifth of the rules would be removed or loosened",
                err);
}

static bool compare(const struct publish *publish, const struct publish_item *item,
                    struct ruleset *old, struct ruleset *set, struct err *err)
{
    struct removal_count removal = {.n_before = count_acting(old)};
    struct rules_diff diff;
    size_t n_added = 0;
    size_t n_removed = 0;
    size_t n_looser = 0;
    if (!rules_diff_make(old, set, &diff, err))
        return false;
    for (size_t i = 0; i < diff.n_changes; i++) {
        const struct rule_change *change = &diff.changes[i];
        n_added += change->old_rule == NULL;
        n_removed += change->new_rule == NULL;
        n_looser +=
            change->old_rule != NULL && change->new_rule != NULL && change->drift == DRIFT_LOOSER;
        if (change->old_rule != NULL)
            (void)removal_note(&removal, change->old_rule, change->drift);
        if (change->new_rule == NULL && change->old_rule != NULL)
            (void)printf("removed   %s\n", change->old_rule->id);
    }
    (void)printf("diff      %zu rules added, %zu removed, %zu changed, of them %zu looser; %zu "
                 "samples are judged otherwise\n",
                 n_added, n_removed, diff.n_changes - n_added - n_removed, n_looser,
                 diff.n_verdicts);
    rules_diff_done(&diff);
    return check_removal(publish, item, &removal, err);
}

static bool check_diff(const struct publish *publish, const struct publish_item *item,
                       struct ruleset *set, struct err *err)
{
    const struct pulse_entry *entry = find_old(publish, item);
    struct ruleset *old = NULL;
    char name[128];
    char path[4096];
    if (entry == NULL) {
        (void)printf("diff      the first bundle of this name and min-engine\n");
        return true;
    }
    (void)snprintf(name, sizeof(name), "bundles/%s.sgb", entry->sha256);
    bool done = publish_path(publish, name, path, sizeof(path), err);
    if (done && !load(publish, path, &old, err)) {
        /* What was withdrawn cannot be loaded; that is why a new one comes. */
        (void)printf("diff      none: the bundle before is refused: %s: %s\n", err->code,
                     err->text);
        *err = (struct err){0};
        return true;
    }
    done = done && compare(publish, item, old, set, err);
    ruleset_unref(old);
    return done;
}

static bool check_rules(const struct publish *publish, const struct publish_item *item,
                        struct err *err)
{
    struct ruleset *set;
    struct ruleset_stats stats;
    size_t n_block;
    size_t n_pass;
    if (!check_lint(publish, item, err) || !check_jail(publish, item, err) ||
        !load(publish, item->path, &set, err))
        return false;
    ruleset_stats(set, &stats);
    count_samples(set, &n_block, &n_pass);
    (void)printf("compile   %zu rules, %zu patterns, %zu KiB, in %llu ms; %zu must-block and %zu "
                 "must-pass samples fine\n",
                 stats.n_rules, stats.n_patterns, stats.database_bytes / 1024,
                 (unsigned long long)(stats.compile_us / 1000), n_block, n_pass);
    bool done = check_diff(publish, item, set, err);
    ruleset_unref(set);
    return done;
}

/* ---- older engines */

/* The exit status of PROGRAM bundle verify FILE --trust ROOT; its words go where ours go. */
static int run_engine(const char *program, const char *path, const char *root)
{
    const char *argv[] = {program, "bundle", "verify", path, "--trust", root, NULL};
    pid_t pid;
    int status = 0;
    (void)fflush(stdout);
    /* posix_spawn does not write to them. */
    int failed = posix_spawn(&pid, program, NULL, NULL, (char *const *)(uintptr_t)argv, environ);
    if (failed != 0) {
        errno = failed;
        return -1;
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool check_engines(const struct publish *publish, const struct publish_item *item,
                          struct err *err)
{
    char root[sizeof(publish->roots_path) + 16];
    (void)snprintf(root, sizeof(root), "%s/%010llu", publish->roots_path,
                   (unsigned long long)publish->chain.roots[0]->version);
    for (size_t i = 0; i < publish->n_engines; i++) {
        (void)printf("engine    %s\n", publish->engines[i]);
        int status = run_engine(publish->engines[i], item->path, root);
        if (status < 0)
            return err_set(err, ERR_USAGE, "E_PUBLISH_ENGINE", "cannot run %s: %s",
                           publish->engines[i], strerror(errno));
        if (status != 0)
            return err_set(err, ERR_TRUST, "E_PUBLISH_ENGINE",
                           "%s does not verify the bundle (exit status %d); does it carry the "
                           "whole chain of roots, and is its min-engine right?",
                           publish->engines[i], status);
    }
    return true;
}

bool publish_check(const struct publish *publish, const struct publish_item *item, struct err *err)
{
    (void)printf("check     %s\n", item->path);
    return check_clocks(publish, item, err) && check_bundle_families(publish, item, err) &&
           check_rules(publish, item, err) && check_engines(publish, item, err);
}
