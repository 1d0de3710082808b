/* JSON by yajl: its events as names and values. */
#include "body/json.h"

#include <yajl/yajl_parse.h>

#include <assert.h>

#include "stopgap/limits.h"

#include "stopgap/banned.h"

struct json_reader {
    struct body_values *values;
    struct slice text;
    struct slice name;                    /* of the member that comes next */
    struct slice outer[LIMIT_JSON_DEPTH]; /* names of the members around */
    unsigned depth;
    bool has_value; /* the outermost value began */
};

/* ---- memory: yajl does not check what it is given, so all that it can ask for is there before */

enum {
    SMALL_BYTES = 4096,
    LARGEST_BYTES = 2 * LIMIT_BODY_WINDOW, /* holds the longest text, which is UTF-16 made UTF-8 */
    MAX_TEXT_BYTES = LARGEST_BYTES - 2,    /* with a byte that ends it, and one that is left free */
    BLOCK_ALIGN = 16,
    /* Two buffers, each of 2,048 bytes, then of 4,096, then of the largest; the rest is small. */
    MEMORY_BYTES = 2 * (SMALL_BYTES / 2 + SMALL_BYTES + LARGEST_BYTES) + SMALL_BYTES,
};

/* A form may carry many documents; they share this. */
struct json_memory {
    size_t used;
    _Alignas(BLOCK_ALIGN) char bytes[MEMORY_BYTES];
};

/* In front of each block; yajl does not say how long one was. */
struct block {
    _Alignas(BLOCK_ALIGN) size_t size;
};

static void *block_new(void *ctx, size_t size)
{
    struct json_memory *memory = ctx;
    size_t rounded = (size + BLOCK_ALIGN - 1) & ~(size_t)(BLOCK_ALIGN - 1);
    assert(sizeof(struct block) + rounded <= MEMORY_BYTES - memory->used);
    struct block *block = (struct block *)(memory->bytes + memory->used);
    memory->used += sizeof(*block) + rounded;
    block->size = rounded;
    return block + 1;
}

/* yajl's buffers grow by doubling. One that grows beyond a page is given at once what the text can
 * need at most. */
static void *block_resize(void *ctx, void *old, size_t size)
{
    struct block *block = old != NULL ? (struct block *)old - 1 : NULL;
    if (block != NULL && size <= block->size)
        return old;
    void *ptr = block_new(ctx, size > SMALL_BYTES ? LARGEST_BYTES : size);
    if (block != NULL)
        memcpy(ptr, old, block->size);
    return ptr;
}

static void block_free(void *ctx, void *ptr)
{
    (void)ctx;
    (void)ptr;
}

static struct json_memory *memory_of(struct body_values *values)
{
    if (values->json_memory == NULL)
        values->json_memory = arena_alloc(values->arena, sizeof(struct json_memory));
    struct json_memory *memory = values->json_memory;
    if (memory == NULL)
        values->is_out_of_memory = true;
    else
        memory->used = 0;
    return memory;
}

/* ---- events; 0 ends the reading */

/* What yajl shows is part of the text, or a buffer that its next event uses again. */
static struct slice keep(struct json_reader *reader, const unsigned char *ptr, size_t len)
{
    struct slice bytes = slice_make((const char *)ptr, len);
    struct slice text = reader->text;
    if (len == 0)
        return slice_make(text.ptr, 0);
    if (bytes.ptr >= text.ptr && bytes.ptr + len <= text.ptr + text.len)
        return bytes;
    return body_values_copy(reader->values, bytes);
}

static int add_value(struct json_reader *reader, const unsigned char *ptr, size_t len)
{
    reader->has_value = true;
    if (!body_values_want(reader->values, BODY_JSON, reader->name))
        return 1;
    struct slice value = keep(reader, ptr, len);
    return value.ptr != NULL && body_values_add(reader->values, BODY_JSON, reader->name, value);
}

static int on_literal(struct json_reader *reader, const char *text)
{
    return add_value(reader, (const unsigned char *)text, strlen(text));
}

static int on_null(void *ctx)
{
    return on_literal(ctx, "null");
}

static int on_boolean(void *ctx, int is_true)
{
    return on_literal(ctx, is_true != 0 ? "true" : "false");
}

static int on_number(void *ctx, const char *text, size_t len)
{
    return add_value(ctx, (const unsigned char *)text, len);
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
    return add_value(ctx, text, len);
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
    struct json_reader *reader = ctx;
    reader->name = keep(reader, text, len);
    return reader->name.ptr != NULL &&
           body_values_add(reader->values, BODY_JSON_KEY, SLICE(""), reader->name);
}

static int on_open(void *ctx)
{
    struct json_reader *reader = ctx;
    reader->has_value = true;
    if (reader->depth == LIMIT_JSON_DEPTH)
        return 0;
    reader->outer[reader->depth++] = reader->name;
    return 1;
}

static int on_close(void *ctx)
{
    struct json_reader *reader = ctx;
    reader->name = reader->outer[--reader->depth];
    return 1;
}

/* ---- reading */

/* text without a backslash that waits for what it escapes. */
static struct slice without_open_escape(struct slice text)
{
    size_t n = 0;
    while (n < text.len && text.ptr[text.len - 1 - n] == '\\')
        n++;
    return slice_head(text, text.len - n % 2);
}

static bool feed(yajl_handle parser, struct slice bytes)
{
    return yajl_parse(parser, (const unsigned char *)bytes.ptr, bytes.len) == yajl_status_ok;
}

/* False when the text is no JSON, or not all of it. */
static bool parse(yajl_handle parser, struct json_reader *reader)
{
    if (!feed(parser, without_open_escape(reader->text)))
        return false;
    if (reader->depth == 0 && reader->has_value)
        return yajl_complete_parse(parser) == yajl_status_ok;
    /* Cut off inside: end the string that may be open. */
    (void)feed(parser, SLICE("\""));
    return false;
}

void json_read(struct slice text, bool is_cut, struct body_values *values)
{
    static const yajl_callbacks events = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_open,
        .yajl_map_key = on_key,
        .yajl_end_map = on_close,
        .yajl_start_array = on_open,
        .yajl_end_array = on_close,
    };
    struct json_memory *memory = memory_of(values);
    if (memory == NULL)
        return;
    is_cut = is_cut || text.len > MAX_TEXT_BYTES;
    text = slice_head(text, MAX_TEXT_BYTES);
    yajl_alloc_funcs functions = {block_new, block_resize, block_free, memory};
    struct json_reader reader = {.values = values, .text = text, .name = SLICE("")};
    yajl_handle parser = yajl_alloc(&events, &functions, &reader);
    /* As loose as the loosest server: a stricter reading would see less. */
    (void)yajl_config(parser, yajl_allow_comments, 1);
    (void)yajl_config(parser, yajl_allow_multiple_values, 1);
    (void)yajl_config(parser, yajl_dont_validate_strings, 1);
    bool is_whole = parse(parser, &reader);
    bool is_full = (values->anomalies & BODY_TOO_MANY_VALUES) != 0 || values->is_out_of_memory;
    if (!is_whole && !is_full && !is_cut)
        values->anomalies |= BODY_JSON_INVALID;
    yajl_free(parser);
}
