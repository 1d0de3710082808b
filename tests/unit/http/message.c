/* A driver of the parser that gives each call memory of exactly the right size, so that a
 * sanitizer sees a read behind the end and a pointer into bytes that have moved. */
#include "http/message.h"

#include "stopgap/limits.h"

#include <stdlib.h>

#include "stopgap/banned.h"

enum { ARENA_FIRST_BYTES = 4096, BRIEF_BODY_BYTES = 64 };

const struct http_limits message_limits = {
    .target_bytes = LIMIT_TARGET_BYTES,
    .field_bytes = LIMIT_FIELD_BYTES,
    .head_bytes = LIMIT_HEAD_BYTES,
    .fields = LIMIT_FIELDS,
};

uint64_t test_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static char *copy_exact(struct slice bytes)
{
    char *copy = malloc(bytes.len != 0 ? bytes.len : 1);
    if (copy == NULL)
        abort();
    if (bytes.len != 0)
        memcpy(copy, bytes.ptr, bytes.len);
    return copy;
}

/* Where the piece that begins at `at` ends. */
static size_t piece_end(const struct message_spec *spec, uint64_t *seed, size_t at)
{
    size_t end = spec->raw.len;
    switch (spec->cut) {
    case CUT_NOWHERE:
        break;
    case CUT_ONCE:
        if (at < spec->cut_arg)
            end = (size_t)spec->cut_arg;
        break;
    case CUT_BYTES:
        end = at + 1;
        break;
    case CUT_RANDOM: {
        uint64_t draw = test_random(seed);
        end = at + 1 + (size_t)((draw & 3) == 0 ? (draw >> 8) % 200 : (draw >> 8) % 9);
        break;
    }
    }
    return end < spec->raw.len ? end : spec->raw.len;
}

static void on_message_body(void *ctx, struct slice bytes)
{
    struct message *message = ctx;
    if (bytes.len == 0 || !buf_append(&message->body, bytes))
        abort(); /* an empty piece of a body would end a chunked message */
}

static const char *framing_word(enum http_framing framing)
{
    static const char *const words[] = {"none", "length", "chunked", "close"};
    return words[framing];
}

static void must(bool is_printed)
{
    if (!is_printed)
        abort();
}

static void print_brief(struct message *message, const struct message_spec *spec)
{
    const struct http_head *head = &message->parser.head;
    struct buf *out = &message->brief;
    if (!message->is_head_parsed) {
        must(message->is_refused ? buf_printf(out, "%u", message->parser.refusal.status)
                                 : buf_append(out, SLICE("more")));
        return;
    }
    if (spec->is_response)
        must(buf_printf(out, "%u", head->status));
    else
        must(buf_printf(out, SLICE_FMT " " SLICE_FMT, SLICE_ARG(head->method),
                        SLICE_ARG(head->target)));
    must(buf_printf(out, " %s", framing_word(head->framing)));
    if (head->framing == FRAMING_LENGTH)
        must(buf_printf(out, ":%llu", (unsigned long long)head->content_length));
    if (message->body.len > BRIEF_BODY_BYTES)
        must(buf_printf(out, " body:%zu", message->body.len));
    else if (message->body.len != 0)
        must(buf_printf(out, " body=" SLICE_FMT, SLICE_ARG(buf_slice(&message->body))));
    if (message->is_refused)
        must(buf_printf(out, "; %u", message->parser.refusal.status));
    else if (!message->is_done)
        must(buf_append(out, SLICE(" ...")));
    else if (message->used < spec->raw.len)
        must(buf_printf(out, " +%zu", spec->raw.len - message->used));
}

static void print_full(struct message *message)
{
    const struct http_head *head = &message->parser.head;
    struct buf *out = &message->full;
    if (message->is_refused) {
        must(buf_append(out, SLICE("refused")));
        must(!message->parser.is_done); /* the proxy would go on with the connection */
        return;
    }
    must(buf_append(out, buf_slice(&message->brief)));
    if (!message->is_head_parsed)
        return;
    must(buf_printf(out, " 1.%u host=" SLICE_FMT " reason=" SLICE_FMT " flags=%d%d%d%d%d",
                    head->minor, SLICE_ARG(head->host), SLICE_ARG(head->reason), head->wants_close,
                    head->has_keep_alive, head->has_upgrade, head->has_nominations,
                    head->expects_continue));
    for (size_t i = 0; i < head->n_fields; i++)
        must(buf_printf(out, "|" SLICE_FMT "=" SLICE_FMT, SLICE_ARG(head->fields[i].name),
                        SLICE_ARG(head->fields[i].value)));
    must(buf_append(out, SLICE("|")));
    must(buf_append(out, head->raw));
    must(buf_append(out, buf_slice(&message->body)));
}

/* Returns how many bytes of raw were given. */
static size_t read_head(struct message *message, const struct message_spec *spec, uint64_t *seed)
{
    size_t given = 0;
    enum parse_result result = PARSE_MORE;
    while (result == PARSE_MORE && given < spec->raw.len) {
        given = piece_end(spec, seed, given);
        free(message->head_copy);
        message->head_copy = copy_exact(slice_head(spec->raw, given));
        result = http_parse_head(&message->parser, slice_make(message->head_copy, given),
                                 &message->arena, !spec->is_response);
    }
    message->is_head_parsed = result == PARSE_HEAD;
    message->is_refused = result == PARSE_REFUSED;
    if (!spec->is_response) { /* the head was to be kept in the arena */
        free(message->head_copy);
        message->head_copy = NULL;
    }
    return given;
}

static void read_body(struct message *message, const struct message_spec *spec, size_t given,
                      uint64_t *seed)
{
    size_t end = given;
    while (!message->is_done && !message->is_refused) {
        if (message->used >= end && end < spec->raw.len)
            end = piece_end(spec, seed, end);
        if (message->used >= end)
            break;
        struct slice piece = slice_make(spec->raw.ptr + message->used, end - message->used);
        char *copy = copy_exact(piece);
        size_t used;
        enum parse_result result =
            http_parse_body(&message->parser, slice_make(copy, piece.len), &used);
        free(copy);
        message->is_done = result == PARSE_DONE;
        message->is_refused = result == PARSE_REFUSED;
        message->used += used;
        if (result == PARSE_MORE && used != piece.len)
            abort();
    }
}

void message_read(struct message *message, const struct message_spec *spec)
{
    *message = (struct message){0};
    uint64_t seed = spec->cut_arg;
    buf_init(&message->body, spec->raw.len + 1);
    buf_init(&message->brief, 1024 * 1024);
    buf_init(&message->full, 4 * 1024 * 1024);
    message->memory = malloc(ARENA_FIRST_BYTES);
    if (message->memory == NULL)
        abort();
    arena_init(&message->arena, message->memory, ARENA_FIRST_BYTES, LIMIT_ARENA_BYTES);
    const struct http_limits *limits = spec->limits != NULL ? spec->limits : &message_limits;
    if (spec->is_response)
        http_parser_init_response(&message->parser, limits, spec->is_head);
    else
        http_parser_init_request(&message->parser, limits);
    size_t given = read_head(message, spec, &seed);
    message->parser.on_body = on_message_body;
    message->parser.body_ctx = message;
    if (message->is_head_parsed) {
        message->used = message->parser.head_len;
        message->is_done = message->parser.is_done;
        read_body(message, spec, given, &seed);
    }
    if (spec->is_ended && !message->is_refused && !message->is_done)
        message->is_done = http_parse_end(&message->parser);
    print_brief(message, spec);
    print_full(message);
}

void message_done(struct message *message)
{
    buf_done(&message->body);
    buf_done(&message->brief);
    buf_done(&message->full);
    arena_done(&message->arena);
    free(message->memory);
    free(message->head_copy);
}
