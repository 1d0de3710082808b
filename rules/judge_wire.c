/* Requests and replies, field by field. */
#include "judge_wire.h"

#include <stdlib.h>

#include "origin/wire.h"

#include "stopgap/banned.h"

/* Both ends are the same program file, so there is one layout. */
static const char request_magic[] = "stopgap-judge";
static const char reply_magic[] = "stopgap-judged";

static bool get_magic(struct slice *from, const char *magic)
{
    struct slice bytes;
    return wire_get_bytes(from, &bytes) && slice_equal(bytes, slice_str(magic));
}

/* ---- requests */

static bool put_texts(struct buf *to, const char *const *texts, size_t n)
{
    bool fits = wire_put_number(to, n);
    for (size_t i = 0; i < n && fits; i++)
        fits = wire_put_text(to, texts[i]);
    return fits;
}

static bool put_changes(struct buf *to, const struct rules_changes *changes)
{
    bool fits = wire_put_number(to, changes->n_modes);
    for (size_t i = 0; i < changes->n_modes && fits; i++)
        fits = wire_put_text(to, changes->modes[i].rule) &&
               wire_put_text(to, changes->modes[i].vdir) &&
               wire_put_number(to, changes->modes[i].mode);
    return fits && put_texts(to, changes->enabled, changes->n_enabled) &&
           wire_put_number(to, changes->takes_all);
}

static bool put_policy(struct buf *to, const struct mitigation_policy *policy)
{
    return wire_put_number(to, policy->is_org_on) && wire_put_number(to, policy->is_server_on) &&
           put_texts(to, policy->blocked, policy->n_blocked) &&
           wire_put_number(to, policy->uses_builds) &&
           wire_put_bytes(to, slice_make((const char *)policy->builds,
                                         policy->n_builds * sizeof(*policy->builds)));
}

bool judge_request_write(const struct rules_source *source, const struct origins *origins,
                         const struct origins *before, struct buf *to)
{
    static const struct rules_changes no_changes = {.n_modes = 0};
    static const struct mitigation_policy all = {.is_org_on = true, .is_server_on = true};
    return wire_put_text(to, request_magic) && wire_put_number(to, source->use_builtin) &&
           wire_put_number(to, source->is_stale) && wire_put_text(to, source->cache) &&
           wire_put_number(to, source->max_cost) &&
           put_changes(to, source->changes != NULL ? source->changes : &no_changes) &&
           put_policy(to, source->policy != NULL ? source->policy : &all) &&
           origins_write(origins, to) && wire_put_number(to, before != NULL) &&
           (before == NULL || origins_write(before, to));
}

/* *ret_texts is good to be freed in any case. */
static bool get_texts(struct slice *from, size_t max, char ***ret_texts, size_t *ret_n)
{
    size_t n;
    if (!wire_get_count(from, max + 1, &n))
        return false;
    *ret_texts = calloc(n + 1, sizeof(char *));
    bool is_read = *ret_texts != NULL;
    for (size_t i = 0; i < n && is_read; i++) {
        is_read = wire_get_text(from, &(*ret_texts)[i]);
        *ret_n += is_read;
    }
    return is_read;
}

static bool get_mode(struct slice *from, struct mode_row *row)
{
    char *rule = NULL;
    char *vdir = NULL;
    size_t mode = 0;
    bool is_read = wire_get_text(from, &rule) && wire_get_text(from, &vdir) &&
                   wire_get_count(from, RULES_OFF + 1, &mode);
    *row = (struct mode_row){.rule = rule, .vdir = vdir, .mode = (enum rules_mode)mode};
    return is_read;
}

static bool get_changes(struct slice *from, struct rules_changes *changes)
{
    char **enabled = NULL;
    size_t n;
    if (!wire_get_count(from, LIMIT_RULES, &n))
        return false;
    struct mode_row *modes = calloc(n + 1, sizeof(*modes));
    changes->modes = modes;
    bool is_read = modes != NULL;
    for (size_t i = 0; i < n && is_read; i++) {
        changes->n_modes++;
        is_read = get_mode(from, &modes[i]);
    }
    is_read = is_read && get_texts(from, 2 * (size_t)LIMIT_RULES, &enabled, &changes->n_enabled);
    changes->enabled = (const char *const *)enabled;
    return is_read && wire_get_bool(from, &changes->takes_all);
}

static bool get_builds(struct slice *from, struct mitigation_policy *policy)
{
    struct slice bytes;
    if (!wire_get_bytes(from, &bytes))
        return false;
    struct build_span *builds = malloc(bytes.len + 1);
    policy->builds = builds;
    policy->n_builds = bytes.len / sizeof(*builds);
    if (builds != NULL && bytes.len != 0)
        memcpy(builds, bytes.ptr, bytes.len);
    return builds != NULL;
}

static bool get_policy(struct slice *from, struct mitigation_policy *policy)
{
    char **blocked = NULL;
    bool is_read = wire_get_bool(from, &policy->is_org_on) &&
                   wire_get_bool(from, &policy->is_server_on) &&
                   get_texts(from, 2 * (size_t)LIMIT_RULES, &blocked, &policy->n_blocked);
    policy->blocked = (const char *const *)blocked;
    return is_read && wire_get_bool(from, &policy->uses_builds) && get_builds(from, policy);
}

static bool get_before(struct slice *from, struct origins **ret_before)
{
    bool has_before;
    if (!wire_get_bool(from, &has_before))
        return false;
    *ret_before = has_before ? origins_read(from) : NULL;
    return !has_before || *ret_before != NULL;
}

bool judge_request_read(struct slice from, struct judge_request *ret_request)
{
    struct judge_request request = {.use_builtin = false};
    bool is_read =
        get_magic(&from, request_magic) && wire_get_bool(&from, &request.use_builtin) &&
        wire_get_bool(&from, &request.is_stale) && wire_get_text(&from, &request.cache) &&
        wire_get_number(&from, &request.max_cost) && get_changes(&from, &request.changes) &&
        get_policy(&from, &request.policy) && (request.origins = origins_read(&from)) != NULL &&
        get_before(&from, &request.before) && from.len == 0;
    if (is_read)
        *ret_request = request;
    else
        judge_request_done(&request);
    return is_read;
}

/* What the tables of a request point to is its own. */
static void free_const(const void *memory)
{
    free((void *)(uintptr_t)memory);
}

void judge_request_done(struct judge_request *request)
{
    for (size_t i = 0; i < request->changes.n_modes; i++) {
        free_const(request->changes.modes[i].rule);
        free_const(request->changes.modes[i].vdir);
    }
    free_const(request->changes.modes);
    for (size_t i = 0; i < request->changes.n_enabled; i++)
        free_const(request->changes.enabled[i]);
    free_const(request->changes.enabled);
    for (size_t i = 0; i < request->policy.n_blocked; i++)
        free_const(request->policy.blocked[i]);
    free_const(request->policy.blocked);
    free_const(request->policy.builds);
    free(request->cache);
    origins_unref(request->origins);
    origins_unref(request->before);
    *request = (struct judge_request){.use_builtin = false};
}

/* ---- replies */

bool judge_reply_write(const struct rules_judgement *judgement, const struct err *err,
                       struct buf *to)
{
    static const struct err good = {.kind = ERR_NONE};
    const struct err *verdict = err != NULL ? err : &good;
    return wire_put_text(to, reply_magic) && wire_put_number(to, judgement->cost) &&
           wire_put_number(to, judgement->worst_cost) && wire_put_number(to, judgement->n_rules) &&
           wire_put_number(to, judgement->database_bytes) &&
           wire_put_number(to, judgement->took_ms) && wire_put_number(to, judgement->isolation) &&
           wire_put_number(to, verdict->kind) && wire_put_text(to, verdict->code) &&
           wire_put_text(to, verdict->file) && wire_put_number(to, verdict->line) &&
           wire_put_number(to, verdict->column) && wire_put_text(to, verdict->text);
}

static bool get_judgement(struct slice *from, struct rules_judgement *judgement)
{
    return wire_get_number(from, &judgement->cost) &&
           wire_get_number(from, &judgement->worst_cost) &&
           wire_get_number(from, &judgement->n_rules) &&
           wire_get_number(from, &judgement->database_bytes) &&
           wire_get_number(from, &judgement->took_ms) &&
           wire_get_number(from, &judgement->isolation);
}

static bool get_words(struct slice *from, char *text, size_t size)
{
    struct slice bytes;
    if (!wire_get_bytes(from, &bytes) || bytes.len >= size)
        return false;
    if (bytes.len != 0)
        memcpy(text, bytes.ptr, bytes.len);
    text[bytes.len] = '\0';
    return true;
}

static bool get_err(struct slice *from, struct err *err)
{
    size_t kind = 0;
    size_t line = 0;
    size_t column = 0;
    bool is_read =
        wire_get_count(from, ERR_MEMORY + 1, &kind) &&
        get_words(from, err->code, sizeof(err->code)) &&
        get_words(from, err->file, sizeof(err->file)) && wire_get_count(from, UINT32_MAX, &line) &&
        wire_get_count(from, UINT32_MAX, &column) && get_words(from, err->text, sizeof(err->text));
    err->kind = (enum err_kind)kind;
    err->line = (unsigned)line;
    err->column = (unsigned)column;
    return is_read;
}

bool rules_judge_reply(struct slice reply, struct rules_judgement *ret, struct err *err)
{
    struct rules_judgement judgement;
    struct err verdict = {.kind = ERR_NONE};
    if (!get_magic(&reply, reply_magic) || !get_judgement(&reply, &judgement) ||
        !get_err(&reply, &verdict) || reply.len != 0)
        return err_set(err, ERR_COMPILE, "E_COMPILE",
                       "the process that judges rules gave no whole answer");
    *ret = judgement;
    if (verdict.kind == ERR_NONE)
        return true;
    if (err != NULL)
        *err = verdict;
    return false;
}
