/* The parts of a message one after the other, and the binding of llhttp. */
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
    CHUNK_OVERHEAD_FREE = 20,  /* a size of 64 bits and the CRLF around it and its data */
    CHUNK_OVERHEAD_A_BYTE = 2, /* signatures of chunks take 85 bytes for 64 KiB */
};

/* Of the head llhttp sees what frames, which is read elsewhere, too. */
static int on_header_field(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *parser = parser_of(llhttp);
    (void)at;
    if (parser->is_head_done) /* trailers are counted as overhead and dropped */
        parser->trailer_name_len += len;
    return 0;
}

/* RFC 9110 6.5: a field line like any other, so one without a name is refused there, too. */
static int on_header_value_complete(llhttp_t *llhttp)
{
    struct http_parser *parser = parser_of(llhttp);
    bool ok = !parser->is_head_done || parser->trailer_name_len != 0;
    parser->trailer_name_len = 0;
    if (!ok)
        (void)http_refuse(parser, 400, END_BAD_REQUEST, "trailer without a name (RFC 9110 5.1)");
    return ok ? 0 : -1;
}

static int on_headers_complete(llhttp_t *llhttp)
{
    (void)llhttp;
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

/* Hand data over. False: over the limit. */
static bool give_body(struct http_parser *parser, struct slice data)
{
    uint64_t max = parser->limits->body_bytes != 0 ? parser->limits->body_bytes : INT64_MAX;
    if (!parser->is_response && data.len > max - parser->body_bytes) {
        parser->suspect = data.ptr;
        (void)http_refuse(parser, 413, END_BODY_TOO_LARGE,
                          "body over its limit (RFC 9110 15.5.14)");
        return false;
    }
    parser->body_bytes += data.len;
    parser->on_body(parser->body_ctx, data);
    return true;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
    struct http_parser *parser = parser_of(llhttp);
    if (!count_overhead(parser, at))
        return -1;
    pay_overhead(parser, len);
    parser->mark = at + len;
    return give_body(parser, slice_make(at, len)) ? 0 : -1;
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
}

void http_parser_init_response(struct http_parser *parser, const struct http_limits *limits,
                               bool is_head)
{
    parser_init(parser, limits);
    parser->is_response = true;
    parser->is_head_request = is_head;
}

/* ---- the head */

static bool response_has_no_body(const struct http_parser *parser)
{
    unsigned status = parser->head.status;
    return parser->is_head_request || status < 200 || status == 204 || status == 304;
}

/* A callback of ours stopped llhttp. */
static bool is_pause(enum llhttp_errno error)
{
    return error == HPE_PAUSED || error == HPE_PAUSED_UPGRADE;
}

/* The last field that frames is meant when llhttp does not like their sum. */
static const char *last_framing(const struct http_parser *parser)
{
    for (unsigned i = parser->is_head_done ? 0 : parser->n_raw; i-- > 0;)
        if (parser->raw[i].known == KNOWN_CONTENT_LENGTH ||
            parser->raw[i].known == KNOWN_TRANSFER_ENCODING)
            return parser->base + parser->raw[i].name;
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

/* ---- llhttp and the head */

/* llhttp gets a start line that means the same to it: a response's status decides on its body. */
static enum llhttp_errno feed_start_line(struct http_parser *parser)
{
    static const char *const requests[] = {"POST / HTTP/1.0\r\n", "POST / HTTP/1.1\r\n"};
    char response[] = "HTTP/1.1 200 OK\r\n";
    unsigned status = parser->head.status;
    response[7] = (char)('0' + parser->head.minor);
    response[9] = (char)('0' + status / 100);
    response[10] = (char)('0' + status / 10 % 10);
    response[11] = (char)('0' + status % 10);
    const char *line = parser->is_response ? response : requests[parser->head.minor];
    return llhttp_execute(&parser->llhttp, line, strlen(line));
}

/* llhttp 8.1 refuses "Content-Length: 5\t", which RFC 9110 5.6.3 allows. It is shown a blank for
 * each tab of the head, which means the same everywhere; the bytes that are forwarded stay. */
static enum llhttp_errno feed_line(struct http_parser *parser, struct slice bytes)
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

/* What decides on the body, in the order it came. */
static enum llhttp_errno feed_head(struct http_parser *parser)
{
    const struct http_head *head = &parser->head;
    llhttp_init(&parser->llhttp, parser->is_response ? HTTP_RESPONSE : HTTP_REQUEST,
                parser_settings());
    enum llhttp_errno error = feed_start_line(parser);
    for (size_t i = 0; i < head->n_fields && error == HPE_OK; i++)
        if (head->known[i] == KNOWN_CONTENT_LENGTH || head->known[i] == KNOWN_TRANSFER_ENCODING)
            error = feed_line(parser, http_field_line(head, i));
    return error == HPE_OK ? llhttp_execute(&parser->llhttp, "\r\n", 2) : error;
}

/* ---- the head as a whole */

/* Offsets become slices once the bytes stay where they are. */
static bool head_build(struct http_parser *parser)
{
    struct http_head *head = &parser->head;
    const char *base = parser->base;
    const char *line = base + parser->start;
    const size_t n = parser->n_raw;
    struct header_field *fields = arena_alloc(parser->arena, (n + 1) * sizeof(*fields));
    unsigned char *known = arena_alloc(parser->arena, n + 1);
    if (fields == NULL || known == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct raw_field *raw = &parser->raw[i];
        fields[i].name = slice_make(base + raw->name, raw->name_len);
        fields[i].value = slice_make(base + raw->value, raw->value_len);
        known[i] = raw->known;
    }
    head->raw = slice_make(line, parser->head_len - parser->start);
    head->method.ptr = line; /* the scanner's lengths hold, wherever the bytes are now */
    head->target.ptr = line + head->method.len + 1;
    head->reason.ptr = line + sizeof("HTTP/1.1 200 ") - 1;
    head->fields = fields;
    head->known = known;
    head->n_fields = n;
    return true;
}

static enum parse_result head_complete(struct http_parser *parser, bool keep)
{
    parser->head_len = parser->fed;
    parser->is_empty = parser->is_response && response_has_no_body(parser); /* RFC 9112 6.3 */
    if (keep) {
        struct slice copy = arena_copy(parser->arena, slice_make(parser->base, parser->head_len));
        if (copy.ptr == NULL)
            return http_refuse(parser, 503, END_NO_MEMORY, "no memory for the head");
        parser->base = copy.ptr;
    }
    if (!head_build(parser))
        return http_refuse(parser, 503, END_NO_MEMORY, "no memory for the head");
    if (parser->has_transfer && !parser->is_empty && !is_pause(feed_head(parser)))
        return refuse_llhttp(parser);
    if (!strict_check_head(parser))
        return PARSE_REFUSED;
    parser->is_head_done = true;
    if (parser->head.framing == FRAMING_CHUNKED)
        parser->line = CHUNK_LINE_SIZE;
    if (parser->head.framing == FRAMING_NONE ||
        (parser->head.framing == FRAMING_LENGTH && parser->head.content_length == 0))
        parser->is_done = true;
    return PARSE_HEAD;
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
    }
    size_t max = parser->start + parser->limits->head_bytes;
    enum parse_result result = strict_scan_fields(parser, slice_head(bytes, max));
    if (result == PARSE_HEAD)
        return head_complete(parser, keep);
    if (result == PARSE_MORE && bytes.len >= max)
        return http_refuse(parser, 431, END_HEAD_TOO_LARGE,
                           "header section is too long (RFC 6585 5)");
    return result;
}

/* ---- the body */

/* llhttp takes a bare LF for the empty line that ends a chunked message. */
static bool ends_in_crlf(const struct http_parser *parser, struct slice bytes, size_t used)
{
    char before = used >= 2 ? bytes.ptr[used - 2] : parser->last_byte;
    return used == 0 || before == '\r';
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

static enum parse_result chunked_body(struct http_parser *parser, struct slice bytes,
                                      size_t *ret_used)
{
    parser->mark = bytes.ptr;
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

/* By Content-Length, or to the end of the connection (RFC 9112 6.3). */
static enum parse_result counted_body(struct http_parser *parser, struct slice bytes,
                                      size_t *ret_used)
{
    const struct http_head *head = &parser->head;
    bool has_end = head->framing == FRAMING_LENGTH;
    uint64_t left = has_end ? head->content_length - parser->body_bytes : UINT64_MAX;
    struct slice data = bytes.len < left ? bytes : slice_head(bytes, (size_t)left);
    if (data.len != 0 && !give_body(parser, data))
        return PARSE_REFUSED;
    *ret_used = data.len;
    parser->is_done = has_end && parser->body_bytes == head->content_length;
    return parser->is_done ? PARSE_DONE : PARSE_MORE;
}

enum parse_result http_parse_body(struct http_parser *parser, struct slice bytes, size_t *ret_used)
{
    *ret_used = 0;
    if (parser->is_done)
        return PARSE_DONE;
    parser->base = bytes.ptr;
    parser->base_len = bytes.len;
    parser->suspect = NULL;
    return parser->head.framing == FRAMING_CHUNKED ? chunked_body(parser, bytes, ret_used)
                                                   : counted_body(parser, bytes, ret_used);
}

bool http_parse_end(struct http_parser *parser)
{
    /* llhttp_finish does not know the end of a body that has not begun yet. */
    parser->is_done |= parser->is_head_done && parser->head.framing == FRAMING_CLOSE;
    return parser->is_done;
}
