/* Heads are copied in runs of kept lines, exactly as received; what the proxy owns is added. */
#include "http/write.h"

#include <stdio.h>

#include "stopgap/banned.h"

/* A cursor that never passes its end; ok goes false instead. */
struct out {
    char *ptr;
    size_t room;
    bool ok;
};

/* Inlined, so that a literal is a few stores. */
__attribute__((always_inline)) static inline void put(struct out *out, struct slice bytes)
{
    if (!out->ok || bytes.len > out->room) {
        out->ok = false;
        return;
    }
    if (bytes.len != 0 && bytes.ptr != NULL)
        memcpy(out->ptr, bytes.ptr, bytes.len);
    out->ptr += bytes.len;
    out->room -= bytes.len;
}

static void put_u64(struct out *out, uint64_t number)
{
    char digits[20];
    size_t i = sizeof(digits);
    do {
        digits[--i] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    put(out, slice_make(digits + i, sizeof(digits) - i));
}

static void put_field(struct out *out, struct slice name, struct slice value)
{
    put(out, name);
    put(out, SLICE(": "));
    put(out, value);
    put(out, SLICE("\r\n"));
}

/* RFC 9110 7.6.1 lets Connection name any field; these belong to both ends or are ours, and a
 * client must not be able to take them away. */
static bool is_protected(struct slice name)
{
    static const struct slice names[] = {
        SLICE_INIT("host"),          SLICE_INIT("content-length"), SLICE_INIT("transfer-encoding"),
        SLICE_INIT("authorization"), SLICE_INIT("cookie"),         SLICE_INIT("content-type"),
        SLICE_INIT("expect"),        SLICE_INIT("set-cookie"),     SLICE_INIT("www-authenticate"),
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_equal_nocase(name, names[i]))
            return true;
    return false;
}

static bool is_hop_by_hop(const struct http_head *head, size_t i)
{
    switch (head->known[i]) {
    case KNOWN_CONNECTION:
    case KNOWN_KEEP_ALIVE:
    case KNOWN_PROXY_CONNECTION:
    case KNOWN_TE:
    case KNOWN_TRAILER:
    case KNOWN_UPGRADE:
    case KNOWN_HTTP2_SETTINGS:
    case KNOWN_CONTENT_LENGTH: /* framing is ours */
    case KNOWN_TRANSFER_ENCODING:
        return true;
    default:
        return head->has_nominations && http_is_nominated(head, head->fields[i].name) &&
               !is_protected(head->fields[i].name);
    }
}

/* Runs of neighbouring lines leave in one copy. */
struct run {
    const char *from;
    const char *to;
};

static void run_flush(struct out *out, struct run *run)
{
    if (run->from != NULL)
        put(out, slice_make(run->from, (size_t)(run->to - run->from)));
    run->from = NULL;
}

static void run_add(struct out *out, struct run *run, struct slice line)
{
    if (run->from != NULL && run->to == line.ptr) {
        run->to += line.len;
        return;
    }
    run_flush(out, run);
    *run = (struct run){.from = line.ptr, .to = line.ptr + line.len};
}

static void put_framing(struct out *out, enum http_framing framing, uint64_t length)
{
    if (framing == FRAMING_CHUNKED) {
        put(out, SLICE("Transfer-Encoding: chunked\r\n"));
    } else if (framing == FRAMING_LENGTH) {
        put(out, SLICE("Content-Length: "));
        put_u64(out, length);
        put(out, SLICE("\r\n"));
    }
}

/* ---- requests */

/* RFC 9112 3.2.2: an origin gets the origin form; its bytes stay as they were. */
static void put_target(struct out *out, struct slice method, struct slice target)
{
    if (target.ptr[0] == '/' || target.ptr[0] == '*') {
        put(out, target);
        return;
    }
    struct slice rest = slice_from(target, slice_find(target, ':') + 3);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    rest = slice_from(rest, end);
    if (rest.len == 0 && slice_equal(method, SLICE("OPTIONS")))
        rest = SLICE("*"); /* RFC 9112 3.2.4 */
    else if (rest.len == 0 || rest.ptr[0] == '?')
        put(out, SLICE("/"));
    put(out, rest);
}

static bool request_field_is_dropped(const struct http_head *head, size_t i,
                                     const struct request_rewrite *rewrite)
{
    switch (head->known[i]) {
    case KNOWN_X_FORWARDED_FOR:
        return true; /* all instances and the peer become one field */
    case KNOWN_X_FORWARDED_PROTO:
    case KNOWN_X_FORWARDED_HOST:
    case KNOWN_FORWARDED:
        return !rewrite->trusts_forwarded;
    case KNOWN_MAX_FORWARDS:
        return head->hops_left != 0 || is_hop_by_hop(head, i); /* one hop less is written */
    case KNOWN_EXPECT:
        return head->minor == 0; /* RFC 9110 10.1.1: it means nothing there; passed on it would */
    default:
        return is_hop_by_hop(head, i);
    }
}

static void put_forwarded(struct out *out, const struct http_head *head,
                          const struct request_rewrite *rewrite)
{
    bool has_proto = false;
    put(out, SLICE("X-Forwarded-For: "));
    for (size_t i = 0; rewrite->trusts_forwarded && i < head->n_fields; i++) {
        has_proto |= head->known[i] == KNOWN_X_FORWARDED_PROTO;
        if (head->known[i] != KNOWN_X_FORWARDED_FOR || head->fields[i].value.len == 0)
            continue;
        put(out, head->fields[i].value);
        put(out, SLICE(", "));
    }
    put(out, rewrite->client);
    put(out, SLICE("\r\n"));
    if (!has_proto)
        put(out, rewrite->is_tls ? SLICE("X-Forwarded-Proto: https\r\n")
                                 : SLICE("X-Forwarded-Proto: http\r\n"));
}

static void put_upgrade(struct out *out, const struct http_head *head)
{
    for (size_t i = 0; i < head->n_fields; i++)
        if (head->known[i] == KNOWN_UPGRADE)
            put(out, http_field_line(head, i));
    put(out, SLICE("Connection: Upgrade\r\n"));
}

size_t http_request_room(const struct http_head *head, const struct request_rewrite *rewrite)
{
    return head->raw.len + rewrite->client.len + rewrite->default_host.len + 256;
}

size_t http_write_request(const struct http_head *head, const struct request_rewrite *rewrite,
                          char *out_ptr, size_t max)
{
    struct out out = {.ptr = out_ptr, .room = max, .ok = true};
    struct run run = {0};
    put(&out, head->method);
    put(&out, SLICE(" "));
    put_target(&out, head->method, head->target);
    put(&out, SLICE(" HTTP/1.1\r\n"));
    bool has_host = false;
    for (size_t i = 0; i < head->n_fields; i++) {
        has_host |= head->known[i] == KNOWN_HOST;
        if (!request_field_is_dropped(head, i, rewrite))
            run_add(&out, &run, http_field_line(head, i));
    }
    run_flush(&out, &run);
    if (!has_host)
        put_field(&out, SLICE("Host"), head->host.len != 0 ? head->host : rewrite->default_host);
    put_forwarded(&out, head, rewrite);
    if (head->hops_left != 0) { /* RFC 9110 7.6.2 */
        put(&out, SLICE("Max-Forwards: "));
        put_u64(&out, head->hops_left - 1);
        put(&out, SLICE("\r\n"));
    }
    if (rewrite->keeps_upgrade)
        put_upgrade(&out, head);
    put_framing(&out, head->framing, head->content_length);
    put(&out, SLICE("\r\n"));
    return out.ok ? max - out.room : 0;
}

/* ---- responses */

/* The first word of an appended value names its directive: "script-src-attr". */
static struct slice first_word(struct slice value)
{
    size_t blank = slice_find(value, ' ');
    return blank == SIZE_MAX ? value : slice_head(value, blank);
}

static bool contains_nocase(struct slice text, struct slice word)
{
    for (size_t i = 0; i + word.len <= text.len; i++)
        if (slice_equal_nocase(slice_make(text.ptr + i, word.len), word))
            return true;
    return false;
}

/* The first instance of the field an edit appends to; SIZE_MAX: none it can be appended to. */
static size_t append_index(const struct http_head *head, const struct header_edit *edit)
{
    for (size_t i = 0; i < head->n_fields; i++)
        if (slice_equal_nocase(head->fields[i].name, edit->name))
            /* A directive that stands there already wins, so a second one goes into a field of
             * its own: policies of several fields are combined. */
            return contains_nocase(head->fields[i].value, first_word(edit->value)) ? SIZE_MAX : i;
    return SIZE_MAX;
}

/* Do the edits drop field i? */
static bool is_dropped(const struct http_head *head, size_t i,
                       const struct response_rewrite *rewrite)
{
    for (size_t e = 0; e < rewrite->n_edits; e++)
        if (rewrite->edits[e].kind != EDIT_APPEND &&
            slice_equal_nocase(head->fields[i].name, rewrite->edits[e].name))
            return true;
    return false;
}

/* What the edits do to field i: true when its line was written or dropped here. */
static bool edit_field(struct out *out, struct run *run, const struct http_head *head, size_t i,
                       const struct response_rewrite *rewrite)
{
    bool is_open = false;
    if (is_dropped(head, i, rewrite))
        return true;
    for (size_t e = 0; e < rewrite->n_edits; e++) {
        const struct header_edit *edit = &rewrite->edits[e];
        if (!slice_equal_nocase(head->fields[i].name, edit->name) || append_index(head, edit) != i)
            continue;
        if (!is_open) {
            run_flush(out, run);
            put(out, head->fields[i].name);
            put(out, SLICE(": "));
            put(out, head->fields[i].value);
            is_open = true;
        }
        put(out, edit->separator);
        put(out, edit->value);
    }
    if (is_open)
        put(out, SLICE("\r\n"));
    return is_open;
}

static void put_edits(struct out *out, const struct http_head *head,
                      const struct response_rewrite *rewrite)
{
    for (size_t e = 0; e < rewrite->n_edits; e++) {
        const struct header_edit *edit = &rewrite->edits[e];
        if (edit->kind == EDIT_SET ||
            (edit->kind == EDIT_APPEND && append_index(head, edit) == SIZE_MAX))
            put_field(out, edit->name, edit->value);
    }
}

/* RFC 9110 8.6: the length that a GET would have had stays on HEAD and 304; on 1xx and 204 it
 * must not be there. */
static bool keeps_length(const struct http_head *head, size_t i,
                         const struct response_rewrite *rewrite)
{
    return head->known[i] == KNOWN_CONTENT_LENGTH && rewrite->framing == FRAMING_NONE &&
           head->status >= 200 && head->status != 204;
}

size_t http_response_room(const struct http_head *head, const struct response_rewrite *rewrite)
{
    size_t room = head->raw.len + 256;
    for (size_t e = 0; e < rewrite->n_edits; e++)
        room += rewrite->edits[e].name.len + rewrite->edits[e].value.len +
                rewrite->edits[e].separator.len + 8;
    return room;
}

size_t http_write_response(const struct http_head *head, const struct response_rewrite *rewrite,
                           char *out_ptr, size_t max)
{
    struct out out = {.ptr = out_ptr, .room = max, .ok = true};
    struct run run = {0};
    put(&out, SLICE("HTTP/1.1 "));
    put_u64(&out, head->status);
    put(&out, SLICE(" "));
    put(&out, head->reason);
    put(&out, SLICE("\r\n"));
    for (size_t i = 0; i < head->n_fields; i++) {
        if (rewrite->n_edits != 0 && edit_field(&out, &run, head, i, rewrite))
            continue;
        if (!is_hop_by_hop(head, i) || keeps_length(head, i, rewrite))
            run_add(&out, &run, http_field_line(head, i));
    }
    run_flush(&out, &run);
    put_edits(&out, head, rewrite);
    put_framing(&out, rewrite->framing, head->content_length);
    if (rewrite->is_upgrade)
        put_upgrade(&out, head);
    else if (rewrite->closes)
        put(&out, SLICE("Connection: close\r\n"));
    else if (rewrite->says_keep_alive)
        put(&out, SLICE("Connection: keep-alive\r\n"));
    put(&out, SLICE("\r\n"));
    return out.ok ? max - out.room : 0;
}

/* ---- answers of our own */

struct answer {
    unsigned status;
    struct slice reason;
    struct slice text;
};

static const struct answer answers[] = {
    {400, SLICE_INIT("Bad Request"), SLICE_INIT("The request is not well formed.")},
    {403, SLICE_INIT("Forbidden"), SLICE_INIT("The request was refused.")},
    {404, SLICE_INIT("Not Found"), SLICE_INIT("There is nothing here.")},
    {408, SLICE_INIT("Request Timeout"), SLICE_INIT("The request was not complete in time.")},
    {413, SLICE_INIT("Content Too Large"), SLICE_INIT("The body is too large.")},
    {414, SLICE_INIT("URI Too Long"), SLICE_INIT("The address is too long.")},
    {417, SLICE_INIT("Expectation Failed"), SLICE_INIT("The expectation is not known.")},
    {431, SLICE_INIT("Request Header Fields Too Large"),
     SLICE_INIT("The header section is too large.")},
    {501, SLICE_INIT("Not Implemented"), SLICE_INIT("The method is not known.")},
    {502, SLICE_INIT("Bad Gateway"), SLICE_INIT("The mail server gave no usable answer.")},
    {503, SLICE_INIT("Service Unavailable"), SLICE_INIT("Please try again later.")},
    {504, SLICE_INIT("Gateway Timeout"), SLICE_INIT("The mail server did not answer in time.")},
    {505, SLICE_INIT("HTTP Version Not Supported"), SLICE_INIT("Use HTTP/1.1.")},
};

static const struct answer *answer_find(unsigned status)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        if (answers[i].status == status)
            return &answers[i];
    return NULL;
}

size_t http_write_answer(const struct own_answer *own, char *out_ptr, size_t max, size_t *ret_body)
{
    static const struct answer other = {0, SLICE_INIT("Refused"),
                                        SLICE_INIT("The request was refused.")};
    const struct answer *answer = answer_find(own->status);
    if (answer == NULL)
        answer = &other;
    struct out out = {.ptr = out_ptr, .room = max, .ok = true};
    size_t body = answer->text.len + 1;
    if (own->incident_id.len != 0)
        body += sizeof("Incident: ") - 1 + own->incident_id.len + 1;
    put(&out, SLICE("HTTP/1.1 "));
    put_u64(&out, own->status);
    put(&out, SLICE(" "));
    put(&out, answer->reason);
    put(&out, SLICE("\r\nContent-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n"
                    "Content-Length: "));
    put_u64(&out, body);
    put(&out, SLICE("\r\n"));
    if (own->retry_after_s != 0) {
        put(&out, SLICE("Retry-After: "));
        put_u64(&out, own->retry_after_s);
        put(&out, SLICE("\r\n"));
    }
    if (own->closes)
        put(&out, SLICE("Connection: close\r\n"));
    else if (own->says_keep_alive)
        put(&out, SLICE("Connection: keep-alive\r\n"));
    put(&out, SLICE("\r\n"));
    *ret_body = own->is_head ? 0 : body;
    if (!own->is_head) {
        put(&out, answer->text);
        put(&out, SLICE("\n"));
        if (own->incident_id.len != 0) {
            put(&out, SLICE("Incident: "));
            put(&out, own->incident_id);
            put(&out, SLICE("\n"));
        }
    }
    return out.ok ? max - out.room : 0;
}

size_t http_write_chunk_line(uint64_t len, char out[static 20])
{
    int n = snprintf(out, 20, "%llx\r\n", (unsigned long long)len);
    return n > 0 ? (size_t)n : 0;
}
