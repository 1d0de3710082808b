/* A request from text, through the parser of the proxy. */
#include "cli/explain.h"

#include "request_limits.h"

#include <stdlib.h>

#include "stopgap/banned.h"

enum { FIRST_BYTES = 32 * 1024 };

static void note(struct explain_request *request, const char *text)
{
    if (request->n_notes < EXPLAIN_MAX_NOTES)
        request->notes[request->n_notes++] = text;
}

/* Where the head ends behind its empty line; SIZE_MAX: nowhere. */
static size_t find_end(struct slice text, struct slice mark)
{
    const char *hit = memmem(text.ptr, text.len, mark.ptr, mark.len);
    return hit != NULL ? (size_t)(hit - text.ptr) + mark.len : SIZE_MAX;
}

/* ---- requests that people typed */

static bool has_framing(struct slice head)
{
    struct slice line;
    while (slice_next(&head, '\n', &line)) {
        enum known_field known = http_known_field(slice_head(line, slice_find(line, ':')));
        if (known == KNOWN_CONTENT_LENGTH || known == KNOWN_TRANSFER_ENCODING)
            return true;
    }
    return false;
}

/* head has LF line ends and its empty line at the end, which is left out here. */
static bool append_lines(struct buf *raw, struct slice head)
{
    bool is_appended = true;
    while (head.len > 1 && is_appended) {
        size_t end = slice_find(head, '\n');
        is_appended = buf_append(raw, slice_head(head, end)) && buf_append(raw, SLICE("\r\n"));
        head = slice_from(head, end == SIZE_MAX ? head.len : end + 1);
    }
    return is_appended;
}

static bool read_typed(struct explain_request *request, struct slice text)
{
    size_t end = find_end(text, SLICE("\n\n"));
    struct slice head = slice_head(text, end);
    struct slice body = end != SIZE_MAX ? slice_from(text, end) : slice_make("", 0);
    note(request, "line ends were LF; they are read as CRLF, which HTTP wants");
    if (end == SIZE_MAX)
        note(request, "the empty line behind the head was missing; it is taken for there");
    if (!append_lines(&request->raw, head))
        return false;
    if (body.len != 0 && !has_framing(head)) {
        if (body.ptr[body.len - 1] == '\n')
            body.len--; /* an editor's */
        note(request, "a Content-Length was added for the body, without the last line end");
        if (!buf_printf(&request->raw, "Content-Length: %zu\r\n", body.len))
            return false;
    }
    return buf_append(&request->raw, SLICE("\r\n")) && buf_append(&request->raw, body);
}

static bool is_typed(struct slice text)
{
    size_t end = find_end(text, SLICE("\n\n"));
    struct slice head = slice_head(text, end);
    return slice_find(head, '\n') != SIZE_MAX && slice_find(head, '\r') == SIZE_MAX;
}

/* ---- the parser of the proxy */

static void on_body(void *ctx, struct slice bytes)
{
    struct explain_request *request = ctx;
    /* The body is no longer than the text, for which there was room. */
    if (!buf_append(&request->body, bytes))
        (void)http_refuse(&request->parser, 503, END_NO_MEMORY, "no memory for the body");
}

static void refuse(struct explain_request *request, size_t before)
{
    request->is_refused = true;
    request->refused_offset = before + request->parser.refusal.offset;
}

static void read_body(struct explain_request *request, struct slice rest)
{
    size_t used = 0;
    request->parser.on_body = on_body;
    request->parser.body_ctx = request;
    if (!request->parser.is_done) {
        enum parse_result result = http_parse_body(&request->parser, rest, &used);
        if (result == PARSE_REFUSED)
            refuse(request, request->parser.head_len);
        if (result == PARSE_MORE)
            note(request, "the body is not whole; the proxy would wait for the rest before it "
                          "decides, unless 64 KiB are there");
    }
    if (!request->is_refused && used < rest.len && request->parser.is_done)
        note(request, "bytes behind the request are the next request of the connection; they are "
                      "not looked at");
}

static bool parse(struct explain_request *request, struct err *err)
{
    struct slice bytes = buf_slice(&request->raw);
    http_parser_init_request(&request->parser, &request->limits);
    switch (http_parse_head(&request->parser, bytes, &request->arena, true)) {
    case PARSE_REFUSED:
        refuse(request, 0);
        return true;
    case PARSE_MORE:
    case PARSE_DONE:
        return err_set(err, ERR_SYNTAX, "E_REQUEST_CUT",
                       "the head is not whole after %zu bytes: it ends with an empty line",
                       bytes.len);
    case PARSE_HEAD:
        break;
    }
    const struct http_head *head = &request->parser.head;
    request->head = (struct request_head){
        .method = head->method,
        .target = head->target,
        .host = head->host,
        .fields = head->fields,
        .n_fields = head->n_fields,
        .client = request->head.client,
        .has_body = !request->parser.is_done,
    };
    read_body(request, slice_from(bytes, request->parser.head_len));
    return true;
}

bool explain_request_read(struct explain_request *request, struct slice text, bool from_file,
                          const struct config *config, struct err *err)
{
    struct net_address client = request->head.client;
    memset(request, 0, sizeof(*request));
    request->head.client = client;
    request->limits = request_limits(config);
    /* Each line grows by a CR, and a Content-Length may come. */
    buf_init(&request->raw, 2 * EXPLAIN_MAX_INPUT + 64);
    buf_init(&request->body, 2 * EXPLAIN_MAX_INPUT + 64);
    request->memory = malloc(FIRST_BYTES);
    if (request->memory == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    arena_init(&request->arena, request->memory, FIRST_BYTES, LIMIT_ARENA_BYTES);
    bool is_read =
        from_file && is_typed(text) ? read_typed(request, text) : buf_append(&request->raw, text);
    if (!is_read)
        return err_set(err, ERR_LIMIT, "E_REQUEST_LONG", "the request is over %d bytes",
                       EXPLAIN_MAX_INPUT);
    return parse(request, err);
}

void explain_request_done(struct explain_request *request)
{
    if (request->memory != NULL)
        arena_done(&request->arena);
    free(request->memory);
    buf_done(&request->raw);
    buf_done(&request->body);
}
