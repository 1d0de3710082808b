/* The llhttp binding: callbacks record spans, nothing else. */
#include "http/parse.h"

#include "http/strict.h"

#include "stopgap/banned.h"

#if !defined(LLHTTP_STRICT_MODE) || !LLHTTP_STRICT_MODE
#if LLHTTP_VERSION_MAJOR < 9
#error "llhttp must be compiled with LLHTTP_STRICT_MODE=1: its loose mode lets requests be smuggled"
#endif
#endif

static struct http_parser *parser_of(llhttp_t *llhttp)
{
    return (struct http_parser *)((char *)llhttp - offsetof(struct http_parser, llhttp));
}

/* Where in the bytes of this call the check stands that refuses, as far as it is known. */
static size_t suspect_offset(const struct http_parser *parser)
{
    const char *at =
        parser->suspect != NULL ? parser->suspect : llhttp_get_error_pos(&parser->llhttp);
    /* llhttp also reads bytes that are ours: the start line, blanks for tabs. */
    bool is_inside = at != NULL && (uintptr_t)at >= (uintptr_t)parser->base &&
                     (uintptr_t)at <= (uintptr_t)parser->base + parser->base_len;
    return is_inside ? (size_t)(at - parser->base) : 0;
}

enum parse_result http_refuse(struct http_parser *parser, unsigned status, enum end_reason reason,
                              const char *text)
{
    if (parser->is_response) { /* whatever it was, the client did not do it */
        status = 502;
        reason = END_UPSTREAM_BAD_RESPONSE;
    }
    if (parser->refusal.status == 0) /* the first reason is the cause */
        parser->refusal = (struct http_refusal){
            .status = status, .reason = reason, .text = text, .offset = suspect_offset(parser)};
    parser->is_done = false; /* else the connection would go on, with bytes of this message */
    return PARSE_REFUSED;
}

/* ---- callbacks, in the order they fire; -1 stops llhttp */

enum {
    RAW_FIRST_ROOM = 48,       /* fields that clients and servers send, with some to spare */
    CHUNK_OVERHEAD_FREE = 20,  /* a size of 64 bits and the CRLF around it and its data */
    CHUNK_OVERHEAD_A_BYTE = 2, /* signatures of chunks take 85 bytes for 64 KiB */
};

/* Room for the field that begins, in the arena: its memory goes with the transaction. */
static bool raw_make_room(struct http_parser *parser)
{
    if (parser->n_raw < parser->raw_room)
        return true;
    unsigned room = parser->raw_room != 0 ? parser->raw_room * 2 : RAW_FIRST_ROOM;
    struct raw_field *raw = arena_alloc(parser->arena, room * sizeof(*raw));
    if (raw == NULL)
        return http_refuse(parser, 503, END_NO_MEMORY, "no memory for the head") != PARSE_REFUSED;
    if (parser->n_raw != 0)
        memcpy(raw, parser->raw, parser->n_raw * sizeof(*raw));
    raw[parser->n_raw] = (struct raw_field){0};
    parser->raw = raw;
    parser->raw_room = room;
    return true;
}

static int on_header_field(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *parser = parser_of(llhttp);
    if (parser->is_head_done) { /* trailers are counted as overhead and dropped */
        parser->trailer_name_len += len;
        return 0;
    }
    if (!raw_make_room(parser))
        return -1;
    struct raw_field *raw = &parser->raw[parser->n_raw];
    if (raw->name_len == 0)
        raw->name = (unsigned)(at - parser->base);
    raw->name_len += (unsigned)len;
    return 0;
}

static int on_header_value(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *parser = parser_of(llhttp);
    if (parser->is_head_done)
        return 0;
    if (!raw_make_room(parser)) /* llhttp reports no name when it is empty */
        return -1;
    struct raw_field *raw = &parser->raw[parser->n_raw];
    if (raw->value_len == 0)
        raw->value = (unsigned)(at - parser->base);
    raw->value_len += (unsigned)len; /* a folded value fails strict_check_layout */
    return 0;
}

/* RFC 9110 6.5: a field line like any other, so one without a name is refused there, too. */
static int trailer_complete(struct http_parser *parser)
{
    bool ok = parser->trailer_name_len != 0;
    parser->trailer_name_len = 0;
    if (!ok)
        (void)http_refuse(parser, 400, END_BAD_REQUEST, "trailer without a name (RFC 9110 5.1)");
    return ok ? 0 : -1;
}

static int on_header_value_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = parser_of(llhttp);
    if (parser->is_head_done)
        return trailer_complete(parser);
    if (!raw_make_room(parser))
        return -1;
    const struct raw_field *raw = &parser->raw[parser->n_raw];
    parser->suspect = parser->base + raw->name;
    if (raw->name_len + raw->value_len > parser->limits->field_bytes) {
        (void)http_refuse(parser, 431, END_HEAD_TOO_LARGE, "a field is too long (RFC 6585 5)");
        return -1;
    }
    if (parser->n_raw >= parser->limits->fields) {
        (void)http_refuse(parser, 431, END_HEAD_TOO_LARGE, "too many fields (RFC 6585 5)");
        return -1;
    }
    if (++parser->n_raw < parser->raw_room)
        parser->raw[parser->n_raw] = (struct raw_field){0};
    parser->suspect = NULL;
    return 0;
}

static bool response_has_no_body(const struct http_parser *parser)
{
    unsigned status = parser->head.status;
    return parser->is_head_request || status < 200 || status == 204 || status == 304;
}

static int on_headers_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = parser_of(llhttp);
    parser->is_head_done = true;
    if (parser->is_response && response_has_no_body(parser)) {
        parser->is_empty = true;
        return 1; /* RFC 9112 6.3: whatever the fields say */
    }
    return HPE_PAUSED;
}

/* Chunk extensions and trailers are cheap to send, dear to read and in no limit of bodies: count
 * the framing bytes in front of `to`. */
static bool count_overhead(struct http_parser *parser, const char *to)
{
    parser->overhead += (size_t)(to - parser->mark);
    if (parser->overhead <= LIMIT_CHUNK_OVERHEAD)
        return true;
    (void)http_refuse(parser, 400, END_BAD_REQUEST, "too much chunk framing (RFC 9112 7.1)");
    return false;
}

/* What n bytes of data pay for. A bound for the whole message has to be a ratio: a channel of an
 * hour may have any number of chunks, but data comes with them. */
static void pay_overhead(struct http_parser *parser, size_t n)
{
    size_t paid = n * CHUNK_OVERHEAD_A_BYTE + (parser->is_new_chunk ? CHUNK_OVERHEAD_FREE : 0);
    parser->overhead -= paid < parser->overhead ? paid : parser->overhead;
    parser->is_new_chunk = false;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *parser = parser_of(llhttp);
    uint64_t max = parser->limits->body_bytes != 0 ? parser->limits->body_bytes : INT64_MAX;
    if (!parser->is_response && len > max - parser->body_bytes) {
        parser->suspect = at;
        (void)http_refuse(parser, 413, END_BODY_TOO_LARGE,
                          "body over its limit (RFC 9110 15.5.14)");
        return -1;
    }
    if (!count_overhead(parser, at))
        return -1;
    parser->body_bytes += len;
    pay_overhead(parser, len);
    parser->mark = at + len;
    parser->on_body(parser->body_ctx, slice_make(at, len));
    return 0;
}

static int on_chunk_header(llhttp_t *llhttp)
{
    struct http_parser *parser = parser_of(llhttp);
    if (llhttp->content_length > INT64_MAX) {
        (void)http_refuse(parser, 400, END_BAD_REQUEST, "chunk size over 2^63-1 (RFC 9112 7.1)");
        return -1;
    }
    parser->is_last_chunk = llhttp->content_length == 0;
    parser->is_new_chunk = true;
    return 0;
}

/* The line of the next chunk begins, unless that was the last one. */
static int on_chunk_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = parser_of(llhttp);
    if (parser->is_last_chunk)
        return 0;
    parser->line = CHUNK_LINE_SIZE;
    return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *llhttp)
{
    parser_of(llhttp)->is_done = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t *parser_settings(void)
{
    static const llhttp_settings_t settings = {
        .on_header_field = on_header_field,
        .on_header_value = on_header_value,
        .on_header_value_complete = on_header_value_complete,
        .on_headers_complete = on_headers_complete,
        .on_body = on_body,
        .on_chunk_header = on_chunk_header,
        .on_chunk_complete = on_chunk_complete,
        .on_message_complete = on_message_complete,
    };
    return &settings;
}

/* ---- start */

static void parser_init(struct http_parser *parser, const struct http_limits *limits)
{
    memset(parser, 0, sizeof(*parser));
    parser->limits = limits;
}

void http_parser_init_request(struct http_parser *parser, const struct http_limits *limits)
{
    parser_init(parser, limits);
    llhttp_init(&parser->llhttp, HTTP_REQUEST, parser_settings());
}

void http_parser_init_response(struct http_parser *parser, const struct http_limits *limits,
                               bool is_head)
{
    parser_init(parser, limits);
    parser->is_response = true;
    parser->is_head_request = is_head;
    llhttp_init(&parser->llhttp, HTTP_RESPONSE, parser_settings());
}

/* ---- the head */

/* A callback of ours stopped llhttp, which may call that an upgrade; txn decides about those. */
static bool is_pause(enum llhttp_errno error)
{
    return error == HPE_PAUSED || error == HPE_PAUSED_UPGRADE;
}

/* llhttp gets a start line that means the same to it: the version decides on keep-alive, a
 * response's status on its body. */
static bool feed_start_line(struct http_parser *parser)
{
    static const char *const requests[] = {"POST / HTTP/1.0\r\n", "POST / HTTP/1.1\r\n"};
    char response[] = "HTTP/1.1 200 OK\r\n";
    unsigned status = parser->head.status;
    response[7] = (char)('0' + parser->head.minor);
    response[9] = (char)('0' + status / 100);
    response[10] = (char)('0' + status / 10 % 10);
    response[11] = (char)('0' + status % 10);
    const char *line = parser->is_response ? response : requests[parser->head.minor];
    return llhttp_execute(&parser->llhttp, line, strlen(line)) == HPE_OK;
}

/* llhttp looks at the framing when all fields are there; the last that frames is meant. */
static const char *last_framing(const struct http_parser *parser)
{
    for (unsigned i = parser->is_head_done ? 0 : parser->n_raw; i-- > 0;) {
        struct slice name = slice_make(parser->base + parser->raw[i].name, parser->raw[i].name_len);
        enum known_field known = http_known_field(name);
        if (known == KNOWN_CONTENT_LENGTH || known == KNOWN_TRANSFER_ENCODING)
            return name.ptr;
    }
    return NULL;
}

static enum parse_result refuse_llhttp(struct http_parser *parser)
{
    static const struct {
        llhttp_errno_t error;
        const char *text;
    } reasons[] = {
        {HPE_UNEXPECTED_CONTENT_LENGTH,
         "Content-Length twice, or with Transfer-Encoding (RFC 9112 6.3)"},
        {HPE_INVALID_CONTENT_LENGTH, "malformed Content-Length (RFC 9110 8.6)"},
        {HPE_INVALID_TRANSFER_ENCODING, "malformed Transfer-Encoding (RFC 9112 6.1)"},
        {HPE_INVALID_HEADER_TOKEN, "malformed header field (RFC 9112 5)"},
        {HPE_INVALID_CHUNK_SIZE, "malformed chunk (RFC 9112 7.1)"},
        {HPE_LF_EXPECTED, "a line does not end in CRLF (RFC 9112 2.2)"},
        {HPE_CR_EXPECTED, "a line does not end in CRLF (RFC 9112 2.2)"},
        {HPE_STRICT, "malformed line or chunk (RFC 9112 2.2)"},
    };
    llhttp_errno_t error = llhttp_get_errno(&parser->llhttp);
    const char *text = llhttp_get_error_reason(&parser->llhttp);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].error == error)
            text = reasons[i].text;
    if (error == HPE_UNEXPECTED_CONTENT_LENGTH)
        parser->suspect = last_framing(parser);
    return http_refuse(parser, 400, END_BAD_REQUEST, text);
}

/* Offsets become slices once the bytes stay where they are. */
static bool head_build(struct http_parser *parser)
{
    struct http_head *head = &parser->head;
    size_t n = parser->n_raw;
    const char *line = parser->base + parser->start;
    head->raw = slice_make(line, parser->head_len - parser->start);
    head->method.ptr = line; /* the scanner's lengths hold, wherever the bytes are now */
    head->target.ptr = line + head->method.len + 1;
    head->reason.ptr = line + sizeof("HTTP/1.1 200 ") - 1;
    head->fields = arena_alloc(parser->arena, (n + 1) * sizeof(*head->fields));
    head->line_starts = arena_alloc(parser->arena, (n + 1) * sizeof(*head->line_starts));
    head->known = arena_alloc(parser->arena, n + 1);
    if (head->fields == NULL || head->line_starts == NULL || head->known == NULL)
        return false;
    head->n_fields = n;
    for (size_t i = 0; i < n; i++) {
        const struct raw_field *raw = &parser->raw[i];
        head->fields[i] = (struct header_field){
            .name = slice_make(parser->base + raw->name, raw->name_len),
            .value = slice_trim(slice_make(parser->base + raw->value, raw->value_len))};
        head->line_starts[i] = head->fields[i].name.ptr;
        head->known[i] = (unsigned char)http_known_field(head->fields[i].name);
    }
    head->line_starts[n] = parser->base + parser->head_len - 2;
    return true;
}

static enum parse_result head_complete(struct http_parser *parser, bool keep)
{
    const char *end = llhttp_get_error_pos(&parser->llhttp);
    parser->head_len = (size_t)(end - parser->base);
    if (keep) {
        struct slice copy = arena_copy(parser->arena, slice_make(parser->base, parser->head_len));
        if (copy.ptr == NULL)
            return http_refuse(parser, 503, END_NO_MEMORY, "no memory for the head");
        parser->base = copy.ptr;
    }
    if (!head_build(parser))
        return http_refuse(parser, 503, END_NO_MEMORY, "no memory for the head");
    if (!strict_check_layout(parser) || !strict_check_head(parser))
        return PARSE_REFUSED;
    if (parser->head.framing == FRAMING_CHUNKED)
        parser->line = CHUNK_LINE_SIZE;
    if (parser->head.framing == FRAMING_NONE ||
        (parser->head.framing == FRAMING_LENGTH && parser->head.content_length == 0))
        parser->is_done = true;
    return PARSE_HEAD;
}

/* llhttp 8.1 refuses "Content-Length: 5\t", which RFC 9110 5.6.3 allows. It is shown a blank for
 * each tab of the head, which means the same everywhere; the bytes that are forwarded stay. */
static enum llhttp_errno feed_fields(struct http_parser *parser, struct slice bytes)
{
    enum llhttp_errno error = HPE_OK;
    while (error == HPE_OK && bytes.len != 0) {
        size_t tab = slice_find(bytes, '\t');
        struct slice part = slice_head(bytes, tab);
        error = llhttp_execute(&parser->llhttp, part.ptr, part.len);
        if (error == HPE_OK && tab != SIZE_MAX)
            error = llhttp_execute(&parser->llhttp, " ", 1);
        bytes = slice_from(bytes, tab == SIZE_MAX ? bytes.len : tab + 1);
    }
    return error;
}

enum parse_result http_parse_head(struct http_parser *parser, struct slice bytes,
                                  struct arena *arena, bool keep)
{
    parser->base = bytes.ptr;
    parser->base_len = bytes.len;
    parser->suspect = NULL;
    parser->arena = arena;
    if (!parser->has_start_line) {
        enum parse_result result = strict_scan_start_line(parser, bytes);
        if (result != PARSE_HEAD)
            return result;
        parser->has_start_line = true;
        parser->suspect = NULL;
        if (!feed_start_line(parser))
            return refuse_llhttp(parser);
    }
    size_t max = parser->start + parser->limits->head_bytes;
    struct slice rest = slice_from(slice_head(bytes, max), parser->fed);
    enum llhttp_errno error = feed_fields(parser, rest);
    if (parser->is_head_done && is_pause(error))
        return head_complete(parser, keep);
    if (error != HPE_OK)
        return refuse_llhttp(parser);
    parser->fed += rest.len;
    if (parser->fed >= max)
        return http_refuse(parser, 431, END_HEAD_TOO_LARGE,
                           "header section is too long (RFC 6585 5)");
    return PARSE_MORE;
}

/* ---- the body */

/* llhttp takes a bare LF for the empty line that ends a chunked message. */
static bool ends_in_crlf(const struct http_parser *parser, struct slice bytes, size_t used)
{
    char before = used >= 2 ? bytes.ptr[used - 2] : parser->last_byte;
    return parser->head.framing != FRAMING_CHUNKED || used == 0 || before == '\r';
}

/* llhttp, up to the line of the next chunk. *ret_used: what it took. */
static enum llhttp_errno feed_body(struct http_parser *parser, struct slice bytes, size_t *ret_used)
{
    enum llhttp_errno error = llhttp_execute(&parser->llhttp, bytes.ptr, bytes.len);
    *ret_used = bytes.len;
    if (is_pause(error)) {
        *ret_used = (size_t)(llhttp_get_error_pos(&parser->llhttp) - bytes.ptr);
        llhttp_resume(&parser->llhttp);
    }
    return is_pause(error) && !parser->is_done ? HPE_OK : error;
}

/* The next bytes that belong together: those of extensions, or those in front of them. */
static enum llhttp_errno body_step(struct http_parser *parser, struct slice bytes, size_t *ret_used)
{
    if (parser->line == CHUNK_LINE_SIZE) {
        size_t len = chunk_line_size(&parser->line, bytes);
        return feed_body(parser, slice_head(bytes, len), ret_used);
    }
    if (parser->line == CHUNK_LINE_NONE)
        return feed_body(parser, bytes, ret_used);
    *ret_used = chunk_line_extensions(&parser->line, bytes);
    if (parser->line != CHUNK_LINE_BAD)
        return HPE_OK;
    parser->suspect = bytes.ptr + *ret_used;
    (void)http_refuse(parser, 400, END_BAD_REQUEST, "malformed chunk extension (RFC 9112 7.1.1)");
    return HPE_USER;
}

enum parse_result http_parse_body(struct http_parser *parser, struct slice bytes, size_t *ret_used)
{
    *ret_used = 0;
    if (parser->is_done)
        return PARSE_DONE;
    parser->mark = bytes.ptr;
    parser->base = bytes.ptr;
    parser->base_len = bytes.len;
    parser->suspect = NULL;
    llhttp_resume(&parser->llhttp);
    enum llhttp_errno error = HPE_OK;
    size_t at = 0;
    while (error == HPE_OK && at < bytes.len) {
        size_t used;
        error = body_step(parser, slice_from(bytes, at), &used);
        at += used;
    }
    bool is_done = parser->is_done && is_pause(error);
    if (!is_done && error != HPE_OK)
        return refuse_llhttp(parser);
    if (!count_overhead(parser, bytes.ptr + at))
        return PARSE_REFUSED;
    *ret_used = at;
    if (is_done && !ends_in_crlf(parser, bytes, at))
        return http_refuse(parser, 400, END_BAD_REQUEST, "bare LF ends the message (RFC 9112 7.1)");
    if (bytes.len != 0)
        parser->last_byte = bytes.ptr[bytes.len - 1];
    return is_done ? PARSE_DONE : PARSE_MORE;
}

bool http_parse_end(struct http_parser *parser)
{
    /* llhttp_finish does not know the end of a body that has not begun yet. */
    parser->is_done |= parser->is_head_done && parser->head.framing == FRAMING_CLOSE;
    return parser->is_done;
}
