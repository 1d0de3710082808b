/* RFC 9112 for exactly what a proxy may send: no tolerance, no options. */
#include "strict_reader.h"

#include <ctype.h>

#include "stopgap/banned.h"

/* Cut a line off *rest, without its CRLF. CR and LF may stand nowhere else, nor may NUL. */
static bool read_line(struct slice *rest, struct slice *ret_line)
{
    size_t i = 0;
    while (i < rest->len && rest->ptr[i] != '\r' && rest->ptr[i] != '\n' && rest->ptr[i] != '\0')
        i++;
    if (rest->len < i + 2 || rest->ptr[i] != '\r' || rest->ptr[i + 1] != '\n')
        return false;
    *ret_line = slice_make(rest->ptr, i);
    *rest = slice_make(rest->ptr + i + 2, rest->len - i - 2);
    return true;
}

static bool is_token(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c > 0x7f || (!isalnum(c) && (c == 0 || strchr("!#$%&'*+-.^_`|~", c) == NULL)))
            return false;
    }
    return text.len != 0;
}

static bool read_request_line(struct slice line, struct strict_request *request)
{
    size_t first = 0, second;
    while (first < line.len && line.ptr[first] != ' ')
        first++;
    second = first + 1;
    while (second < line.len && line.ptr[second] > ' ' && line.ptr[second] < 0x7f)
        second++;
    if (second >= line.len)
        return false;
    request->method = slice_make(line.ptr, first);
    request->target = slice_make(line.ptr + first + 1, second - first - 1);
    bool is_star = request->target.len == 1 && request->target.ptr[0] == '*' &&
                   request->method.len == 7 && memcmp(request->method.ptr, "OPTIONS", 7) == 0;
    return is_token(request->method) && request->target.len != 0 &&
           (request->target.ptr[0] == '/' || is_star) && line.len - second == 9 &&
           memcmp(line.ptr + second, " HTTP/1.1", 9) == 0;
}

static bool read_number(struct slice text, unsigned base, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        int c = tolower((unsigned char)text.ptr[i]);
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                                : 99;
        if (digit >= base || number > UINT64_MAX / base - 1)
            return false;
        number = number * base + digit;
    }
    *ret_number = number;
    return text.len != 0;
}

static bool is_name(struct slice name, const char *known)
{
    return name.len == strlen(known) && strncasecmp(name.ptr, known, name.len) == 0;
}

/* Without the blanks around it; false when a control byte stands in it. */
static bool read_value(struct slice text, struct slice *ret_value)
{
    while (text.len != 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = slice_make(text.ptr + 1, text.len - 1);
    while (text.len != 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == 0x7f || (c < ' ' && c != '\t'))
            return false;
    }
    *ret_value = text;
    return true;
}

static bool read_field(struct slice line, struct strict_request *request)
{
    size_t colon = 0;
    while (colon < line.len && line.ptr[colon] != ':')
        colon++;
    struct slice name = slice_make(line.ptr, colon);
    struct slice value;
    if (colon == line.len || !is_token(name) ||
        !read_value(slice_make(line.ptr + colon + 1, line.len - colon - 1), &value))
        return false;
    if (is_name(name, "host")) {
        bool is_first = request->host.ptr == NULL;
        request->host = value;
        return is_first && value.len != 0;
    }
    if (is_name(name, "content-length")) {
        bool is_first = !request->has_length && !request->is_chunked;
        request->has_length = true;
        return is_first && read_number(value, 10, &request->length);
    }
    if (is_name(name, "transfer-encoding")) {
        bool is_first = !request->has_length && !request->is_chunked;
        request->is_chunked = true;
        return is_first && value.len == 7 && memcmp(value.ptr, "chunked", 7) == 0;
    }
    if (is_name(name, "connection")) /* all that the proxy says there */
        return value.len == 7 && memcmp(value.ptr, "Upgrade", 7) == 0;
    return !is_name(name, "te") && !is_name(name, "trailer") && !is_name(name, "keep-alive") &&
           !is_name(name, "proxy-connection") && !is_name(name, "http2-settings") &&
           !is_name(name, "content_length") && !is_name(name, "transfer_encoding");
}

static bool read_data(struct slice *rest, uint64_t len, struct strict_request *request)
{
    if (len > rest->len || !buf_append(&request->body, slice_make(rest->ptr, (size_t)len)))
        return false;
    *rest = slice_make(rest->ptr + len, rest->len - (size_t)len);
    return true;
}

static bool read_chunks(struct slice *rest, struct strict_request *request)
{
    for (;;) {
        struct slice line;
        uint64_t size;
        if (!read_line(rest, &line) || !read_number(line, 16, &size) ||
            !read_data(rest, size, request) || !read_line(rest, &line) || line.len != 0)
            return false;
        if (size == 0)
            return true;
    }
}

bool strict_read(struct slice *rest, struct strict_request *ret_request)
{
    struct slice line;
    *ret_request = (struct strict_request){0};
    buf_init(&ret_request->body, 64 * 1024 * 1024);
    if (!read_line(rest, &line) || !read_request_line(line, ret_request))
        return false;
    for (;;) {
        if (!read_line(rest, &line))
            return false;
        if (line.len == 0)
            break;
        if (!read_field(line, ret_request))
            return false;
    }
    if (ret_request->host.ptr == NULL)
        return false;
    if (ret_request->is_chunked)
        return read_chunks(rest, ret_request);
    return read_data(rest, ret_request->length, ret_request);
}

void strict_done(struct strict_request *request)
{
    buf_done(&request->body);
}
