/* Lays a request out as lines and scans them at once.
 *
 * Every name and every value is a line of its own, so that with MULTILINE whatever PCRE2 finds
 * in a value is also found in the subject: the scan may hit too often, never too rarely. Only
 * what a pattern can be about is copied. */
#include "engine/scan.h"

#include "stopgap/banned.h"

enum { USUAL_SUBJECT_BYTES = 4096 };

struct subject {
    char *ptr;
    size_t len; /* that were added; over capacity only counts */
    size_t capacity;
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

static void add_pair(struct subject *subject, const struct interest *interest, struct slice name,
                     struct slice value)
{
    bool is_named = interest_has(interest, name);
    if (is_named || interest->all_names)
        add_line(subject, name);
    if (is_named || interest->all_values)
        add_line(subject, value);
}

static void add_target(struct subject *subject, const struct fields *fields)
{
    const struct ruleset *set = fields->set;
    for (int i = 0; i < VIEW_COUNT; i++) {
        const struct request_view *view = &fields->views.view[i];
        if (i != VIEW_RAW && view->is_same)
            continue;
        if (set->wants[FIELD_TARGET])
            add_line(subject, view->target);
        if (set->wants[FIELD_PATH])
            add_line(subject, view->path);
        if (set->wants[FIELD_QUERY])
            add_line(subject, view->query);
        for (size_t a = 0; a < view->n_args; a++)
            add_pair(subject, &set->args, view->args[a].name, view->args[a].value);
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
    for (size_t i = 0; i < head->n_fields; i++) {
        add_pair(subject, &set->headers, head->fields[i].name, head->fields[i].value);
        add_decoded(subject, fields->header_values, head->fields[i].value, i);
    }
    for (size_t i = 0; i < fields->views.n_cookies; i++) {
        const struct named_value *cookie = &fields->views.cookies[i];
        add_pair(subject, &set->cookies, cookie->name, cookie->value);
        add_decoded(subject, fields->cookie_values, cookie->value, i);
    }
}

static void add_rest(struct subject *subject, const struct fields *fields)
{
    struct slice hosts[2];
    if (fields->set->wants[FIELD_METHOD])
        add_line(subject, fields->head->method);
    if (fields->set->wants[FIELD_VDIR])
        add_line(subject, fields->views.vdir);
    if (!fields->set->wants[FIELD_HOST])
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
    if (!fields->set->wants[FIELD_IIS_INPUT])
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
                          void (*add)(struct subject *, const struct fields *),
                          struct subject *ret_subject)
{
    struct subject subject = {.capacity = USUAL_SUBJECT_BYTES};
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
    *ret_subject = subject;
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
    if (bytes.len == 0)
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
    if (fields->set->head_database == NULL)
        return true;
    struct subject subject;
    return subject_build(fields, fields->arena, add_head, &subject) &&
           scan(lease, fields->set->head_database, slice_make(subject.ptr, subject.len), bits);
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
    struct subject subject;
    return subject_build(fields, fields->body_arena, add_body, &subject) &&
           scan(lease, database, slice_make(subject.ptr, subject.len), bits);
}
