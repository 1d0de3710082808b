/* Request and status lines, read more strictly than llhttp does. */
#include "http/strict.h"

#include "http/bytes.h"

#include "stopgap/banned.h"

/* RFC 9110 9: the methods of HTTP, WebDAV and Exchange. CONNECT and TRACE are not for a reverse
 * proxy; whatever else there may be is 501. */
static const struct slice methods[] = {
    SLICE_INIT("GET"),        SLICE_INIT("POST"),        SLICE_INIT("HEAD"),
    SLICE_INIT("OPTIONS"),    SLICE_INIT("PUT"),         SLICE_INIT("DELETE"),
    SLICE_INIT("PATCH"),      SLICE_INIT("RPC_IN_DATA"), SLICE_INIT("RPC_OUT_DATA"),
    SLICE_INIT("PROPFIND"),   SLICE_INIT("PROPPATCH"),   SLICE_INIT("MKCOL"),
    SLICE_INIT("COPY"),       SLICE_INIT("MOVE"),        SLICE_INIT("LOCK"),
    SLICE_INIT("UNLOCK"),     SLICE_INIT("REPORT"),      SLICE_INIT("SEARCH"),
    SLICE_INIT("SUBSCRIBE"),  SLICE_INIT("UNSUBSCRIBE"), SLICE_INIT("POLL"),
    SLICE_INIT("BPROPPATCH"), SLICE_INIT("BPROPFIND"),   SLICE_INIT("BCOPY"),
    SLICE_INIT("BMOVE"),      SLICE_INIT("BDELETE"),     SLICE_INIT("X-MS-ENUMATTS"),
};

static bool method_is_known(struct slice method)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (slice_equal(method, methods[i]))
            return true;
    return false;
}

/* "HTTP/1.0" or "HTTP/1.1", RFC 9112 2.3 */
static bool version_parse(struct slice text, unsigned *ret_minor)
{
    if (text.len != 8 || memcmp(text.ptr, "HTTP/1.", 7) != 0 ||
        (text.ptr[7] != '0' && text.ptr[7] != '1'))
        return false;
    *ret_minor = (unsigned)(text.ptr[7] - '0');
    return true;
}

/* RFC 9112 3.2: "/" path, "*" for OPTIONS, or http(s)://authority; nothing else is for us. */
static bool target_form_is_allowed(struct slice target, struct slice method)
{
    if (target.ptr[0] == '/')
        return true;
    if (target.ptr[0] == '*')
        return target.len == 1 && slice_equal(method, SLICE("OPTIONS"));
    return slice_starts_with_nocase(target, SLICE("http://")) ||
           slice_starts_with_nocase(target, SLICE("https://"));
}

/* RFC 9112 3: exactly "method SP target SP version", split at the first and last blank. */
static enum parse_result request_line(struct http_parser *parser, struct slice line)
{
    struct http_head *head = &parser->head;
    size_t first = slice_find(line, ' ');
    if (first == SIZE_MAX || line.len < 11)
        return http_refuse(parser, 400, END_BAD_REQUEST,
                           "request line has not three parts (RFC 9112 3)");
    head->method = slice_head(line, first);
    head->is_head = slice_equal(head->method, SLICE("HEAD"));
    struct slice rest = slice_from(line, first + 1);
    size_t second = slice_find(rest, ' ');
    if (!bytes_are_token(head->method) || second == SIZE_MAX)
        return http_refuse(parser, 400, END_BAD_REQUEST, "malformed request line (RFC 9112 3)");
    head->target = slice_head(rest, second);
    struct slice version = slice_from(rest, second + 1);
    parser->suspect = head->target.ptr;
    if (head->target.len > parser->limits->target_bytes)
        return http_refuse(parser, 414, END_TARGET_TOO_LONG,
                           "request target is too long (RFC 9110 15.5.15)");
    parser->suspect = version.ptr;
    if (!version_parse(version, &head->minor))
        return slice_starts_with(version, SLICE("HTTP/")) && version.len == 8
                   ? http_refuse(parser, 505, END_BAD_VERSION,
                                 "HTTP version not supported (RFC 9110 15.6.6)")
                   : http_refuse(parser, 400, END_BAD_REQUEST,
                                 "malformed HTTP version (RFC 9112 2.3)");
    parser->suspect = head->target.ptr;
    if (!bytes_are_target(head->target))
        return http_refuse(parser, 400, END_BAD_REQUEST,
                           "forbidden byte in request target (RFC 9112 3.2)");
    parser->suspect = line.ptr;
    if (!method_is_known(head->method))
        return http_refuse(parser, 501, END_UNKNOWN_METHOD,
                           "method not implemented (RFC 9110 15.6.2)");
    parser->suspect = head->target.ptr;
    if (!target_form_is_allowed(head->target, head->method))
        return http_refuse(parser, 400, END_BAD_REQUEST,
                           "form of request target not allowed (RFC 9112 3.2)");
    return PARSE_HEAD;
}

/* RFC 9112 4: "HTTP/1.x SP 3DIGIT SP reason"; the SP before an empty reason is often missing. */
static enum parse_result status_line(struct http_parser *parser, struct slice line)
{
    struct http_head *head = &parser->head;
    uint64_t status;
    if (line.len < 12 || !version_parse(slice_head(line, 8), &head->minor) || line.ptr[8] != ' ' ||
        !slice_to_u64(slice_head(slice_from(line, 9), 3), &status) || status < 100 ||
        status > 599 || (line.len > 12 && line.ptr[12] != ' '))
        return http_refuse(parser, 400, END_BAD_REQUEST, "malformed status line");
    head->status = (unsigned)status;
    head->reason = slice_from(line, 13);
    if (!bytes_are_text(head->reason))
        return http_refuse(parser, 400, END_BAD_REQUEST, "control byte in the reason phrase");
    return PARSE_HEAD;
}

/* RFC 9112 2.2: an empty line before a request is tolerated, as CRLF only. */
static bool skip_empty_lines(struct http_parser *parser, struct slice bytes)
{
    while (!parser->is_response && parser->start + 1 < bytes.len &&
           bytes.ptr[parser->start] == '\r' && bytes.ptr[parser->start + 1] == '\n' &&
           parser->start < LIMIT_LEADING_CRLF_BYTES)
        parser->start += 2;
    if (parser->scanned < parser->start)
        parser->scanned = parser->start;
    return bytes.len > parser->start;
}

/* A start line that cannot become a good one any more is refused before its end comes. */
static enum parse_result start_line_incomplete(struct http_parser *parser, struct slice line)
{
    size_t blank = slice_find(line, ' ');
    if (parser->is_response)
        return line.len > LIMIT_FIELD_BYTES
                   ? http_refuse(parser, 400, END_BAD_REQUEST, "endless status line")
                   : PARSE_MORE;
    struct slice method = slice_head(line, blank);
    /* The CR of a tolerated empty line may stand here alone. */
    bool is_empty_line = line.len == 1 && line.ptr[0] == '\r';
    if (method.len > LIMIT_METHOD_BYTES || !(bytes_are_token(method) || is_empty_line))
        return http_refuse(parser, 400, END_BAD_REQUEST, "malformed request line (RFC 9112 3)");
    if (blank == SIZE_MAX)
        return PARSE_MORE;
    parser->head.is_head = slice_equal(method, SLICE("HEAD"));
    return line.len - blank > parser->limits->target_bytes + sizeof(" HTTP/1.1\r")
               ? http_refuse(parser, 414, END_TARGET_TOO_LONG,
                             "request target is too long (RFC 9110 15.5.15)")
               : PARSE_MORE;
}

enum parse_result strict_scan_start_line(struct http_parser *parser, struct slice bytes)
{
    if (!skip_empty_lines(parser, bytes))
        return PARSE_MORE;
    struct slice unseen = slice_from(bytes, parser->scanned);
    size_t newline = slice_find(unseen, '\n');
    parser->suspect = bytes.ptr + parser->start;
    if (newline == SIZE_MAX) {
        parser->scanned = bytes.len;
        return start_line_incomplete(parser, slice_from(bytes, parser->start));
    }
    size_t end = parser->scanned + newline;
    struct slice line = slice_make(bytes.ptr + parser->start, end - parser->start);
    if (line.len == 0 || line.ptr[line.len - 1] != '\r')
        return http_refuse(parser, 400, END_BAD_REQUEST,
                           "start line does not end in CRLF (RFC 9112 2.2)");
    line.len--;
    if (slice_find(line, '\r') != SIZE_MAX)
        return http_refuse(parser, 400, END_BAD_REQUEST, "CR inside the start line (RFC 9112 2.2)");
    parser->fed = end + 1;
    return parser->is_response ? status_line(parser, line) : request_line(parser, line);
}
