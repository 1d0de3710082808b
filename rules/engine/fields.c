/* Decoded values of headers and cookies, made only where rules look and bytes differ. */
#include "engine/fields.h"

#include "stopgap/banned.h"

/* ---- decoding */

static bool is_wanted(const struct exact_table *table, struct slice name)
{
    return (exact_find(table, name, NULL) & EXACT_DECODES) != 0;
}

static bool is_encoded(struct slice value)
{
    return slice_find(value, '%') != SIZE_MAX;
}

/* An array of n slices for each decoding view. */
static bool values_alloc(struct fields *fields, struct slice *values[VIEW_COUNT], size_t n)
{
    for (int view = VIEW_ONCE; view < VIEW_COUNT; view++) {
        values[view] = arena_alloc(fields->arena, n * sizeof(struct slice));
        if (values[view] == NULL)
            return false;
    }
    return true;
}

/* What no rule names is never looked at and stays as it is. */
static bool decode_both(struct fields *fields, struct slice raw, bool is_used,
                        struct slice *values[VIEW_COUNT], size_t index)
{
    if (!is_used) {
        values[VIEW_ONCE][index] = values[VIEW_STABLE][index] = raw;
        return true;
    }
    return view_decode_value(raw, VIEW_ONCE, fields->arena, &values[VIEW_ONCE][index]) &&
           view_decode_value(raw, VIEW_STABLE, fields->arena, &values[VIEW_STABLE][index]);
}

static bool decode_headers(struct fields *fields)
{
    const struct request_head *head = fields->head;
    const struct exact_table *table = &fields->set->exact[EXACT_HEADER];
    bool all = fields->set->decodes_headers;
    bool has_any = false;
    for (size_t i = 0; i < head->n_fields && !has_any; i++)
        has_any = (all || exact_may_have(table, head->fields[i].name)) &&
                  is_encoded(head->fields[i].value) &&
                  (all || is_wanted(table, head->fields[i].name));
    if (!has_any)
        return true;
    if (!values_alloc(fields, fields->header_values, head->n_fields))
        return false;
    for (size_t i = 0; i < head->n_fields; i++)
        if (!decode_both(fields, head->fields[i].value,
                         all || is_wanted(table, head->fields[i].name), fields->header_values, i))
            return false;
    return true;
}

static bool decode_cookies(struct fields *fields)
{
    const struct request_views *views = &fields->views;
    const struct exact_table *table = &fields->set->exact[EXACT_COOKIE];
    bool all = fields->set->decodes_cookies;
    bool has_any = false;
    for (size_t i = 0; i < views->n_cookies && !has_any; i++)
        has_any = (all || exact_may_have(table, views->cookies[i].name)) &&
                  is_encoded(views->cookies[i].value) &&
                  (all || is_wanted(table, views->cookies[i].name));
    if (!has_any)
        return true;
    if (!values_alloc(fields, fields->cookie_values, views->n_cookies))
        return false;
    for (size_t i = 0; i < views->n_cookies; i++)
        if (!decode_both(fields, views->cookies[i].value,
                         all || is_wanted(table, views->cookies[i].name), fields->cookie_values, i))
            return false;
    return true;
}

/* STABLE is the same as ONCE when every value is. */
static bool values_are_same(struct slice *const values[VIEW_COUNT], size_t n, enum view_id view)
{
    if (values[VIEW_ONCE] == NULL)
        return true;
    if (view == VIEW_ONCE)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!slice_equal(values[VIEW_ONCE][i], values[VIEW_STABLE][i]))
            return false;
    return true;
}

static bool compute_inputs(struct fields *fields)
{
    const struct ruleset *set = fields->set;
    if (set->n_inputs == 0)
        return true;
    fields->inputs =
        arena_alloc(fields->arena, set->n_inputs * IIS_MAX_VALUES * sizeof(struct slice));
    fields->n_input_values = arena_alloc(fields->arena, set->n_inputs);
    if (fields->inputs == NULL || fields->n_input_values == NULL)
        return false;
    for (const struct iis_slot *slot = set->inputs; slot != NULL; slot = slot->next) {
        size_t n = iis_input_values(slot->input, fields->head, &fields->views, fields->arena,
                                    &fields->inputs[slot->index * IIS_MAX_VALUES]);
        if (n == 0)
            return false;
        fields->n_input_values[slot->index] = (unsigned char)n;
    }
    return true;
}

bool fields_init(struct fields *fields, const struct ruleset *set, const struct request_head *head,
                 struct arena *arena)
{
    memset(fields, 0, offsetof(struct fields, views));
    fields->set = set;
    fields->head = head;
    fields->arena = arena;
    fields->has_body_bytes = !head->has_body; /* then they are known to be none */
    if (!views_build(head, arena, &fields->views) || !decode_headers(fields) ||
        !decode_cookies(fields) || !compute_inputs(fields))
        return false;
    for (int view = VIEW_ONCE; view < VIEW_COUNT; view++)
        fields->is_same[view] =
            fields->views.view[view].is_same &&
            values_are_same(fields->header_values, head->n_fields, (enum view_id)view) &&
            values_are_same(fields->cookie_values, fields->views.n_cookies, (enum view_id)view);
    return true;
}

size_t fields_hosts(const struct fields *fields, struct slice ret_hosts[2])
{
    size_t n = 0;
    struct slice target = fields->head->target;
    if (fields->head->host.len != 0)
        ret_hosts[n++] = fields->head->host;
    if ((fields->views.anomalies & ANOMALY_ABSOLUTE_FORM) == 0)
        return n;
    const char *mark = memmem(target.ptr, target.len, "://", 3);
    if (mark == NULL)
        return n;
    struct slice authority = slice_from(target, (size_t)(mark + 3 - target.ptr));
    size_t len = 0;
    while (len < authority.len && strchr("/?#", authority.ptr[len]) == NULL)
        len++;
    ret_hosts[n++] = slice_head(authority, len);
    return n;
}
