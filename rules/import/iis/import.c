/* An import, top-down: read, translate, order, write down, prove. */
#include "stopgap/iis.h"

#include <stdlib.h>

#include "import/iis/emit.h"
#include "import/iis/prove.h"

#include "stopgap/banned.h"

enum { FIRST_BYTES = 64 * 1024 };

struct iis_import {
    struct arena arena;
    struct iis_outcome *outcomes;
    size_t n;
    char memory[FIRST_BYTES] __attribute__((aligned(16)));
};

struct work {
    struct iis_import *import;
    struct rewrite_file file;
    struct translated *list;
    struct draft *drafts; /* of the rules that become files, in order */
    size_t n_drafts;
    struct err *err;
};

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory, or the file is too involved");
}

/* ---- names */

static bool is_taken(const struct work *work, const char *id)
{
    for (size_t i = 0; i < work->n_drafts; i++)
        if (strcmp(work->drafts[i].id, id) == 0)
            return true;
    return false;
}

/* "EEMS M1.1 PowerShell - inbound" to IIS-EEMS-M1.1-PowerShell-inbound, with a number where that
 * is taken. */
static const char *make_id(struct work *work, const char *name)
{
    enum { MAX_STEM = 52 }; /* 63 are allowed, and a number may follow */
    char stem[MAX_STEM + 1] = "IIS";
    size_t len = 3;
    bool needs_dash = true;
    for (; *name != '\0' && len + 2 < MAX_STEM; name++) {
        bool is_plain = (*name >= '0' && *name <= '9') ||
                        (ascii_lower(*name) >= 'a' && ascii_lower(*name) <= 'z') ||
                        (*name == '.' && !needs_dash);
        if (is_plain && needs_dash)
            stem[len++] = '-';
        if (is_plain)
            stem[len++] = *name;
        needs_dash = !is_plain;
    }
    stem[len] = '\0';
    const char *id = rewrite_text(work->file.arena, "%s", stem);
    for (unsigned number = 2; is_taken(work, id); number++)
        id = rewrite_text(work->file.arena, "%s-%u", stem, number);
    return id;
}

/* ---- what becomes of each rule */

static void decide(struct iis_outcome *outcome, enum iis_fate fate, unsigned line, const char *text)
{
    outcome->fate = fate;
    outcome->line = line;
    outcome->text = text;
}

/* True when the rule becomes a file; else the outcome says why not. */
static bool wants_file(const struct translated *translated, struct iis_outcome *outcome)
{
    const struct rewrite_rule *rule = translated->rule;
    bool does_nothing = rule->action == REWRITE_NONE && rule->problem == NULL;
    if (!rule->is_enabled)
        decide(outcome, IIS_IDLE, rule->line, "it is disabled");
    else if (rule->is_removed)
        decide(outcome, IIS_IDLE, rule->line, "a <clear/> or <remove> takes it away");
    else if (does_nothing && rule->n_sets == 0)
        decide(outcome, IIS_IDLE, rule->line,
               rule->stops ? "it only ends the evaluation; the rules behind it say so"
                           : "its action is None");
    else if (translated->problem != NULL)
        decide(outcome, IIS_REFUSED, translated->problem_line, translated->problem);
    else if (rule->n_sets != 0 && translated->action == NULL)
        decide(outcome, IIS_REFUSED, rule->line,
               "it sets server variables; Stopgap never changes a request");
    else if (translated->action_problem != NULL)
        decide(outcome, IIS_REFUSED, rule->line, translated->action_problem);
    else if (translated->is_never)
        decide(outcome, IIS_IDLE, rule->line, "it can never match");
    else if (translated->n_groups == 0)
        decide(outcome, IIS_REFUSED, rule->line,
               "it matches everything, so no sample could show what it leaves alone; close the "
               "site elsewhere");
    else
        return true;
    return false;
}

static bool add_draft(struct work *work, const struct translated *translated, size_t index,
                      struct iis_outcome *outcome)
{
    struct draft *draft = &work->drafts[work->n_drafts];
    struct buf text;
    buf_init(&text, IIS_YAML_BYTES);
    *draft = (struct draft){.translated = translated, .id = make_id(work, translated->rule->name)};
    draft->file = rewrite_text(work->file.arena, "%03zu-%s.yaml", index + 1, draft->id);
    bool fits = emit_rule(&work->file, translated, draft->id, &text);
    draft->text = fits ? arena_copy(work->file.arena, buf_slice(&text)) : slice_make(NULL, 0);
    buf_done(&text);
    if (draft->text.ptr == NULL) {
        decide(outcome, IIS_REFUSED, translated->rule->line, "it is too large for a rule file");
        return true;
    }
    prove_draft(work->file.arena, draft);
    if (draft->problem != NULL) {
        decide(outcome, IIS_REFUSED, translated->rule->line, draft->problem);
        return true;
    }
    outcome->fate = IIS_UNPROVEN;
    outcome->line = translated->rule->line;
    outcome->text = translated->note != NULL ? translated->note : "";
    outcome->file = draft->file;
    work->n_drafts++;
    return true;
}

static bool translate_all(struct work *work)
{
    struct rewrite_file *file = &work->file;
    for (size_t i = 0; i < file->n_rules; i++) {
        translate_conditions(file, file->rules[i], &work->list[i]);
        if (file->rules[i]->is_outbound)
            translate_outbound(file, &work->list[i]);
        else if (work->list[i].problem == NULL)
            translate_action(file, &work->list[i]);
    }
    translate_order(file, work->list, file->n_rules);
    for (size_t i = 0; i < file->n_rules; i++) {
        struct iis_outcome *outcome = &work->import->outcomes[i];
        *outcome = (struct iis_outcome){.name = file->rules[i]->name, .text = ""};
        if (wants_file(&work->list[i], outcome) && !add_draft(work, &work->list[i], i, outcome))
            return false;
    }
    return true;
}

/* ---- samples */

static struct iis_outcome *outcome_of(struct work *work, const struct draft *draft)
{
    return &work->import->outcomes[draft->translated - work->list];
}

static bool finish_draft(struct work *work, const struct draft *draft)
{
    struct iis_outcome *outcome = outcome_of(work, draft);
    struct buf text;
    buf_init(&text, IIS_YAML_BYTES);
    bool is_proven = draft->n_must_block != 0 && draft->n_must_pass != 0;
    bool fits = buf_append(&text, draft->text) &&
                emit_samples(&text, draft->must_block, draft->n_must_block, draft->must_pass,
                             draft->n_must_pass);
    outcome->yaml = fits ? arena_copy(work->file.arena, buf_slice(&text)) : slice_make(NULL, 0);
    buf_done(&text);
    if (outcome->yaml.ptr == NULL)
        return no_memory(work->err);
    if (is_proven) {
        outcome->fate = IIS_TRANSLATED;
        return true;
    }
    outcome->file = rewrite_text(work->file.arena, "%s.unproven", draft->file);
    outcome->text = rewrite_text(work->file.arena,
                                 "no request could be made up that it %s; add such a sample to the "
                                 "file, then take .unproven off its name",
                                 draft->n_must_block == 0 ? "matches" : "leaves alone");
    return true;
}

static bool prove_all(struct work *work)
{
    struct slice *texts = arena_alloc(work->file.arena, (work->n_drafts + 1) * sizeof(*texts));
    const char **names = arena_alloc(work->file.arena, (work->n_drafts + 1) * sizeof(*names));
    size_t n = 0;
    if (texts == NULL || names == NULL)
        return no_memory(work->err);
    if (!prove_set(work->file.arena, work->drafts, work->n_drafts, work->err))
        return false;
    for (size_t i = 0; i < work->n_drafts; i++) {
        if (!finish_draft(work, &work->drafts[i]))
            return false;
        const struct iis_outcome *outcome = outcome_of(work, &work->drafts[i]);
        if (outcome->fate != IIS_TRANSLATED)
            continue;
        texts[n] = outcome->yaml;
        names[n++] = outcome->file;
    }
    return prove_texts(texts, names, n, work->err);
}

/* ---- the import */

static bool run(struct work *work, struct slice xml)
{
    struct arena *arena = work->file.arena;
    if (!rewrite_read(xml, &work->file, work->err))
        return false;
    size_t n = work->file.n_rules;
    work->list = arena_alloc(arena, n * sizeof(*work->list));
    work->drafts = arena_alloc(arena, n * sizeof(*work->drafts));
    work->import->outcomes = arena_alloc(arena, n * sizeof(*work->import->outcomes));
    if (work->list == NULL || work->drafts == NULL || work->import->outcomes == NULL)
        return no_memory(work->err);
    work->import->n = n;
    return translate_all(work) && prove_all(work);
}

struct iis_import *iis_import_read(struct slice xml, const struct iis_options *options,
                                   struct err *err)
{
    struct iis_import *import = calloc(1, sizeof(*import));
    if (import == NULL) {
        (void)no_memory(err);
        return NULL;
    }
    arena_init(&import->arena, import->memory, sizeof(import->memory), IIS_ARENA_BYTES);
    struct work work = {
        .import = import, .file = {.arena = &import->arena, .options = options}, .err = err};
    if (run(&work, xml))
        return import;
    iis_import_free(import);
    return NULL;
}

void iis_import_free(struct iis_import *import)
{
    if (import == NULL)
        return;
    arena_done(&import->arena);
    free(import);
}

size_t iis_import_n_outcomes(const struct iis_import *import)
{
    return import->n;
}

const struct iis_outcome *iis_import_outcome(const struct iis_import *import, size_t index)
{
    return &import->outcomes[index];
}

size_t iis_import_count(const struct iis_import *import, enum iis_fate fate)
{
    size_t n = 0;
    for (size_t i = 0; i < import->n; i++)
        n += import->outcomes[i].fate == fate ? 1 : 0;
    return n;
}
