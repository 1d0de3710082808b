/* llhttp's callbacks for an admin request. */
#include "admin/parse.h"

#include "stopgap/banned.h"

enum { FEED_BYTES = 4096 }; /* so that a limit is exceeded by one piece at most */

static struct admin_parser *parser_of(llhttp_t *http)
{
    return http->data;
}

static enum admin_parse_state parser_refuse(struct admin_parser *parser, unsigned status)
{
    parser->state = ADMIN_PARSE_REFUSED;
    parser->refused_status = status;
    return parser->state;
}

static int on_url(llhttp_t *http, const char *at, size_t len)
{
    struct admin_parser *parser = parser_of(http);
    if (len > sizeof(parser->path) - parser->path_len) {
        (void)parser_refuse(parser, 414);
        return HPE_USER;
    }
    memcpy(parser->path + parser->path_len, at, len);
    parser->path_len += len;
    return 0;
}

static int on_headers_complete(llhttp_t *http)
{
    parser_of(http)->has_head = true;
    return 0;
}

static int on_body(llhttp_t *http, const char *at, size_t len)
{
    struct admin_parser *parser = parser_of(http);
    struct slice kept = slice_head(slice_make(at, len), sizeof(parser->body) - parser->body_len);
    memcpy(parser->body + parser->body_len, kept.ptr, kept.len);
    parser->body_len += kept.len;
    return 0;
}

static int on_message_complete(llhttp_t *http)
{
    parser_of(http)->state = ADMIN_PARSE_DONE;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void admin_parser_init(struct admin_parser *parser)
{
    *parser = (struct admin_parser){.state = ADMIN_PARSE_MORE};
    llhttp_init(&parser->http, HTTP_REQUEST, &settings);
    parser->http.data = parser;
}

static void parser_feed_piece(struct admin_parser *parser, struct slice piece)
{
    bool had_head = parser->has_head;
    llhttp_errno_t error = llhttp_execute(&parser->http, piece.ptr, piece.len);
    if (had_head)
        parser->n_body += piece.len;
    else
        parser->n_head += piece.len;
    if (parser->state != ADMIN_PARSE_MORE)
        return;
    if (error != HPE_OK)
        (void)parser_refuse(parser, 400);
    else if (!parser->has_head && parser->n_head > LIMIT_ADMIN_HEAD_BYTES)
        (void)parser_refuse(parser, 431);
    else if (parser->n_body > LIMIT_ADMIN_BODY_BYTES ||
             (parser->has_head && parser->http.content_length > LIMIT_ADMIN_BODY_BYTES))
        (void)parser_refuse(parser, 413);
}

enum admin_parse_state admin_parser_feed(struct admin_parser *parser, struct slice bytes)
{
    while (parser->state == ADMIN_PARSE_MORE && bytes.len != 0) {
        struct slice piece = slice_head(bytes, FEED_BYTES);
        parser_feed_piece(parser, piece);
        bytes = slice_from(bytes, piece.len);
    }
    return parser->state;
}

struct slice admin_parser_path(const struct admin_parser *parser)
{
    struct slice target = slice_make(parser->path, parser->path_len);
    size_t query = slice_find(target, '?');
    return query == SIZE_MAX ? target : slice_head(target, query);
}

struct slice admin_parser_body(const struct admin_parser *parser)
{
    return slice_make(parser->body, parser->body_len);
}

enum admin_method admin_parser_method(struct admin_parser *parser)
{
    unsigned method = llhttp_get_method(&parser->http);
    if (method == HTTP_GET)
        return ADMIN_GET;
    if (method == HTTP_HEAD)
        return ADMIN_HEAD;
    return method == HTTP_POST ? ADMIN_POST : ADMIN_OTHER;
}
