/* The body of a request as the tests of rules see it. */
#include "body/inflate.h"
#include "body/read.h"
#include "body/text.h"
#include "engine/fields.h"

#include "stopgap/banned.h"

struct body_build {
    struct fields *fields;
    struct arena *arena;
    uint32_t wanted; /* bits of fields */
    bool is_form;
    struct body_type type;
};

static bool wants(const struct body_build *build, enum field_id first, enum field_id last)
{
    uint32_t up_to_last = ((uint32_t)2 << last) - 1;
    return (build->wanted & up_to_last & ~(((uint32_t)1 << first) - 1)) != 0;
}

/* ASP.NET parses a form only under its media type; a body that names none may be one to others. */
static bool may_be_form(const struct request_head *head)
{
    bool has_type = false;
    for (size_t i = 0; i < head->n_fields; i++) {
        struct slice value = head->fields[i].value;
        if (!slice_equal_nocase(head->fields[i].name, SLICE("Content-Type")))
            continue;
        has_type = true;
        for (size_t at = 0; at < value.len; at++)
            if (slice_starts_with_nocase(slice_from(value, at), SLICE("x-www-form-urlencoded")))
                return true;
    }
    return !has_type;
}

/* ---- readings of the body */

static bool add_text(struct body_build *build, struct slice bytes, bool is_form)
{
    struct fields *fields = build->fields;
    struct body_text *text = &fields->texts[fields->n_texts++];
    bool is_coded = wants(build, FIELD_BODY, FIELD_BODY) && slice_find(bytes, '%') != SIZE_MAX;
    *text = (struct body_text){.n_form = {0}};
    for (int i = 0; i < VIEW_COUNT; i++) {
        enum view_id view = (enum view_id)i;
        text->view[view] = bytes;
        if (is_coded && !view_decode_value(bytes, view, build->arena, &text->view[view]))
            return false;
        bool is_truncated = false;
        if (is_form && !view_form_fields(bytes, view, build->arena, &text->form[view],
                                         &text->n_form[view], &is_truncated))
            return false;
        if (is_truncated)
            fields->values.anomalies |= BODY_TOO_MANY_VALUES;
        /* Form values also differ by "+"; only without a form is the body alone the measure. */
        if (view != VIEW_RAW && (is_form || !slice_equal(text->view[view], text->view[i - 1])))
            fields->is_same[view] = false;
    }
    return true;
}

/* Whether utf8 has bytes of its own. */
static bool is_converted(struct slice utf8, struct slice bytes)
{
    return utf8.len != 0 && (utf8.ptr < bytes.ptr || utf8.ptr >= bytes.ptr + bytes.len);
}

/* bytes, and what they are in UTF-8, which the readers take. */
static bool add_readings(struct body_build *build, struct slice bytes, struct slice *ret_utf8)
{
    return add_text(build, bytes, build->is_form) &&
           body_text_utf8(bytes, build->arena, ret_utf8) &&
           (!is_converted(*ret_utf8, bytes) || add_text(build, *ret_utf8, false));
}

/* ---- names and values */

static bool wants_name(const void *ctx, enum body_kind kind, struct slice name)
{
    const struct ruleset *set = ctx;
    const struct interest *interest = &set->body_names[kind];
    return interest->all_values || interest_has(interest, name);
}

static bool read_values(struct body_build *build, const struct body_type *type, struct slice bytes,
                        bool is_cut)
{
    struct body_values *values = &build->fields->values;
    struct slice utf8;
    if (!add_readings(build, bytes, &utf8))
        return false;
    body_read(type, utf8, is_converted(utf8, bytes), is_cut, values);
    return !values->is_out_of_memory;
}

/* Servers that do not know the coding read the bytes as they were sent. They are no document
 * then, but for an attacker who wrote them to be both. */
static bool read_as_sent(struct body_build *build, struct slice body, bool is_cut)
{
    static const struct body_type unknown;
    struct body_values *values = &build->fields->values;
    uint32_t anomalies = values->anomalies;
    bool is_read = read_values(build, &unknown, body, is_cut);
    values->anomalies = anomalies | (values->anomalies & BODY_TOO_MANY_VALUES);
    return is_read;
}

/* "deflate" means two formats. Bytes can be both, so both are read. */
static bool read_packed(struct body_build *build, enum body_coding coding, struct slice body,
                        bool is_cut)
{
    struct body_inflated readings[MAX_INFLATED] = {{.is_cut = false}};
    size_t n = coding == CODING_DEFLATE ? 2 : 1;
    bool has_text = false;
    uint32_t bomb = 0;
    uint32_t invalid = BODY_ENCODING_INVALID;
    for (size_t i = 0; i < n; i++) {
        if (!body_inflate(body, i == 0 ? coding : CODING_DEFLATE_RAW, is_cut, build->arena,
                          &readings[i]))
            return false;
        bomb |= readings[i].anomalies & BODY_ENCODING_BOMB;
        invalid &= readings[i].anomalies;
        has_text = has_text || readings[i].text.len != 0;
    }
    build->fields->values.anomalies |= bomb | invalid;
    for (size_t i = 0; i < n; i++)
        if (readings[i].text.len != 0 &&
            !read_values(build, &build->type, readings[i].text, readings[i].is_cut))
            return false;
    return has_text ? read_as_sent(build, body, is_cut)
                    : read_values(build, &build->type, body, is_cut);
}

bool fields_add_body(struct fields *fields, struct slice body, bool is_cut, uint32_t wanted,
                     struct arena *arena)
{
    struct body_build build = {.fields = fields, .arena = arena, .wanted = wanted};
    struct body_values *values = &fields->values;
    build.is_form = wants(&build, FIELD_FORM, FIELD_FORM_NAME) && may_be_form(fields->head);
    body_type_read(fields->head, &build.type);
    /* The fields stand in the order of the kinds. */
    body_values_init(values, arena, wanted >> FIELD_JSON_KEY & BODY_ALL_KINDS);
    if (wants(&build, FIELD_BODY_ANOMALY, FIELD_BODY_ANOMALY))
        values->kinds |= BODY_ALL_KINDS;
    values->wants_name = wants_name;
    values->ctx = fields->set;
    fields->body_wanted = wanted;
    fields->body_arena = arena;
    fields->has_body_bytes = true;
    if (body.len == 0)
        return true;
    enum body_coding coding = body_coding(fields->head);
    if (coding == CODING_UNKNOWN)
        values->anomalies |= BODY_ENCODING_UNKNOWN;
    if (build.type.is_odd_charset)
        values->anomalies |= BODY_CHARSET_ODD;
    bool is_packed = coding == CODING_GZIP || coding == CODING_DEFLATE;
    bool is_read = is_packed ? read_packed(&build, coding, body, is_cut)
                             : read_values(&build, &build.type, body, is_cut);
    for (int view = VIEW_ONCE; view < VIEW_COUNT; view++)
        fields->is_same[view] = fields->is_same[view] && values->is_same[view];
    return is_read;
}

void fields_drop_body(struct fields *fields)
{
    fields->n_texts = 0;
    fields->values = (struct body_values){.arena = NULL};
    fields->body_arena = NULL;
}
