/* The list of names and values that the readers fill. */
#include "body/values.h"

#include "view/view.h"

#include "stopgap/limits.h"

#include "stopgap/banned.h"

static const char *const anomaly_names[] = {
    "json_invalid",     "xml_invalid",      "xml_dtd",       "multipart_invalid", "multipart_loose",
    "encoding_unknown", "encoding_invalid", "encoding_bomb", "too_many_values",   "charset_odd",
};

enum { N_ANOMALIES = sizeof(anomaly_names) / sizeof(anomaly_names[0]) };

const char *body_anomaly_name(uint32_t bit)
{
    for (uint32_t i = 0; i < N_ANOMALIES; i++)
        if (bit == 1u << i)
            return anomaly_names[i];
    return NULL;
}

uint32_t body_anomaly_bit(struct slice name)
{
    for (uint32_t i = 0; i < N_ANOMALIES; i++)
        if (slice_equal(name, slice_str(anomaly_names[i])))
            return 1u << i;
    return 0;
}

void body_values_init(struct body_values *values, struct arena *arena, uint32_t kinds)
{
    *values = (struct body_values){.arena = arena, .kinds = kinds};
    for (int view = 0; view < VIEW_COUNT; view++)
        values->is_same[view] = true;
}

bool body_kind_is_name(enum body_kind kind)
{
    return kind == BODY_JSON_KEY || kind == BODY_XML_ELEMENT || kind == BODY_XML_ATTRIBUTE;
}

bool body_values_want(const struct body_values *values, enum body_kind kind, struct slice name)
{
    if ((values->kinds & 1u << kind) == 0)
        return false;
    return values->wants_name == NULL || values->wants_name(values->ctx, kind, name);
}

static struct body_value *value_slot(struct body_values *values)
{
    if (values->n == LIMIT_BODY_VALUES) {
        values->anomalies |= BODY_TOO_MANY_VALUES;
        return NULL;
    }
    if (values->last == NULL || values->last->n == BODY_CHUNK_VALUES) {
        struct body_chunk *chunk = arena_alloc(values->arena, sizeof(*chunk));
        if (chunk == NULL) {
            values->is_out_of_memory = true;
            return NULL;
        }
        chunk->next = NULL;
        chunk->n = 0;
        if (values->last != NULL)
            values->last->next = chunk;
        else
            values->first = chunk;
        values->last = chunk;
    }
    values->n++;
    return &values->last->values[values->last->n++];
}

/* Names are compared as they stand; values may be decoded once more by what they are handed to. */
static bool has_views(enum body_kind kind)
{
    return !body_kind_is_name(kind) && kind != BODY_XML_BASE64;
}

bool body_values_add(struct body_values *values, enum body_kind kind, struct slice name,
                     struct slice value)
{
    if (!body_values_want(values, kind, body_kind_is_name(kind) ? value : name))
        return true;
    struct body_value *slot = value_slot(values);
    if (slot == NULL)
        return false;
    *slot = (struct body_value){.kind = kind, .name = name, .value = {value, value, value}};
    if (!has_views(kind) || slice_find(value, '%') == SIZE_MAX)
        return true;
    for (int view = VIEW_ONCE; view < VIEW_COUNT; view++) {
        if (!view_decode_value(value, (enum view_id)view, values->arena, &slot->value[view])) {
            values->is_out_of_memory = true;
            return false;
        }
        if (!slice_equal(slot->value[view], slot->value[view - 1]))
            values->is_same[view] = false;
    }
    return true;
}

struct slice body_values_copy(struct body_values *values, struct slice bytes)
{
    struct slice copy = arena_copy(values->arena, bytes);
    if (copy.ptr == NULL)
        values->is_out_of_memory = true;
    return copy;
}
