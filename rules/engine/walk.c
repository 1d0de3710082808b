/* Which values a test looks at. */
#include "engine/fields.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "stopgap/banned.h"

static bool yield_once(struct field_walk *walk, struct slice value, struct named_value *ret_value)
{
    if (walk->next != 0)
        return false;
    walk->next = 1;
    *ret_value = (struct named_value){.value = value};
    return true;
}

static bool is_named(const struct cond *cond, struct slice name)
{
    return cond->name.len == 0 || slice_equal_nocase(cond->name, name);
}

static bool walk_headers(struct field_walk *walk, const struct header_field *list, size_t n,
                         struct named_value *ret_value)
{
    bool is_response = walk->cond->node->field == FIELD_RESPONSE_HEADER;
    while (walk->next < n) {
        size_t i = walk->next++;
        if (!is_named(walk->cond, list[i].name))
            continue;
        ret_value->name = list[i].name;
        ret_value->value = is_response ? list[i].value : fields_header(walk->fields, i, walk->view);
        return true;
    }
    return false;
}

static bool walk_cookies(struct field_walk *walk, struct named_value *ret_value)
{
    const struct request_views *views = &walk->fields->views;
    while (walk->next < views->n_cookies) {
        size_t i = walk->next++;
        if (!is_named(walk->cond, views->cookies[i].name))
            continue;
        ret_value->name = views->cookies[i].name;
        ret_value->value = fields_cookie(walk->fields, i, walk->view);
        return true;
    }
    return false;
}

static bool walk_pairs(struct field_walk *walk, const struct named_value *list, size_t n,
                       struct named_value *ret_value)
{
    while (walk->next < n) {
        const struct named_value *pair = &list[walk->next++];
        if (!is_named(walk->cond, pair->name))
            continue;
        *ret_value = *pair;
        return true;
    }
    return false;
}

/* The names themselves as values. */
static bool walk_names(struct field_walk *walk, struct named_value *ret_value)
{
    size_t i = walk->next;
    const struct fields *fields = walk->fields;
    const struct request_view *view = &fields->views.view[walk->view];
    ret_value->name = slice_make(NULL, 0);
    if (walk->cond->node->field == FIELD_HEADER_NAME && i < fields->head->n_fields)
        ret_value->value = fields->head->fields[i].name;
    else if (walk->cond->node->field == FIELD_COOKIE_NAME && i < fields->views.n_cookies)
        ret_value->value = fields->views.cookies[i].name;
    else if (walk->cond->node->field == FIELD_ARG_NAME && i < view->n_args)
        ret_value->value = view->args[i].name;
    else
        return false;
    walk->next++;
    return true;
}

static bool walk_hosts(struct field_walk *walk, struct named_value *ret_value)
{
    struct slice hosts[2];
    size_t n = fields_hosts(walk->fields, hosts);
    if (walk->next >= n)
        return false;
    *ret_value = (struct named_value){.value = hosts[walk->next++]};
    return true;
}

static bool walk_anomalies(struct field_walk *walk, struct named_value *ret_value)
{
    bool is_of_body = walk->cond->node->field == FIELD_BODY_ANOMALY;
    uint32_t anomalies =
        is_of_body ? walk->fields->values.anomalies : walk->fields->views.anomalies;
    while (walk->next < 32) {
        uint32_t bit = (uint32_t)1 << walk->next++;
        const char *name = is_of_body ? body_anomaly_name(bit) : view_anomaly_name(bit);
        if ((anomalies & bit) == 0 || name == NULL)
            continue;
        *ret_value = (struct named_value){.value = slice_str(name)};
        return true;
    }
    return false;
}

static bool walk_inputs(struct field_walk *walk, struct named_value *ret_value)
{
    const struct iis_slot *slot = walk->cond->slot;
    if (walk->next >= walk->fields->n_input_values[slot->index])
        return false;
    ret_value->name = slot->text;
    ret_value->value = walk->fields->inputs[slot->index * IIS_MAX_VALUES + walk->next++];
    return true;
}

static bool walk_client(struct field_walk *walk, struct named_value *ret_value)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    const unsigned char *bytes = walk->fields->head->client.bytes;
    bool is_v4 = memcmp(bytes, mapped, sizeof(mapped)) == 0;
    if (inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? bytes + 12 : bytes, walk->text,
                  sizeof(walk->text)) == NULL)
        return false;
    return yield_once(walk, slice_str(walk->text), ret_value);
}

static bool walk_status(struct field_walk *walk, struct named_value *ret_value)
{
    (void)snprintf(walk->text, sizeof(walk->text), "%u", walk->fields->response->status);
    return yield_once(walk, slice_str(walk->text), ret_value);
}

/* A query is there when the target has a "?", even with nothing behind it. */
static bool walk_query(struct field_walk *walk, struct named_value *ret_value)
{
    if (slice_find(walk->fields->head->target, '?') == SIZE_MAX)
        return false;
    return yield_once(walk, walk->fields->views.view[walk->view].query, ret_value);
}

static bool walk_body(struct field_walk *walk, struct named_value *ret_value)
{
    if (walk->next == walk->fields->n_texts)
        return false;
    *ret_value = (struct named_value){.value = walk->fields->texts[walk->next++].view[walk->view]};
    return true;
}

static bool walk_forms(struct field_walk *walk, struct named_value *ret_value)
{
    for (; walk->next_text < walk->fields->n_texts; walk->next_text++, walk->next = 0) {
        const struct body_text *text = &walk->fields->texts[walk->next_text];
        if (!walk_pairs(walk, text->form[walk->view], text->n_form[walk->view], ret_value))
            continue;
        if (walk->cond->node->field == FIELD_FORM_NAME)
            *ret_value = (struct named_value){.value = ret_value->name};
        return true;
    }
    return false;
}

static bool walk_body_values(struct field_walk *walk, struct named_value *ret_value)
{
    /* The fields stand in the order of the kinds. */
    enum body_kind kind = (enum body_kind)(walk->cond->node->field - FIELD_JSON_KEY);
    if (walk->chunk == NULL)
        walk->chunk = walk->fields->values.first;
    for (; walk->chunk != NULL; walk->chunk = walk->chunk->next, walk->next = 0) {
        while (walk->next < walk->chunk->n) {
            const struct body_value *value = &walk->chunk->values[walk->next++];
            if (value->kind != kind || !is_named(walk->cond, value->name))
                continue;
            *ret_value = (struct named_value){value->name, value->value[walk->view]};
            return true;
        }
        if (walk->chunk->next == NULL)
            return false;
    }
    return false;
}

bool field_walk_next(struct field_walk *walk, struct named_value *ret_value)
{
    const struct fields *fields = walk->fields;
    const struct request_view *view = &fields->views.view[walk->view];
    ret_value->name = slice_make(NULL, 0);
    switch (walk->cond->node->field) {
    case FIELD_METHOD:
        return yield_once(walk, fields->head->method, ret_value);
    case FIELD_TARGET:
        return yield_once(walk, view->target, ret_value);
    case FIELD_PATH:
        return yield_once(walk, view->path, ret_value);
    case FIELD_QUERY:
        return walk_query(walk, ret_value);
    case FIELD_ARG:
        return walk_pairs(walk, view->args, view->n_args, ret_value);
    case FIELD_FORM:
    case FIELD_FORM_NAME:
        return walk_forms(walk, ret_value);
    case FIELD_JSON_KEY:
    case FIELD_JSON:
    case FIELD_XML_ELEMENT:
    case FIELD_XML_ATTRIBUTE:
    case FIELD_XML_TEXT:
    case FIELD_XML_ATTR:
    case FIELD_XML_BASE64:
    case FIELD_MULTIPART_NAME:
    case FIELD_MULTIPART_FILENAME:
    case FIELD_MULTIPART:
        return walk_body_values(walk, ret_value);
    case FIELD_HEADER:
        return walk_headers(walk, fields->head->fields, fields->head->n_fields, ret_value);
    case FIELD_RESPONSE_HEADER:
        return fields->response != NULL &&
               walk_headers(walk, fields->response->fields, fields->response->n_fields, ret_value);
    case FIELD_COOKIE:
        return walk_cookies(walk, ret_value);
    case FIELD_ARG_NAME:
    case FIELD_HEADER_NAME:
    case FIELD_COOKIE_NAME:
        return walk_names(walk, ret_value);
    case FIELD_BODY:
        return walk_body(walk, ret_value);
    case FIELD_HOST:
        return walk_hosts(walk, ret_value);
    case FIELD_VDIR:
        return yield_once(walk, fields->views.vdir, ret_value);
    case FIELD_CLIENT:
        return walk_client(walk, ret_value);
    case FIELD_ANOMALY:
    case FIELD_BODY_ANOMALY:
        return walk_anomalies(walk, ret_value);
    case FIELD_IIS_INPUT:
        return walk_inputs(walk, ret_value);
    case FIELD_STATUS:
        return fields->response != NULL && walk_status(walk, ret_value);
    case FIELD_COUNT:
        break;
    }
    return false;
}
