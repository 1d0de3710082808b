/* From samples to requests. */
#include "sample.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "stopgap/banned.h"

static const char default_host[] = "mail.example.com";
static const char default_client[] = "192.0.2.1";

static struct header_field split_header(const char *text)
{
    struct slice line = slice_str(text);
    size_t colon = slice_find(line, ':');
    if (colon == SIZE_MAX)
        return (struct header_field){.name = line, .value = slice_make("", 0)};
    return (struct header_field){.name = slice_trim(slice_head(line, colon)),
                                 .value = slice_trim(slice_from(line, colon + 1))};
}

static void parse_client(const char *text, struct net_address *ret_client)
{
    memset(ret_client->bytes, 0, sizeof(ret_client->bytes));
    if (inet_pton(AF_INET6, text, ret_client->bytes) == 1)
        return;
    ret_client->bytes[10] = ret_client->bytes[11] = 0xff;
    (void)inet_pton(AF_INET, text, ret_client->bytes + 12);
}

/* NOLINTBEGIN(clang-analyzer-unix.Malloc): sample_request_done frees both tables; the analyzer
 * loses sight of them in the compound literal. */
static void build_head(const struct sample *sample, struct sample_request *request)
{
    struct request_head *head = &request->head;
    size_t n = 0;
    for (size_t i = 0; i < sample->n_headers; i++) {
        request->fields[n] = split_header(sample->headers[i]);
        if (slice_equal_nocase(request->fields[n].name, SLICE("Host")))
            head->host = request->fields[n].value;
        n++;
    }
    if (head->host.ptr == NULL) {
        head->host = slice_str(default_host);
        request->fields[n++] = (struct header_field){.name = SLICE("Host"), .value = head->host};
    }
    head->method = slice_str(sample->method != NULL  ? sample->method
                             : sample->body_len != 0 ? "POST"
                                                     : "GET");
    head->target = slice_str(sample->target != NULL ? sample->target : "/");
    head->fields = request->fields;
    head->n_fields = n;
    head->has_body = sample->body_len != 0;
    parse_client(sample->client != NULL ? sample->client : default_client, &head->client);
}

bool sample_request_init(const struct sample *sample, struct sample_request *ret_request)
{
    *ret_request = (struct sample_request){
        .fields = calloc(sample->n_headers + 1, sizeof(struct header_field)),
        .response_fields = calloc(sample->n_response_headers + 1, sizeof(struct header_field)),
    };
    if (ret_request->fields == NULL || ret_request->response_fields == NULL)
        return false;
    build_head(sample, ret_request);
    for (size_t i = 0; i < sample->n_response_headers; i++)
        ret_request->response_fields[i] = split_header(sample->response_headers[i]);
    ret_request->response = (struct response_head){
        .status = sample->status != 0 ? sample->status : 200,
        .fields = ret_request->response_fields,
        .n_fields = sample->n_response_headers,
    };
    return true;
}

void sample_request_done(struct sample_request *request)
{
    free(request->fields);
    free(request->response_fields);
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */
