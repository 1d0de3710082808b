/* Input: a Content-Type, a newline, a Content-Encoding, a newline, a body. What the readers show
 * has its bytes in the input or in the arena, stays in its bounds, and is the same each time. */
#include "body/inflate.h"
#include "body/read.h"
#include "body/text.h"
#include "body/xml.h"
#include "stopgap/limits.h"
#include "stopgap/request.h"

#include <stdlib.h>

enum { FIRST_BYTES = 4096 }; /* small, so that most blocks are malloc's and a sanitizer sees more */

struct reading {
    struct arena arena;
    struct body_values values;
    char *memory;
};

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

/* A line of the input, without its end. */
static struct slice cut(struct slice *rest)
{
    size_t len = slice_find(*rest, '\n');
    struct slice line = slice_head(*rest, len);
    *rest = slice_from(*rest, len == SIZE_MAX ? rest->len : len + 1);
    return line;
}

static void read_text(const struct body_type *type, struct slice bytes, bool is_cut,
                      struct reading *reading)
{
    struct slice utf8;
    if (!body_text_utf8(bytes, &reading->arena, &utf8))
        return;
    bool is_converted = utf8.ptr < bytes.ptr || utf8.ptr > bytes.ptr + bytes.len;
    body_read(type, utf8, is_converted, is_cut, &reading->values);
}

static void read_body(const struct request_head *head, struct slice body, size_t max_bytes,
                      struct reading *ret)
{
    struct body_type type;
    bool is_cut = body.len == LIMIT_BODY_WINDOW;
    ret->memory = malloc(FIRST_BYTES);
    check(ret->memory != NULL);
    arena_init(&ret->arena, ret->memory, FIRST_BYTES, max_bytes);
    body_values_init(&ret->values, &ret->arena, BODY_ALL_KINDS);
    body_type_read(head, &type);
    enum body_coding first = body_coding(head);
    enum body_coding last = first == CODING_DEFLATE ? CODING_DEFLATE_RAW : first;
    for (enum body_coding coding = first; coding <= last && first <= CODING_DEFLATE_RAW; coding++) {
        struct body_inflated inflated;
        if (coding == CODING_NONE || !body_inflate(body, coding, is_cut, &ret->arena, &inflated))
            continue;
        check(inflated.text.len <= LIMIT_BODY_WINDOW);
        read_text(&type, inflated.text, inflated.is_cut, ret);
    }
    read_text(&type, body, is_cut, ret);
}

/* Touches every byte, and sums up what was found. */
static size_t digest(const struct body_values *values)
{
    size_t sum = 0;
    size_t n = 0;
    for (const struct body_chunk *chunk = values->first; chunk != NULL; chunk = chunk->next)
        for (size_t i = 0; i < chunk->n; i++, n++) {
            const struct body_value *value = &chunk->values[i];
            check((unsigned)value->kind < BODY_KIND_COUNT);
            for (size_t b = 0; b < value->name.len; b++)
                sum = sum * 31 + (unsigned char)value->name.ptr[b];
            for (int view = 0; view < VIEW_COUNT; view++)
                for (size_t b = 0; b < value->value[view].len; b++)
                    sum = sum * 31 + (unsigned char)value->value[view].ptr[b];
        }
    check(n == values->n && n <= LIMIT_BODY_VALUES);
    return sum;
}

static void done(struct reading *reading)
{
    arena_done(&reading->arena);
    free(reading->memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_make((const char *)data, size);
    struct header_field fields[] = {{SLICE("Content-Type"), cut(&rest)},
                                    {SLICE("Content-Encoding"), cut(&rest)}};
    struct request_head head = {.fields = fields, .n_fields = 2};
    struct slice body = slice_head(rest, LIMIT_BODY_WINDOW);
    struct reading first;
    struct reading again;
    xml_init();
    read_body(&head, body, LIMIT_BODY_MEMORY_BYTES, &first);
    check(first.arena.used <= LIMIT_BODY_MEMORY_BYTES);
    read_body(&head, body, LIMIT_BODY_MEMORY_BYTES, &again);
    check(first.values.n == again.values.n && first.values.anomalies == again.values.anomalies &&
          digest(&first.values) == digest(&again.values));
    done(&again);
    /* Memory that ends anywhere ends the reading, and no more. */
    read_body(&head, body, size * 7919 % (first.arena.used + 1), &again);
    (void)digest(&again.values);
    done(&again);
    done(&first);
    return 0;
}
