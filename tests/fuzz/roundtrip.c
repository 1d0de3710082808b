/* Properties of accepted heads, checked against their own second reading. */
#include "roundtrip.h"

#include <stdlib.h>

#include "stopgap/banned.h"

/* One head becomes larger by what the proxy adds. */
static const struct http_limits wide_limits = {.target_bytes = 1024 * 1024,
                                               .field_bytes = 1024 * 1024,
                                               .head_bytes = 1024 * 1024,
                                               .fields = 1000};

static void must(bool holds)
{
    if (!holds)
        abort();
}

uint64_t roundtrip_hash(struct slice bytes)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ (unsigned char)bytes.ptr[i]) * 0x100000001b3u;
    return hash;
}

void roundtrip_check_cuts(const struct message *whole, struct message_spec spec)
{
    uint64_t hash = roundtrip_hash(spec.raw);
    for (unsigned i = 0; i < 3; i++) {
        struct message cut;
        spec.cut = i == 0 ? CUT_ONCE : CUT_RANDOM;
        spec.cut_arg = i == 0 && spec.raw.len != 0 ? hash % spec.raw.len : hash + i;
        message_read(&cut, &spec);
        must(slice_equal(buf_slice(&whole->full), buf_slice(&cut.full)));
        message_done(&cut);
    }
}

struct request_rewrite roundtrip_rewrite(const struct http_head *head, unsigned flags)
{
    return (struct request_rewrite){.client = SLICE("2001:db8::7"),
                                    .default_host = SLICE("exchange.example.test"),
                                    .is_tls = (flags & 1) != 0,
                                    .trusts_forwarded = (flags & 2) != 0,
                                    .keeps_upgrade = (flags & 8) != 0 && head->has_upgrade};
}

void roundtrip_write(const struct http_head *head, const struct request_rewrite *rewrite,
                     struct buf *out)
{
    size_t room = http_request_room(head, rewrite);
    char *bytes = malloc(room);
    must(bytes != NULL);
    size_t len = http_write_request(head, rewrite, bytes, room);
    must(len != 0 && len <= room && buf_append(out, slice_make(bytes, len)));
    must(http_write_request(head, rewrite, bytes, len - 1) == 0);
    free(bytes);
}

bool roundtrip_is_origin_form(struct slice target, struct slice written)
{
    if (target.ptr[0] == '/' || target.ptr[0] == '*')
        return slice_equal(target, written);
    struct slice rest = slice_from(target, slice_find(target, '/') + 2);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    rest = slice_from(rest, end);
    if (rest.len == 0)
        return slice_equal(written, SLICE("/")) || slice_equal(written, SLICE("*"));
    if (rest.ptr[0] == '?')
        return written.ptr[0] == '/' && slice_equal(slice_from(written, 1), rest);
    return slice_equal(written, rest);
}

/* Fields that end at the proxy, or that it writes itself. */
static bool is_of_proxy(const struct http_head *head, size_t i)
{
    static const char *const names[] = {
        "connection",      "keep-alive",        "proxy-connection", "te",       "trailer",
        "upgrade",         "http2-settings",    "content-length",   "expect",   "transfer-encoding",
        "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"};
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
        if (slice_equal_nocase(head->fields[i].name, slice_str(names[n])))
            return true;
    return false;
}

static bool is_same_field(const struct header_field *a, const struct header_field *b)
{
    return slice_equal(a->name, b->name) && slice_equal(a->value, b->value);
}

/* Every field that came out came in, in this order; every one that went in came out, but for
 * those that Connection names. */
static void check_fields(const struct http_head *in, const struct http_head *out)
{
    size_t at = 0;
    for (size_t i = 0; i < in->n_fields; i++) {
        if (is_of_proxy(in, i))
            continue;
        while (at < out->n_fields && is_of_proxy(out, at))
            at++;
        if (at < out->n_fields && is_same_field(&in->fields[i], &out->fields[at]))
            at++;
        else
            must(http_is_nominated(in, in->fields[i].name));
    }
    while (at < out->n_fields &&
           (is_of_proxy(out, at) || slice_equal(out->fields[at].name, SLICE("Host"))))
        at++;
    must(at == out->n_fields);
}

void roundtrip_request(const struct http_head *head, unsigned flags)
{
    struct request_rewrite rewrite = roundtrip_rewrite(head, flags);
    struct message again;
    struct buf out;
    buf_init(&out, 4 * 1024 * 1024);
    roundtrip_write(head, &rewrite, &out);
    struct message_spec spec = {.raw = buf_slice(&out), .limits = &wide_limits};
    message_read(&again, &spec);
    const struct http_head *second = &again.parser.head;
    must(again.is_head_parsed && again.parser.head_len == out.len && second->minor == 1);
    must(slice_equal(head->method, second->method));
    must(roundtrip_is_origin_form(head->target, second->target));
    must(head->framing == second->framing && head->content_length == second->content_length);
    must(head->host.len == 0 || slice_equal_nocase(head->host, second->host));
    check_fields(head, second);
    message_done(&again);
    buf_done(&out);
}

void roundtrip_response(const struct http_head *head, bool is_head, unsigned flags)
{
    static const struct header_edit edits[] = {{EDIT_APPEND, SLICE_INIT("Content-Security-Policy"),
                                                SLICE_INIT("script-src-attr 'none'"),
                                                SLICE_INIT("; "), SLICE_INIT("M2")}};
    struct response_rewrite rewrite = {.edits = edits,
                                       .n_edits = flags & 1,
                                       .closes = (flags & 2) != 0,
                                       .says_keep_alive = (flags & 4) != 0,
                                       .is_upgrade = head->status == 101,
                                       .framing = head->framing == FRAMING_CLOSE ? FRAMING_CHUNKED
                                                                                 : head->framing};
    size_t room = http_response_room(head, &rewrite);
    char *bytes = malloc(room);
    must(bytes != NULL);
    size_t len = http_write_response(head, &rewrite, bytes, room);
    must(len != 0 && http_write_response(head, &rewrite, bytes, len - 1) == 0);
    struct message again;
    struct message_spec spec = {.raw = slice_make(bytes, len),
                                .limits = &wide_limits,
                                .is_response = true,
                                .is_head = is_head};
    message_read(&again, &spec);
    const struct http_head *second = &again.parser.head;
    must(again.is_head_parsed && again.parser.head_len == len && second->status == head->status);
    must(slice_equal(head->reason, second->reason) && second->framing == rewrite.framing);
    must(second->framing != FRAMING_LENGTH || second->content_length == head->content_length);
    if (rewrite.n_edits == 0)
        check_fields(head, second);
    message_done(&again);
    free(bytes);
}
