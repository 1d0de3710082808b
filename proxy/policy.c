/* Keys under `harden` are names for what modes, exclusions and rules.enabled say as well. */
#include "policy.h"

#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

/* The shipped options, by the ids of their mitigations. */
#define HARDEN_ECP "HARDEN.ECP"
#define HARDEN_POWERSHELL "HARDEN.POWERSHELL"
#define HARDEN_OWA_LIGHT "HARDEN.OWA-LIGHT"
#define HARDEN_SHAPES "HARDEN.SHAPES"
#define STALE_ECP "STALE.ECP"
#define STALE_POWERSHELL "STALE.POWERSHELL"

static void enable(struct policy *policy, const char *name)
{
    policy->enabled[policy->changes.n_enabled++] = name;
}

static void allow(struct policy *policy, const char *name, const struct net_list *networks,
                  const char *label)
{
    policy->exclusions[policy->changes.n_exclusions++] = (struct exclusion){
        .rule = name, .networks = networks->items, .n_networks = networks->n, .label = label};
}

/* The option is on, and these networks pass it. */
static void allow_only(struct policy *policy, const char *name, const struct net_list *networks,
                       const char *label)
{
    if (networks->n == 0)
        return;
    enable(policy, name);
    allow(policy, name, networks, label);
}

/* What is open to them always stays so when the rules are stale. */
static void allow_when_stale(struct policy *policy, const struct harden_config *harden)
{
    if (harden->ecp_from.n != 0)
        allow(policy, STALE_ECP, &harden->ecp_from, "harden.ecp_from");
    if (harden->powershell_from.n != 0)
        allow(policy, STALE_POWERSHELL, &harden->powershell_from, "harden.powershell_from");
}

static void add_harden(struct policy *policy, const struct harden_config *harden)
{
    allow_only(policy, HARDEN_ECP, &harden->ecp_from, "harden.ecp_from");
    allow_only(policy, HARDEN_POWERSHELL, &harden->powershell_from, "harden.powershell_from");
    if (harden->owa_light == OWA_LIGHT_DENY)
        enable(policy, HARDEN_OWA_LIGHT);
    if (harden->shapes != SHAPES_OFF)
        enable(policy, HARDEN_SHAPES);
    /* In front of the configured rows, so that those can say otherwise. */
    if (harden->shapes == SHAPES_DETECT)
        policy->modes[policy->changes.n_modes++] =
            (struct mode_row){.rule = HARDEN_SHAPES, .mode = RULES_DETECT};
}

static void add_exclusion(struct policy *policy, const struct exclusion_config *from, size_t number)
{
    size_t at = policy->changes.n_exclusions++;
    (void)snprintf(policy->labels[at], sizeof(policy->labels[at]), "#%zu %s", number + 1,
                   from->comment);
    policy->exclusions[at] = (struct exclusion){
        .rule = from->rule,
        .path = from->path,
        .methods = (const char *const *)from->methods.items,
        .n_methods = from->methods.n,
        .networks = from->networks.items,
        .n_networks = from->networks.n,
        .label = policy->labels[at],
    };
    /* The configuration was checked; what it could not read would end at once. */
    if (from->until != NULL &&
        !exclusion_until_parse(slice_str(from->until), &policy->exclusions[at].until_unix))
        policy->exclusions[at].until_unix = 1;
}

struct policy *policy_new(const struct config *config)
{
    struct policy *policy = calloc(1, sizeof(*policy));
    if (policy == NULL)
        return NULL;
    policy->changes.modes = policy->modes;
    policy->changes.exclusions = policy->exclusions;
    policy->changes.enabled = policy->enabled;
    for (size_t i = 0; i < config->n_exclusions; i++)
        add_exclusion(policy, &config->exclusions[i], i);
    add_harden(policy, &config->harden);
    if (config->when_stale != WHEN_STALE_OFF)
        allow_when_stale(policy, &config->harden);
    for (size_t i = 0; i < config->n_modes; i++)
        policy->modes[policy->changes.n_modes++] = (struct mode_row){.rule = config->modes[i].rule,
                                                                     .vdir = config->modes[i].vdir,
                                                                     .mode = config->modes[i].mode};
    for (size_t i = 0; i < config->rules_enabled.n; i++)
        enable(policy, config->rules_enabled.items[i]);
    return policy;
}
