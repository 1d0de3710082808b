/* Lays a request out as lines and scans them at once.
 *
 * Every value is a line of its own or a part of one, such that with MULTILINE whatever PCRE2 finds
 * in a value is also found in the subject: the scan may hit too often, never too rarely. Only
 * what a pattern can be about is copied; what is compared as a whole is looked up. */
#include "engine/scan.h"

#include "stopgap/banned.h"

enum { USUAL_SUBJECT_BYTES = 4096 };

struct subject {
    char *ptr;
    size_t len; /* that were added; over capacity only counts */
    size_t capacity;
    uint64_t *bits;      /* of what is looked up */
    struct slice target; /* as sent, when its query was added */
};

static inline void add_line(struct subject *subject, struct slice line)
{
    size_t end = subject->len + line.len + 1;
    if (end <= subject->capacity) {
        if (line.len != 0)
            memcpy(subject->ptr + subject->len, line.ptr, line.len);
        subject->ptr[end - 1] = '\n';
    }
    subject->len = end;
}

/* ---- the target */

/* Path and query with the "?" between them are the target. */
static bool is_joined(const struct request_view *view)
{
    return view->path.ptr == view->target.ptr &&
           view->query.ptr + view->query.len == view->target.ptr + view->target.len;
}

/* Each byte once, where that is enough: path and query for a target whose patterns find nothing
 * that goes over the "?", or the target for a path and a query. */
static void add_view(struct subject *subject, const struct ruleset *set,
                     const struct request_view *view, bool is_raw)
{
    unsigned target = set->needs[FIELD_TARGET];
    unsigned path = set->needs[FIELD_PATH];
    unsigned query = set->needs[FIELD_QUERY];
    bool is_whole = is_joined(view);
    bool is_split = is_whole && target != 0 && (target & (NEED_CONTEXT | NEED_QUESTION)) == 0;
    bool has_target = target != 0 && !is_split;
    is_whole = is_whole && has_target;
    if (has_target)
        add_line(subject, view->target);
    if (is_split || (path != 0 && !(is_whole && (path & (NEED_END | NEED_CONTEXT)) == 0)))
        add_line(subject, view->path);
    bool has_query =
        is_split || (query != 0 && !(is_whole && (query & (NEED_START | NEED_CONTEXT)) == 0));
    if (has_query)
        add_line(subject, view->query);
    if (is_raw && (has_query || has_target))
        subject->target = view->target;
}

/* Whether text is a part of the bytes that were added, and its patterns find it there. */
static bool is_shown(const struct subject *subject, struct slice text, unsigned needs)
{
    uintptr_t from = (uintptr_t)subject->target.ptr;
    uintptr_t at = (uintptr_t)text.ptr;
    return (needs & (NEED_START | NEED_END | NEED_CONTEXT)) == 0 && at >= from &&
           at + text.len <= from + subject->target.len;
}

/* ---- names with values */

/* Which names and values of a kind the scan must see, beside those in the table. */
struct pairs {
    struct subject *subject;
    const struct exact_table *table;
    unsigned names; /* NEED_... of patterns about names; 0: none */
    bool all_values;
};

static struct pairs pairs_of(struct subject *subject, const struct ruleset *set,
                             enum exact_kind kind, enum field_id names, enum field_id values)
{
    return (struct pairs){.subject = subject,
                          .table = &set->exact[kind],
                          .names = set->needs[names],
                          .all_values = (set->needs[values] & NEED_LINE) != 0};
}

/* Look a name up, and show it where a pattern is about names. Returns whether the scan is to see
 * its value. */
static inline bool add_name(const struct pairs *pairs, struct slice name)
{
    unsigned flags = exact_find(pairs->table, name, pairs->subject->bits);
    if (pairs->names != 0 && !is_shown(pairs->subject, name, pairs->names))
        add_line(pairs->subject, name);
    return pairs->all_values || (flags & EXACT_SCANS) != 0;
}

static void add_target(struct subject *subject, const struct fields *fields)
{
    const struct ruleset *set = fields->set;
    struct pairs args = pairs_of(subject, set, EXACT_ARG, FIELD_ARG_NAME, FIELD_ARG);
    subject->target = slice_make(NULL, 0);
    for (int i = 0; i < VIEW_COUNT; i++) {
        const struct request_view *view = &fields->views.view[i];
        if (i != VIEW_RAW && view->is_same)
            continue;
        starts_find(&set->starts[START_PATH], view->path, subject->bits);
        starts_find(&set->starts[START_TARGET], view->target, subject->bits);
        starts_find_bytes(&set->starts[START_BYTE], view->path, subject->bits);
        add_view(subject, set, view, i == VIEW_RAW);
        for (size_t a = 0; a < view->n_args; a++) {
            const struct named_value *arg = &view->args[a];
            if (add_name(&args, arg->name) && !is_shown(subject, arg->value, set->needs[FIELD_ARG]))
                add_line(subject, arg->value);
        }
    }
}

/* A value in its decoded forms, where they differ. */
static void add_decoded(struct subject *subject, struct slice *const values[VIEW_COUNT],
                        struct slice raw, size_t index)
{
    if (values[VIEW_ONCE] == NULL)
        return;
    struct slice once = values[VIEW_ONCE][index];
    struct slice stable = values[VIEW_STABLE][index];
    if (!slice_equal(once, raw))
        add_line(subject, once);
    if (!slice_equal(stable, once))
        add_line(subject, stable);
}

static void add_fields(struct subject *subject, const struct fields *fields)
{
    const struct ruleset *set = fields->set;
    const struct request_head *head = fields->head;
    struct pairs headers = pairs_of(subject, set, EXACT_HEADER, FIELD_HEADER_NAME, FIELD_HEADER);
    struct pairs cookies = pairs_of(subject, set, EXACT_COOKIE, FIELD_COOKIE_NAME, FIELD_COOKIE);
    for (size_t i = 0; i < head->n_fields; i++) {
        const struct header_field *field = &head->fields[i];
        if (!add_name(&headers, field->name))
            continue;
        add_line(subject, field->value);
        add_decoded(subject, fields->header_values, field->value, i);
    }
    for (size_t i = 0; i < fields->views.n_cookies; i++) {
        const struct named_value *cookie = &fields->views.cookies[i];
        if (!add_name(&cookies, cookie->name))
            continue;
        add_line(subject, cookie->value);
        add_decoded(subject, fields->cookie_values, cookie->value, i);
    }
}

/* ---- the rest */

static void add_rest(struct subject *subject, const struct fields *fields)
{
    const struct ruleset *set = fields->set;
    struct slice hosts[2];
    (void)exact_find(&set->exact[EXACT_METHOD], fields->head->method, subject->bits);
    (void)exact_find(&set->exact[EXACT_VDIR], fields->views.vdir, subject->bits);
    if (set->needs[FIELD_METHOD] != 0)
        add_line(subject, fields->head->method);
    if (set->needs[FIELD_VDIR] != 0)
        add_line(subject, fields->views.vdir);
    if (set->needs[FIELD_HOST] == 0)
        return;
    size_t n = fields_hosts(fields, hosts);
    for (size_t i = 0; i < n; i++)
        add_line(subject, hosts[i]);
}

static void add_form(struct subject *subject, const struct body_text *text)
{
    for (int view = 0; view < VIEW_COUNT; view++)
        for (size_t i = 0; i < text->n_form[view]; i++) {
            add_line(subject, text->form[view][i].name);
            add_line(subject, text->form[view][i].value);
        }
}

static void add_body_value(struct subject *subject, const struct body_value *value)
{
    for (int view = 0; view < VIEW_COUNT; view++)
        if (view == VIEW_RAW || !slice_equal(value->value[view], value->value[view - 1]))
            add_line(subject, value->value[view]);
}

static void add_body(struct subject *subject, const struct fields *fields)
{
    for (size_t i = 0; i < fields->n_texts; i++)
        add_form(subject, &fields->texts[i]);
    for (const struct body_chunk *chunk = fields->values.first; chunk != NULL; chunk = chunk->next)
        for (size_t i = 0; i < chunk->n; i++)
            add_body_value(subject, &chunk->values[i]);
}

static void add_inputs(struct subject *subject, const struct fields *fields)
{
    if (fields->set->needs[FIELD_IIS_INPUT] == 0)
        return;
    for (size_t i = 0; i < fields->set->n_inputs; i++)
        for (size_t v = 0; v < fields->n_input_values[i]; v++)
            add_line(subject, fields->inputs[i * IIS_MAX_VALUES + v]);
}

static void add_head(struct subject *subject, const struct fields *fields)
{
    add_target(subject, fields);
    add_fields(subject, fields);
    add_rest(subject, fields);
    add_inputs(subject, fields);
}

/* Lay out what `add` adds. Most requests fit at once; the others are measured by the first try. */
static bool subject_build(const struct fields *fields, struct arena *arena,
                          void (*add)(struct subject *, const struct fields *), uint64_t *bits,
                          struct slice *ret_subject)
{
    struct subject subject = {.capacity = USUAL_SUBJECT_BYTES, .bits = bits};
    for (int attempt = 0; attempt < 2; attempt++) {
        subject.ptr = arena_alloc(arena, subject.capacity);
        if (subject.ptr == NULL)
            return false;
        subject.len = 0;
        add(&subject, fields);
        if (subject.len <= subject.capacity)
            break;
        subject.capacity = subject.len;
    }
    *ret_subject = slice_make(subject.ptr, subject.len);
    return true;
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *context)
{
    (void)from;
    (void)to;
    (void)flags;
    bit_set(context, id);
    return 0;
}

static bool scan(struct lease *lease, const hs_database_t *database, struct slice bytes,
                 uint64_t *bits)
{
    if (bytes.len == 0 || database == NULL)
        return true;
    if (lease->trace != NULL)
        *(database == lease->set->body_database ? &lease->trace->scanned_body_bytes
                                                : &lease->trace->scanned_head_bytes) += bytes.len;
    return bytes.len <= UINT32_MAX && hs_scan(database, bytes.ptr, (unsigned)bytes.len, 0,
                                              lease->scratch, on_match, bits) == HS_SUCCESS;
}

bool scan_head(struct lease *lease, const struct fields *fields, uint64_t *bits)
{
    bits[0] |= fields->views.anomalies;
    if (fields->head->has_body)
        bit_set(bits, BIT_HAS_BODY);
    struct slice subject;
    return subject_build(fields, fields->arena, add_head, bits, &subject) &&
           scan(lease, fields->set->head_database, subject, bits);
}

static bool scan_text(struct lease *lease, const struct body_text *text, uint64_t *bits)
{
    for (int i = 0; i < VIEW_COUNT; i++) {
        bool is_new = i == VIEW_RAW || !slice_equal(text->view[i], text->view[i - 1]);
        if (is_new && !scan(lease, lease->set->body_database, text->view[i], bits))
            return false;
    }
    return true;
}

bool scan_body(struct lease *lease, const struct fields *fields, uint64_t *bits)
{
    const hs_database_t *database = fields->set->body_database;
    if (database == NULL)
        return true;
    if ((fields->body_wanted & (uint32_t)1 << FIELD_BODY) != 0)
        for (size_t i = 0; i < fields->n_texts; i++)
            if (!scan_text(lease, &fields->texts[i], bits))
                return false;
    struct slice subject;
    return subject_build(fields, fields->body_arena, add_body, bits, &subject) &&
           scan(lease, database, subject, bits);
}
