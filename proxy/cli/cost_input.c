/* Traffic through the proxy's own parser, and what that takes. */
#include "cli/cost.h"

#include "config/config.h"
#include "request_limits.h"

#include <stdlib.h>
#include <time.h>

#include "stopgap/banned.h"

enum {
    FIRST_BYTES = 64 * 1024,
    SCRATCH_BYTES = 16 * 1024,             /* as the proxy gives a transaction */
    MAX_MEMORY_BYTES = 1536 * 1024 * 1024, /* tables of a million heads */
    ENOUGH_NS = 200 * 1000 * 1000,
};

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The part of a body that rules may see, its chunks joined. */
struct window {
    char *bytes; /* [LIMIT_BODY_WINDOW] */
    size_t len;
};

static void on_body(void *ctx, struct slice bytes)
{
    struct window *window = ctx;
    struct slice part = slice_head(bytes, LIMIT_BODY_WINDOW - window->len);
    if (part.len != 0)
        memcpy(window->bytes + window->len, part.ptr, part.len);
    window->len += part.len;
}

/* False: refused, or cut. */
static bool parse_one(struct http_parser *parser, struct slice bytes, struct arena *arena,
                      struct window *window)
{
    size_t used = 0;
    if (http_parse_head(parser, bytes, arena, false) != PARSE_HEAD)
        return false;
    window->len = 0;
    parser->on_body = on_body;
    parser->body_ctx = window;
    return parser->is_done ||
           http_parse_body(parser, slice_from(bytes, parser->head_len), &used) == PARSE_DONE;
}

static bool keep(struct cost_input *input, const struct http_parser *parser,
                 const struct window *window)
{
    const struct http_head *head = &parser->head;
    struct slice body = arena_copy(&input->memory, slice_make(window->bytes, window->len));
    input->requests[input->n++] = (struct cost_request){
        .head = {.method = head->method,
                 .target = head->target,
                 .host = head->host,
                 .fields = head->fields,
                 .n_fields = head->n_fields,
                 .client = net_address_from_ipv4("\xc0\x00\x02\x01"), /* 192.0.2.1 */
                 .has_body = window->len != 0},
        .body = body,
    };
    return body.ptr != NULL;
}

static bool parse_all(struct cost_input *input, const struct http_limits *limits,
                      struct window *window)
{
    bool is_kept = true;
    for (size_t i = 0; i < input->traffic.n && is_kept; i++) {
        struct http_parser parser;
        http_parser_init_request(&parser, limits);
        if (parse_one(&parser, traffic_request(&input->traffic, i), &input->memory, window))
            is_kept = keep(input, &parser, window);
        else
            input->n_refused++;
    }
    return is_kept;
}

/* As the proxy does it, each request with memory of its own; the quickest of some passes. */
static double time_parsing(const struct cost_input *input, const struct http_limits *limits,
                           char *scratch, struct window *window)
{
    uint64_t best = UINT64_MAX;
    uint64_t spent = 0;
    while (spent < ENOUGH_NS) {
        uint64_t begun = now_ns();
        for (size_t i = 0; i < input->traffic.n; i++) {
            struct arena arena;
            struct http_parser parser;
            arena_init(&arena, scratch, SCRATCH_BYTES, LIMIT_ARENA_BYTES);
            http_parser_init_request(&parser, limits);
            (void)parse_one(&parser, traffic_request(&input->traffic, i), &arena, window);
            arena_done(&arena);
        }
        uint64_t one = now_ns() - begun;
        best = one < best ? one : best;
        spent += one;
    }
    return (double)best / (double)input->traffic.n;
}

bool cost_input_parse(struct cost_input *input, struct err *err)
{
    struct config config;
    struct window window = {.bytes = malloc(LIMIT_BODY_WINDOW)};
    char *scratch = malloc(SCRATCH_BYTES);
    input->first_chunk = malloc(FIRST_BYTES);
    input->requests = calloc(input->traffic.n + 1, sizeof(*input->requests));
    bool is_parsed = window.bytes != NULL && scratch != NULL && input->first_chunk != NULL &&
                     input->requests != NULL;
    if (is_parsed) {
        config_init(&config);
        const struct http_limits limits = request_limits(&config);
        arena_init(&input->memory, input->first_chunk, FIRST_BYTES, MAX_MEMORY_BYTES);
        is_parsed = parse_all(input, &limits, &window);
        if (is_parsed && input->traffic.n != 0)
            input->parse_ns = time_parsing(input, &limits, scratch, &window);
        config_done(&config);
    }
    free(window.bytes);
    free(scratch);
    if (!is_parsed)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "no memory for the requests");
    return input->n != 0 || err_set(err, ERR_SYNTAX, "E_TRAFFIC",
                                    "the parser refuses all %zu requests; 'stopgap explain' says "
                                    "why",
                                    input->traffic.n);
}

void cost_input_done(struct cost_input *input)
{
    if (input->memory.next != NULL)
        arena_done(&input->memory);
    free(input->first_chunk);
    free(input->requests);
    traffic_done(&input->traffic);
}
