/* Traffic as JSON: a HAR document, or one object a line. */
#include "traffic/traffic.h"

#include "stopgap/base64.h"

#include <jansson.h>

#include "stopgap/banned.h"

enum { JSON_FLAGS = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL };

static struct slice text_of(const json_t *value)
{
    return json_is_string(value) ? slice_make(json_string_value(value), json_string_length(value))
                                 : slice_make("", 0);
}

static void add_field(struct header_field fields[TRAFFIC_MAX_FIELDS], size_t *n, struct slice name,
                      struct slice value)
{
    if (name.len != 0 && *n < TRAFFIC_MAX_FIELDS)
        fields[(*n)++] = (struct header_field){.name = name, .value = slice_trim(value)};
}

/* [name, value], {"name":, "value":} or "name: value" */
static void read_headers(const json_t *list, struct header_field fields[TRAFFIC_MAX_FIELDS],
                         size_t *n)
{
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item)
    {
        struct slice line = text_of(item);
        size_t colon = slice_find(line, ':');
        if (json_is_array(item))
            add_field(fields, n, text_of(json_array_get(item, 0)),
                      text_of(json_array_get(item, 1)));
        else if (json_is_object(item))
            add_field(fields, n, text_of(json_object_get(item, "name")),
                      text_of(json_object_get(item, "value")));
        else if (colon != SIZE_MAX)
            add_field(fields, n, slice_head(line, colon), slice_from(line, colon + 1));
    }
}

static bool has_host(const struct header_field *fields, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_equal_nocase(fields[i].name, SLICE("Host")))
            return true;
    return false;
}

/* ---- one object a line: a corpus, or the access log */

static bool add_object(struct traffic *traffic, const json_t *object, struct err *err)
{
    struct header_field fields[TRAFFIC_MAX_FIELDS];
    struct traffic_parts parts = {.method = text_of(json_object_get(object, "method")),
                                  .target = text_of(json_object_get(object, "target")),
                                  .fields = fields};
    struct slice encoded = text_of(json_object_get(object, "body_b64"));
    struct slice host = text_of(json_object_get(object, "host"));
    struct buf body;
    if (parts.method.len == 0 || parts.target.len == 0) {
        traffic->n_skipped++;
        return true;
    }
    read_headers(json_object_get(object, "headers"), fields, &parts.n_fields);
    if (host.len != 0 && !has_host(fields, parts.n_fields))
        add_field(fields, &parts.n_fields, SLICE("Host"), host);
    parts.is_framed =
        slice_equal(text_of(json_object_get(object, "body_framing")), SLICE("chunked"));
    buf_init(&body, TRAFFIC_MAX_FILE_BYTES);
    bool is_good = true;
    if (!buf_reserve(&body, base64_decoded_max(encoded.len) + 1))
        is_good = err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    else if (!base64_decode(encoded, body.ptr, &body.len))
        traffic->n_skipped++;
    else {
        parts.body = buf_slice(&body);
        is_good = traffic_add(traffic, &parts, err);
    }
    buf_done(&body);
    return is_good;
}

static bool parse_lines(struct traffic *traffic, struct slice text, struct err *err)
{
    bool is_good = true;
    while (is_good && text.len != 0) {
        size_t end = slice_find(text, '\n');
        struct slice line = slice_trim(slice_head(text, end));
        text = slice_from(text, end == SIZE_MAX ? text.len : end + 1);
        if (line.len == 0)
            continue;
        json_t *object = json_loadb(line.ptr, line.len, JSON_FLAGS, NULL);
        if (json_is_object(object))
            is_good = add_object(traffic, object, err);
        else
            traffic->n_skipped++;
        json_decref(object);
    }
    return is_good;
}

/* ---- HAR */

/* "https://host/path?query#fragment" to "/path?query"; a proxy gets the rest as fields. */
static struct slice target_of(struct slice url)
{
    const char *mark = url.len != 0 ? memmem(url.ptr, url.len, "://", 3) : NULL;
    struct slice rest = mark != NULL ? slice_from(url, (size_t)(mark - url.ptr) + 3) : url;
    size_t slash = slice_find(rest, '/');
    rest = mark != NULL ? slice_from(rest, slash == SIZE_MAX ? rest.len : slash) : rest;
    rest = slice_head(rest, slice_find(rest, '#'));
    return rest.len != 0 ? rest : SLICE("/");
}

static bool add_entry(struct traffic *traffic, const json_t *request, struct err *err)
{
    struct header_field fields[TRAFFIC_MAX_FIELDS];
    struct slice url = text_of(json_object_get(request, "url"));
    struct traffic_parts parts = {
        .method = text_of(json_object_get(request, "method")),
        .target = target_of(url),
        .fields = fields,
        .body = text_of(json_object_get(json_object_get(request, "postData"), "text")),
    };
    if (parts.method.len == 0 || url.len == 0) {
        traffic->n_skipped++;
        return true;
    }
    read_headers(json_object_get(request, "headers"), fields, &parts.n_fields);
    return traffic_add(traffic, &parts, err);
}

static bool parse_har(struct traffic *traffic, const json_t *entries, struct err *err)
{
    size_t index;
    json_t *entry;
    json_array_foreach(entries, index, entry)
    {
        if (!add_entry(traffic, json_object_get(entry, "request"), err))
            return false;
    }
    return true;
}

bool traffic_parse_json(struct traffic *traffic, struct slice text, struct err *err)
{
    json_t *whole = json_loadb(text.ptr, text.len, JSON_FLAGS, NULL);
    const json_t *entries = json_object_get(json_object_get(whole, "log"), "entries");
    bool is_good =
        json_is_array(entries) ? parse_har(traffic, entries, err) : parse_lines(traffic, text, err);
    json_decref(whole);
    return is_good;
}
