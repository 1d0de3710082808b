/* The response head as the client sees it, header edits, and the proxy's own answers. */
#pragma GCC diagnostic ignored "-Woverride-init" /* a row changes some of the defaults */

#include "http/write_table.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define LENGTH0 "Content-Length: 0\r\n"
#define CSP "Content-Security-Policy: "

struct response_row {
    const char *name;
    const char *raw;
    const char *expected;
};

static size_t write_response(const struct http_head *head, const void *rewrite, char *out,
                             size_t max)
{
    return http_write_response(head, rewrite, out, max);
}

static void check_responses(const struct response_row *rows, size_t n,
                            const struct response_rewrite *rewrite, bool is_head)
{
    for (size_t i = 0; i < n; i++) {
        struct message message;
        struct message_spec spec = {
            .raw = slice_str(rows[i].raw), .is_response = true, .is_head = is_head};
        message_read(&message, &spec);
        if (!message.is_head_parsed)
            message_fail("%s: not accepted: %s", rows[i].name, message.parser.refusal.text);
        else
            write_check(rows[i].name, &message.parser.head, rewrite,
                        http_response_room(&message.parser.head, rewrite), write_response,
                        rows[i].expected);
        message_done(&message);
    }
    assert_int_equal(message_failures, 0);
}

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))
#define REWRITE(...)                                                                               \
    &(struct response_rewrite)                                                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void test_end_to_end_fields_keep_their_bytes_and_order(void **state)
{
    static const struct response_row rows[] = {
        {"plain",
         OK "Server: x\r\nContent-Length: 5\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nhello",
         OK "Server: x\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 5\r\n\r\n"},
        {"reason stays", "HTTP/1.1 299 So  so \xe4\r\nContent-Length: 0\r\n\r\n",
         "HTTP/1.1 299 So  so \xe4\r\n" LENGTH0 "\r\n"},
        {"no reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
         "HTTP/1.1 200 \r\n" LENGTH0 "\r\n"},
        {"1.0 becomes 1.1", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", OK LENGTH0 "\r\n"},
        {"NTLM goes through",
         "HTTP/1.1 401 X\r\nWWW-Authenticate: NTLM\r\nwww-authenticate: Negotiate\r\n" LENGTH0
         "\r\n",
         "HTTP/1.1 401 X\r\nWWW-Authenticate: NTLM\r\nwww-authenticate: Negotiate\r\n" LENGTH0
         "\r\n"},
        {"hop-by-hop fields go",
         OK
         "Connection: close, X-A\r\nKeep-Alive: timeout=1\r\nX-A: 1\r\nProxy-Connection: close\r\n"
         "Trailer: X\r\nTE: a\r\nUpgrade: h2\r\nX-B: 2\r\n" LENGTH0 "\r\n",
         OK "X-B: 2\r\n" LENGTH0 "\r\n"},
        {"protected fields cannot be nominated",
         OK "Connection: set-cookie, www-authenticate, content-type\r\nSet-Cookie: a\r\n"
            "WWW-Authenticate: NTLM\r\nContent-Type: t/x\r\n" LENGTH0 "\r\n",
         OK "Set-Cookie: a\r\nWWW-Authenticate: NTLM\r\nContent-Type: t/x\r\n" LENGTH0 "\r\n"},
    };
    (void)state;
    check_responses(rows, N(rows), REWRITE(.framing = FRAMING_LENGTH), false);
}

static void test_framing_is_the_clients(void **state)
{
    static const struct response_row chunked[] = {
        {"chunked", OK "Transfer-Encoding: chunked\r\nX: y\r\n\r\n",
         OK "X: y\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {"close becomes chunked", OK "X: y\r\n\r\n",
         OK "X: y\r\nTransfer-Encoding: chunked\r\n\r\n"},
    };
    static const struct response_row close[] = {
        {"chunked for a 1.0 client", OK "Transfer-Encoding: chunked\r\nX: y\r\n\r\n",
         OK "X: y\r\nConnection: close\r\n\r\n"},
    };
    static const struct response_row none[] = {
        {"204 with length", "HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n",
         "HTTP/1.1 204 X\r\n\r\n"},
        {"304 keeps its length", "HTTP/1.1 304 X\r\nContent-Length: 5\r\nETag: a\r\n\r\n",
         "HTTP/1.1 304 X\r\nContent-Length: 5\r\nETag: a\r\n\r\n"},
        {"304 chunked", "HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\n\r\n",
         "HTTP/1.1 304 X\r\n\r\n"},
        {"interim with length", "HTTP/1.1 103 X\r\nContent-Length: 5\r\nLink: a\r\n\r\n",
         "HTTP/1.1 103 X\r\nLink: a\r\n\r\n"},
    };
    static const struct response_row head[] = {
        {"HEAD keeps the length", OK "Content-Length: 5\r\n\r\n", OK "Content-Length: 5\r\n\r\n"},
    };
    (void)state;
    check_responses(chunked, N(chunked), REWRITE(.framing = FRAMING_CHUNKED), false);
    check_responses(close, N(close), REWRITE(.framing = FRAMING_CLOSE, .closes = true), false);
    check_responses(none, N(none), REWRITE(.framing = FRAMING_NONE), false);
    check_responses(head, N(head), REWRITE(.framing = FRAMING_NONE), true);
}

static void test_the_connection_field_is_the_proxys(void **state)
{
    static const struct response_row close[] = {
        {"close", OK "Connection: keep-alive\r\n" LENGTH0 "\r\n",
         OK LENGTH0 "Connection: close\r\n\r\n"},
    };
    static const struct response_row keep[] = {
        {"keep-alive for a 1.0 client", OK "Connection: close\r\n" LENGTH0 "\r\n",
         OK LENGTH0 "Connection: keep-alive\r\n\r\n"},
    };
    static const struct response_row upgrade[] = {
        {"101",
         "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
         "a\r\n\r\n",
         "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: a\r\nUpgrade: websocket\r\nConnection: "
         "Upgrade\r\n\r\n"},
    };
    (void)state;
    check_responses(close, N(close), REWRITE(.framing = FRAMING_LENGTH, .closes = true), false);
    check_responses(keep, N(keep), REWRITE(.framing = FRAMING_LENGTH, .says_keep_alive = true),
                    false);
    check_responses(upgrade, N(upgrade), REWRITE(.framing = FRAMING_NONE, .is_upgrade = true),
                    false);
}

#define EDIT(edit_kind, field, text)                                                               \
    {                                                                                              \
        .kind = edit_kind, .name = SLICE_INIT(field), .value = SLICE_INIT(text),                   \
        .separator = SLICE_INIT("; ")                                                              \
    }

static void test_an_edit_appends_to_the_policy_that_is_there(void **state)
{
    static const struct header_edit edits[] = {
        EDIT(EDIT_APPEND, "Content-Security-Policy", "script-src-attr 'none'")};
    static const struct response_row rows[] = {
        {"no field: a new one", OK "X: y\r\n" LENGTH0 "\r\n",
         OK "X: y\r\n" CSP "script-src-attr 'none'\r\n" LENGTH0 "\r\n"},
        {"a field: appended",
         OK "content-security-policy:  default-src 'self' \r\nX: y\r\n" LENGTH0 "\r\n",
         OK
         "content-security-policy: default-src 'self'; script-src-attr 'none'\r\nX: y\r\n" LENGTH0
         "\r\n"},
        {"several: the first is appended to",
         OK CSP "default-src 'self'\r\nX: y\r\n" CSP "img-src *\r\n" LENGTH0 "\r\n",
         OK CSP "default-src 'self'; script-src-attr 'none'\r\nX: y\r\n" CSP "img-src *\r\n" LENGTH0
                "\r\n"},
        {"the directive stands already: a field of its own",
         OK CSP "script-src-attr 'unsafe-inline'; img-src *\r\n" LENGTH0 "\r\n",
         OK CSP "script-src-attr 'unsafe-inline'; img-src *\r\n" CSP
                "script-src-attr 'none'\r\n" LENGTH0 "\r\n"},
        {"the directive stands already in capitals", OK CSP "SCRIPT-SRC-ATTR *\r\n" LENGTH0 "\r\n",
         OK CSP "SCRIPT-SRC-ATTR *\r\n" CSP "script-src-attr 'none'\r\n" LENGTH0 "\r\n"},
        {"another name",
         OK CSP "a\r\n"
                "Content-Security-Policy-Report-Only: b\r\n" LENGTH0 "\r\n",
         OK CSP "a; script-src-attr 'none'\r\nContent-Security-Policy-Report-Only: b\r\n" LENGTH0
                "\r\n"},
    };
    (void)state;
    check_responses(rows, N(rows), REWRITE(.framing = FRAMING_LENGTH, .edits = edits, .n_edits = 1),
                    false);
}

static void test_an_edit_sets_or_removes_all_fields_of_a_name(void **state)
{
    static const struct header_edit set[] = {EDIT(EDIT_SET, "X-Frame-Options", "DENY")};
    static const struct header_edit remove[] = {EDIT(EDIT_REMOVE, "X-Powered-By", "")};
    static const struct header_edit both[] = {EDIT(EDIT_REMOVE, "Server", ""),
                                              EDIT(EDIT_SET, "X-A", "1")};
    static const struct response_row set_rows[] = {
        {"new", OK "X: y\r\n" LENGTH0 "\r\n",
         OK "X: y\r\nX-Frame-Options: DENY\r\n" LENGTH0 "\r\n"},
        {"replaced", OK "x-frame-options: a\r\nX: y\r\nX-Frame-Options: b\r\n" LENGTH0 "\r\n",
         OK "X: y\r\nX-Frame-Options: DENY\r\n" LENGTH0 "\r\n"},
    };
    static const struct response_row remove_rows[] = {
        {"absent", OK "X: y\r\n" LENGTH0 "\r\n", OK "X: y\r\n" LENGTH0 "\r\n"},
        {"twice", OK "X-Powered-By: a\r\nX: y\r\nx-powered-by: b\r\n" LENGTH0 "\r\n",
         OK "X: y\r\n" LENGTH0 "\r\n"},
    };
    static const struct response_row both_rows[] = {
        {"two edits", OK "A: 1\r\nServer: x\r\nX-a: 0\r\nB: 2\r\n" LENGTH0 "\r\n",
         OK "A: 1\r\nB: 2\r\nX-A: 1\r\n" LENGTH0 "\r\n"},
    };
    (void)state;
    check_responses(set_rows, N(set_rows),
                    REWRITE(.framing = FRAMING_LENGTH, .edits = set, .n_edits = 1), false);
    check_responses(remove_rows, N(remove_rows),
                    REWRITE(.framing = FRAMING_LENGTH, .edits = remove, .n_edits = 1), false);
    check_responses(both_rows, N(both_rows),
                    REWRITE(.framing = FRAMING_LENGTH, .edits = both, .n_edits = 2), false);
}

/* Two mitigations may want the same field; neither may be lost. */
static void test_two_edits_of_one_field_both_take_effect(void **state)
{
    static const struct header_edit edits[] = {
        EDIT(EDIT_APPEND, "Content-Security-Policy", "script-src-attr 'none'"),
        EDIT(EDIT_APPEND, "Content-Security-Policy", "object-src 'none'")};
    static const struct response_row rows[] = {
        {"field there", OK CSP "a\r\n" LENGTH0 "\r\n",
         OK CSP "a; script-src-attr 'none'; object-src 'none'\r\n" LENGTH0 "\r\n"},
        {"one of them stands already", OK CSP "object-src *\r\n" LENGTH0 "\r\n",
         OK CSP "object-src *; script-src-attr 'none'\r\n" CSP "object-src 'none'\r\n" LENGTH0
                "\r\n"},
    };
    (void)state;
    check_responses(rows, N(rows), REWRITE(.framing = FRAMING_LENGTH, .edits = edits, .n_edits = 2),
                    false);
}

/* ---- our own answers */

static void check_answer(const struct own_answer *own)
{
    unsigned status = own->status;
    struct slice incident = own->incident_id;
    bool is_head = own->is_head;
    char out[512];
    size_t n_body = SIZE_MAX;
    size_t len = http_write_answer(own, out, sizeof(out), &n_body);
    if (len == 0)
        fail_msg("%u: 512 bytes are not enough", status);
    struct message message;
    struct message_spec spec = {
        .raw = slice_make(out, len), .is_response = true, .is_head = is_head};
    message_read(&message, &spec);
    const struct http_head *head = &message.parser.head;
    if (!message.is_done || message.used != len || head->status != status ||
        head->reason.len == 0 || head->wants_close != own->closes ||
        head->has_keep_alive != (own->says_keep_alive && !own->closes))
        fail_msg("%u: %.*s", status, SLICE_ARG(buf_slice(&message.brief)));
    if (!is_head && (head->framing != FRAMING_LENGTH || message.body.len == 0))
        fail_msg("%u: no body", status);
    struct slice body = buf_slice(&message.body);
    assert_int_equal(n_body, body.len);
    if (!is_head && incident.len != 0 &&
        memmem(body.ptr, body.len, incident.ptr, incident.len) == NULL)
        fail_msg("%u: the incident id is missing", status);
    message_done(&message);
    for (size_t max = 0; max < len; max++)
        assert_int_equal(http_write_answer(own, out, max, &n_body), 0);
}

static void test_answers_are_complete_for_every_status(void **state)
{
    (void)state;
    for (unsigned status = 400; status <= 599; status++)
        for (unsigned flags = 0; flags < 16; flags++) {
            const struct own_answer own = {
                .status = status,
                .incident_id = (flags & 1) != 0 ? SLICE("abcdefghijkm") : slice_make(NULL, 0),
                .closes = (flags & 2) != 0,
                .is_head = (flags & 4) != 0,
                .says_keep_alive = (flags & 8) != 0,
            };
            check_answer(&own);
        }
}

static void test_the_length_for_head_is_the_one_of_get(void **state)
{
    char get[512], head[512];
    struct own_answer own = {.status = 403, .incident_id = SLICE("abc")};
    size_t n_body;
    size_t get_len = http_write_answer(&own, get, sizeof(get), &n_body);
    own.is_head = true;
    size_t head_len = http_write_answer(&own, head, sizeof(head), &n_body);
    (void)state;
    assert_in_range(head_len, 1, get_len - 1);
    assert_memory_equal(get, head, head_len);
    assert_memory_equal(head + head_len - 4, "\r\n\r\n", 4);
}

static void test_a_chunk_line_is_hexadecimal_without_zeros_in_front(void **state)
{
    static const struct {
        uint64_t len;
        const char *expected;
    } rows[] = {
        {1, "1\r\n"}, {10, "a\r\n"}, {65536, "10000\r\n"}, {UINT64_MAX, "ffffffffffffffff\r\n"}};
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        char out[20];
        size_t len = http_write_chunk_line(rows[i].len, out);
        assert_int_equal(len, strlen(rows[i].expected));
        assert_memory_equal(out, rows[i].expected, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end_to_end_fields_keep_their_bytes_and_order),
        cmocka_unit_test(test_framing_is_the_clients),
        cmocka_unit_test(test_the_connection_field_is_the_proxys),
        cmocka_unit_test(test_an_edit_appends_to_the_policy_that_is_there),
        cmocka_unit_test(test_an_edit_sets_or_removes_all_fields_of_a_name),
        cmocka_unit_test(test_two_edits_of_one_field_both_take_effect),
        cmocka_unit_test(test_answers_are_complete_for_every_status),
        cmocka_unit_test(test_the_length_for_head_is_the_one_of_get),
        cmocka_unit_test(test_a_chunk_line_is_hexadecimal_without_zeros_in_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
