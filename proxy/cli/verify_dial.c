/* One request over a connection of its own, blocking, byte for byte as given. */
#include "cli/verify.h"

#include "net/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>

#include "stopgap/banned.h"

enum { ARENA_BYTES = 16 * 1024, NAP_MS = 10 };

static const struct http_limits answer_limits = {
    .target_bytes = LIMIT_TARGET_BYTES,
    .field_bytes = LIMIT_FIELD_BYTES,
    .head_bytes = LIMIT_HEAD_BYTES,
    .fields = LIMIT_FIELDS,
};

/* What OpenSSL knows of the reason: an error of the system says most. */
static void read_reason(char *reason, size_t size)
{
    const char *data;
    int flags;
    bool is_system = false;
    for (unsigned long code; (code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0;) {
        const char *text = ERR_reason_error_string(code);
        bool has_data = (flags & ERR_TXT_STRING) != 0 && data[0] != '\0';
        if (ERR_SYSTEM_ERROR(code))
            (void)snprintf(reason, size, ": %s", strerror(ERR_GET_REASON(code)));
        else if (!is_system)
            (void)snprintf(reason, size, ": %s%s%s", text != NULL ? text : "unknown",
                           has_data ? ", " : "", has_data ? data : "");
        is_system = is_system || ERR_SYSTEM_ERROR(code);
    }
}

static bool note_error(struct verify_answer *answer, const char *what)
{
    char reason[120] = "";
    read_reason(reason, sizeof(reason));
    (void)snprintf(answer->error, sizeof(answer->error), "%s%s", what, reason);
    return false;
}

/* ---- the connection */

static BIO *tls_above(const struct verify_peer *peer, BIO *under)
{
    SSL *ssl = SSL_new(peer->context);
    BIO *bio = BIO_new(BIO_f_ssl());
    if (ssl == NULL || bio == NULL || !tls_expect(ssl, peer->host)) {
        SSL_free(ssl);
        BIO_free_all(bio);
        BIO_free_all(under);
        return NULL;
    }
    SSL_set_connect_state(ssl);
    (void)BIO_set_ssl(bio, ssl, BIO_CLOSE);
    return BIO_push(bio, under);
}

/* Wait until the BIO may go on. False: the time is over. */
static bool wait_for(BIO *bio, time_t until)
{
    return BIO_should_retry(bio) && time(NULL) < until && BIO_wait(bio, until, NAP_MS) > 0;
}

static BIO *dial(const struct verify_peer *peer, time_t until, struct verify_answer *answer)
{
    char place[VERIFY_HOST_BYTES];
    const char *to = peer->address != NULL ? peer->address : peer->host;
    bool is_ipv6 = strchr(to, ':') != NULL;
    (void)snprintf(place, sizeof(place), is_ipv6 ? "[%s]:%u" : "%s:%u", to, peer->port);
    BIO *bio = BIO_new_connect(place);
    if (bio != NULL && peer->context != NULL)
        bio = tls_above(peer, bio);
    if (bio == NULL) {
        (void)note_error(answer, "cannot make a connection");
        return NULL;
    }
    /* BIO_do_connect_retry would try a port that is closed until the time is over. */
    (void)BIO_set_nbio(bio, 1);
    long result;
    while ((result = BIO_do_connect(bio)) <= 0 && wait_for(bio, until))
        ;
    if (result > 0)
        return bio;
    (void)note_error(answer, BIO_should_retry(bio) ? "cannot connect in time" : "cannot connect");
    BIO_free_all(bio);
    return NULL;
}

static bool send_all(BIO *bio, struct slice bytes, time_t until)
{
    while (bytes.len != 0) {
        int n = BIO_write(bio, bytes.ptr, (int)slice_head(bytes, INT32_MAX).len);
        if (n > 0)
            bytes = slice_from(bytes, (size_t)n);
        else if (!wait_for(bio, until))
            return false;
    }
    return true;
}

/* ---- the answer */

static void on_body(void *ctx, struct slice bytes)
{
    struct verify_answer *answer = ctx;
    /* Only the beginning is looked at. */
    bool is_kept =
        buf_append(&answer->body, slice_head(bytes, answer->body.max - answer->body.len));
    (void)is_kept; /* without memory the answer is just not known as ours */
}

/* Returns false when nothing more is wanted. */
static bool take(struct verify_answer *answer, size_t *fed)
{
    struct slice bytes = buf_slice(&answer->bytes);
    enum parse_result result = PARSE_HEAD;
    if (!answer->has_head) {
        result = http_parse_head(&answer->parser, bytes, &answer->arena, true);
        answer->has_head = result == PARSE_HEAD;
        *fed = answer->parser.head_len;
    }
    if (result != PARSE_HEAD)
        return result == PARSE_MORE;
    size_t used;
    answer->parser.on_body = on_body;
    answer->parser.body_ctx = answer;
    result = http_parse_body(&answer->parser, slice_from(bytes, *fed), &used);
    *fed += used;
    return result == PARSE_MORE;
}

static void receive(BIO *bio, struct verify_answer *answer, time_t until)
{
    char bytes[4096];
    size_t fed = 0;
    bool wants_more = true;
    while (wants_more) {
        int n = BIO_read(bio, bytes, sizeof(bytes));
        if (n > 0) {
            wants_more =
                buf_append(&answer->bytes, slice_make(bytes, (size_t)n)) && take(answer, &fed);
        } else if (!wait_for(bio, until)) {
            answer->is_timeout = BIO_should_retry(bio) != 0;
            wants_more = false;
        }
    }
}

bool verify_ask(const struct verify_peer *peer, struct slice request, bool is_head,
                struct verify_answer *ret_answer)
{
    struct verify_answer *answer = ret_answer;
    time_t until = time(NULL) + (time_t)peer->timeout_s;
    memset(answer, 0, sizeof(*answer));
    buf_init(&answer->bytes, VERIFY_ANSWER_BYTES);
    buf_init(&answer->body, VERIFY_ANSWER_BYTES);
    http_parser_init_response(&answer->parser, &answer_limits, is_head);
    answer->memory = malloc(ARENA_BYTES);
    if (answer->memory == NULL)
        return false;
    arena_init(&answer->arena, answer->memory, ARENA_BYTES, LIMIT_ARENA_BYTES);
    BIO *bio = dial(peer, until, answer);
    if (bio == NULL)
        return true;
    answer->is_connected = true;
    /* An early answer may come while the request is still being sent; so it is read in any case. */
    (void)send_all(bio, request, until);
    receive(bio, answer, until);
    if (answer->is_timeout)
        (void)note_error(answer, "no answer in time");
    else if (answer->bytes.len == 0)
        (void)note_error(answer, "closed without an answer");
    ERR_clear_error();
    BIO_free_all(bio);
    return true;
}

void verify_answer_done(struct verify_answer *answer)
{
    if (answer->memory != NULL)
        arena_done(&answer->arena);
    free(answer->memory);
    buf_done(&answer->bytes);
    buf_done(&answer->body);
}

static bool has_field(const struct http_head *head, struct slice name, struct slice value)
{
    for (size_t i = 0; i < head->n_fields; i++)
        if (slice_equal_nocase(head->fields[i].name, name) &&
            slice_equal_nocase(head->fields[i].value, value))
            return true;
    return false;
}

bool verify_is_own(const struct verify_answer *answer, bool is_head)
{
    enum { INCIDENT_LETTERS = 12 };
    static const char mark[] = "Incident: ";
    const struct http_head *head = &answer->parser.head;
    if (!answer->has_head || head->status < 400 ||
        !has_field(head, SLICE("Cache-Control"), SLICE("no-store")) ||
        !has_field(head, SLICE("Content-Type"), SLICE("text/plain; charset=utf-8")))
        return false;
    if (is_head)
        return true;
    struct slice body = buf_slice(&answer->body);
    const char *at = body.len != 0 ? memmem(body.ptr, body.len, mark, sizeof(mark) - 1) : NULL;
    if (at == NULL)
        return false;
    struct slice id = slice_from(body, (size_t)(at - body.ptr) + sizeof(mark) - 1);
    for (size_t i = 0; i < INCIDENT_LETTERS; i++)
        if (i >= id.len || id.ptr[i] == '\0' ||
            strchr("0123456789abcdefghijklmnopqrstuvwxyz", id.ptr[i]) == NULL)
            return false;
    return true;
}
