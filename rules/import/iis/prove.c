/* Makes sets out of drafts and asks them about made-up requests. */
#include "import/iis/prove.h"

#include <stdlib.h>

#include "engine/engine.h"
#include "import/iis/plan.h"
#include "selftest.h"
#include "stopgap/buf.h"

#include "stopgap/banned.h"

static const char placeholder[] = "samples:\n  must_block: [{target: /}]\n"
                                  "  must_pass: [{target: /}]\n";

/* ---- sets */

static bool parse_draft(const struct draft *draft, struct rule_list *list, struct err *err)
{
    struct buf text;
    buf_init(&text, IIS_YAML_BYTES);
    bool is_parsed = buf_append(&text, draft->text) && buf_append(&text, slice_str(placeholder)) &&
                     rules_parse(buf_slice(&text), "import", draft->file, list, err);
    buf_done(&text);
    return is_parsed;
}

/* A lease of a set of the rules in list, which is empty then. NULL with err. */
static struct lease *lease_of(struct rule_list *list, struct err *err)
{
    struct ruleset *set = ruleset_compile(list, err);
    struct lease *lease = set != NULL ? lease_new(set, err) : NULL;
    ruleset_unref(set); /* the lease keeps its own reference */
    return lease;
}

/* ---- must_block */

static bool is_known(const struct sample *samples, size_t n, const struct sample *sample)
{
    for (size_t i = 0; i < n; i++) {
        bool is_same = strcmp(samples[i].target, sample->target) == 0 &&
                       samples[i].n_headers == sample->n_headers &&
                       samples[i].n_response_headers == sample->n_response_headers &&
                       samples[i].status == sample->status;
        for (size_t h = 0; h < sample->n_headers && is_same; h++)
            is_same = strcmp(samples[i].headers[h], sample->headers[h]) == 0;
        for (size_t h = 0; h < sample->n_response_headers && is_same; h++)
            is_same = strcmp(samples[i].response_headers[h], sample->response_headers[h]) == 0;
        if (is_same)
            return true;
    }
    return false;
}

static void find_must_block(struct arena *arena, struct draft *draft, struct lease *lease)
{
    for (unsigned variant = 0; variant < PLAN_VARIANTS; variant++) {
        for (unsigned layout = 0; layout < PLAN_LAYOUTS; layout++) {
            struct plan_wish wish = {.variant = variant, .layout = layout, .broken = SIZE_MAX};
            struct sample sample;
            bool is_matched = false;
            if (!plan_sample(arena, draft->translated, &wish, &sample) ||
                is_known(draft->must_block, draft->n_must_block, &sample) ||
                !rules_try_sample(lease, &sample, &is_matched) || !is_matched)
                continue;
            draft->must_block[draft->n_must_block++] = sample;
            if (draft->n_must_block == MAX_MUST_BLOCK)
                return;
            break; /* one for each variant */
        }
    }
}

void prove_draft(struct arena *arena, struct draft *draft)
{
    struct rule_list list = {0};
    struct err err = {0};
    struct lease *lease = NULL;
    if (parse_draft(draft, &list, &err))
        lease = lease_of(&list, &err);
    rule_list_done(&list);
    if (lease == NULL) {
        draft->problem = rewrite_text(arena, "the engine does not take it: %.500s", err.text);
        return;
    }
    find_must_block(arena, draft, lease);
    lease_free(lease);
}

/* ---- must_pass */

struct company {
    struct arena *arena;
    struct lease *lease; /* of all drafts with a must_block sample */
    bool *matched;
};

/* Is the sample left alone by rule `index` and by every rule that can stop it? */
static bool is_passed(const struct company *company, size_t index, const struct sample *sample)
{
    const struct ruleset *set = lease_ruleset(company->lease);
    if (!rules_try_sample(company->lease, sample, company->matched) || company->matched[index])
        return false;
    for (size_t i = 0; i < ruleset_n_rules(set); i++)
        if (company->matched[i] && !action_is_response(ruleset_source_rule(set, i)->action))
            return false;
    return true;
}

static bool take_pass(const struct company *company, struct draft *draft, size_t index,
                      const struct sample *sample)
{
    if (is_known(draft->must_pass, draft->n_must_pass, sample) ||
        !is_passed(company, index, sample))
        return false;
    draft->must_pass[draft->n_must_pass++] = *sample;
    return true;
}

/* A request that fails one test only, and an ordinary one. */
static void find_must_pass(const struct company *company, struct draft *draft, size_t index)
{
    struct sample sample;
    size_t n = plan_n_tests(draft->translated);
    for (size_t i = 0; i < n * PLAN_VARIANTS && draft->n_must_pass == 0; i++) {
        struct plan_wish wish = {.broken = i % n, .variant = (unsigned)(i / n)};
        if (plan_sample(company->arena, draft->translated, &wish, &sample))
            (void)take_pass(company, draft, index, &sample);
    }
    for (size_t i = 0; i < PLAN_NEUTRAL; i++)
        if (plan_neutral(company->arena, i, &sample) && take_pass(company, draft, index, &sample))
            return;
}

bool prove_set(struct arena *arena, struct draft *drafts, size_t n, struct err *err)
{
    struct rule_list list = {0};
    struct company company = {.arena = arena, .matched = calloc(n + 1, sizeof(bool))};
    bool is_good = company.matched != NULL;
    if (!is_good)
        (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    for (size_t i = 0; i < n && is_good; i++)
        if (drafts[i].n_must_block != 0)
            is_good = parse_draft(&drafts[i], &list, err);
    company.lease = is_good ? lease_of(&list, err) : NULL;
    rule_list_done(&list);
    size_t index = 0;
    for (size_t i = 0; i < n && company.lease != NULL; i++)
        if (drafts[i].n_must_block != 0)
            find_must_pass(&company, &drafts[i], index++);
    is_good = company.lease != NULL;
    lease_free(company.lease);
    free(company.matched);
    return is_good;
}

/* ---- the end */

bool prove_texts(const struct slice *texts, const char *const *names, size_t n, struct err *err)
{
    struct rule_list list = {0};
    bool is_good = true;
    for (size_t i = 0; i < n && is_good; i++)
        is_good = rules_parse(texts[i], "import", names[i], &list, err);
    struct ruleset *set = is_good ? ruleset_compile(&list, err) : NULL;
    is_good = set != NULL && rules_selftest(set, err);
    ruleset_unref(set);
    rule_list_done(&list);
    return is_good;
}
