/* Sends a complete request on as relay.c does: head anew, body in chunks of its own or as it is. */
#include "differential.h"

#include "strict_reader.h"

#include <stdlib.h>

#include "stopgap/banned.h"

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void write_chunks(struct slice body, uint64_t seed, struct buf *out)
{
    while (body.len != 0) {
        char line[20];
        struct slice part = slice_head(body, 1 + test_random(&seed) % 40);
        must(buf_append(out, slice_make(line, http_write_chunk_line(part.len, line))) &&
             buf_append(out, part) && buf_append(out, SLICE("\r\n")));
        body = slice_from(body, part.len);
    }
    must(buf_append(out, SLICE("0\r\n\r\n")));
}

void differential_check(const struct message *message, unsigned flags)
{
    const struct http_head *head = &message->parser.head;
    struct slice body = buf_slice(&message->body);
    struct request_rewrite rewrite = roundtrip_rewrite(head, flags);
    struct strict_request request;
    struct buf out;
    buf_init(&out, 16 * 1024 * 1024);
    roundtrip_write(head, &rewrite, &out);
    if (head->framing == FRAMING_CHUNKED)
        write_chunks(body, flags, &out);
    else
        must(buf_append(&out, body));
    struct slice rest = buf_slice(&out);
    must(strict_read(&rest, &request) && rest.len == 0);
    must(slice_equal(request.method, head->method) && slice_equal(buf_slice(&request.body), body));
    must(roundtrip_is_origin_form(head->target, request.target));
    must(slice_equal_nocase(request.host, head->host.len != 0 ? head->host : rewrite.default_host));
    strict_done(&request);
    buf_done(&out);
}
