/* Loads the rule set that a verb works on, as the proxy would. */
#include "cli/rule_paths.h"

#include "cli/cli.h"
#include "policy.h"

#include "stopgap/bundle.h"

#include <stdlib.h>

#include "stopgap/banned.h"

int rule_paths_add(struct rule_paths *paths, const char *verb, const char *path)
{
    if (paths->n_bundles + paths->n_directories == RULE_PATHS_MAX)
        return cli_usage_error(verb, "more than %d paths", RULE_PATHS_MAX);
    if (slice_ends_with_nocase(slice_str(path), SLICE(".sgb")))
        paths->bundles[paths->n_bundles++] = path;
    else
        paths->directories[paths->n_directories++] = path;
    return EXIT_FINE;
}

int rule_paths_check(const struct rule_paths *paths, const char *verb)
{
    if (paths->n_bundles != 0 && paths->trust == NULL)
        return cli_usage_error(verb, "a bundle needs --trust ROOT to be verified");
    return EXIT_FINE;
}

/* What was decided about mitigations, in the config and at run time. */
struct decided {
    struct mitigation_store store;
    const char **blocked;
    struct mitigation_policy policy;
};

static bool decided_init(struct decided *decided, const struct config *config, struct err *err)
{
    const struct mitigations_config *from = &config->mitigations;
    size_t n = 0;
    *decided = (struct decided){.blocked = NULL};
    if (config->state_dir != NULL &&
        !mitigation_store_load(config->state_dir, &decided->store, err))
        return false;
    decided->blocked =
        calloc(from->blocked.n + decided->store.n_blocks + 1, sizeof(*decided->blocked));
    if (decided->blocked == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    for (size_t i = 0; i < from->blocked.n; i++)
        decided->blocked[n++] = from->blocked.items[i];
    for (size_t i = 0; i < decided->store.n_blocks; i++)
        decided->blocked[n++] = decided->store.blocks[i].id;
    decided->policy = (struct mitigation_policy){
        .is_org_on = from->enabled && !decided->store.is_off,
        .is_server_on = from->server_enabled,
        .blocked = decided->blocked,
        .n_blocked = n,
    };
    return true;
}

static struct ruleset *load_config(const struct config *config, struct rules_source *source,
                                   struct err *err)
{
    struct ruleset *set = NULL;
    struct decided *decided = calloc(1, sizeof(*decided));
    source->use_builtin = config->use_builtin;
    source->bundle_paths = (const char *const *)config->rules.items;
    source->n_bundles = config->rules.n;
    struct policy *policy = policy_new(config);
    if (decided == NULL || policy == NULL) {
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
        free(decided);
        free(policy);
        return NULL;
    }
    policy->changes.takes_all = source->changes != NULL;
    source->changes = &policy->changes;
    if (decided_init(decided, config, err)) {
        source->policy = &decided->policy;
        set = rules_load(source, err);
    }
    free(decided->blocked);
    free(decided);
    free(policy);
    return set;
}

struct rules_source rule_paths_source(const struct rule_paths *paths, struct trust_store *trust)
{
    static const struct rules_changes all = {.takes_all = true};
    return (struct rules_source){
        .changes = paths->takes_all ? &all : NULL,
        .use_builtin = paths->n_bundles + paths->n_directories == 0,
        .bundle_paths = paths->bundles,
        .n_bundles = paths->n_bundles,
        .directories = paths->directories,
        .n_directories = paths->n_directories,
        .trust = trust,
        .is_stale = paths->is_stale,
    };
}

struct ruleset *rule_paths_load(const struct rule_paths *paths, const struct config *config,
                                struct err *err)
{
    const char *root = paths->trust;
    if (root == NULL && config != NULL)
        root = config->trust_path;
    struct trust_options options = {.root_path = root};
    struct trust_store *trust = NULL;
    if (root != NULL && (trust = trust_open(&options, err)) == NULL)
        return NULL;
    struct rules_source source = rule_paths_source(paths, trust);
    struct ruleset *set = source.use_builtin && config != NULL ? load_config(config, &source, err)
                                                               : rules_load(&source, err);
    trust_close(trust);
    return set;
}
