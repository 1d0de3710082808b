/* Building the requests of the corpora: texts taken apart, and what is as large as it can be. */
#include "judge/corpus.h"

#include <stdlib.h>

#include "stopgap/limits.h"

#include "stopgap/banned.h"

enum {
    FIRST_CHUNK_BYTES = 256 * 1024,
    MAX_BYTES = 64 * 1024 * 1024, /* 32 samples of 128 KiB, and what is always there, ten times */
    MAX_REQUESTS = 256,
    WORST_TARGET_BYTES = 16 * 1024, /* what the proxy lets through */
    WORST_FIELD_BYTES = 1024,       /* of each of CORPUS_FIELDS: 100 KiB of head */
    SAMPLES = 32,
    MAX_SAMPLE_FIELDS = CORPUS_FIELDS - 1, /* beside Host */
};

static const char host[] = "mail.example.com";

bool corpus_init(struct corpus *corpus)
{
    *corpus = (struct corpus){.requests = calloc(MAX_REQUESTS, sizeof(*corpus->requests)),
                              .first_chunk = malloc(FIRST_CHUNK_BYTES)};
    if (corpus->requests == NULL || corpus->first_chunk == NULL) {
        free(corpus->requests);
        free(corpus->first_chunk);
        *corpus = (struct corpus){.n = 0};
        return false;
    }
    arena_init(&corpus->memory, corpus->first_chunk, FIRST_CHUNK_BYTES, MAX_BYTES);
    return true;
}

void corpus_done(struct corpus *corpus)
{
    if (corpus->first_chunk != NULL)
        arena_done(&corpus->memory);
    free(corpus->first_chunk);
    free(corpus->requests);
    *corpus = (struct corpus){.n = 0};
}

/* ---- parts */

/* A request with Host and the sender's address; its fields have room for CORPUS_FIELDS. NULL: no
 * memory. */
static struct header_field *start(struct corpus *corpus, struct cost_request **ret_request)
{
    const unsigned char address[] = {192, 0, 2, CORPUS_CLIENT};
    struct header_field *fields =
        arena_alloc(&corpus->memory, (size_t)CORPUS_FIELDS * sizeof(*fields));
    if (fields == NULL || corpus->n == MAX_REQUESTS)
        return NULL;
    struct cost_request *request = &corpus->requests[corpus->n++];
    *request = (struct cost_request){.head = {.method = SLICE("GET"),
                                              .target = SLICE("/"),
                                              .host = SLICE(host),
                                              .fields = fields,
                                              .n_fields = 1,
                                              .client = net_address_from_ipv4(address)}};
    fields[0] = (struct header_field){.name = SLICE("Host"), .value = request->head.host};
    *ret_request = request;
    return fields;
}

static void set_body(struct cost_request *request, struct slice body)
{
    request->body = body;
    request->head.has_body = body.len != 0;
}

static struct header_field split_field(struct slice line)
{
    size_t colon = slice_find(line, ':');
    if (colon == SIZE_MAX)
        return (struct header_field){.name = line, .value = slice_make("", 0)};
    return (struct header_field){.name = slice_head(line, colon),
                                 .value = slice_trim(slice_from(line, colon + 1))};
}

/* prefix, then part until there are size bytes, the last part whole. */
static struct slice repeat(struct arena *memory, struct slice prefix, struct slice part,
                           size_t size)
{
    char *bytes = arena_alloc(memory, size != 0 ? size : 1);
    size_t len = 0;
    if (bytes == NULL)
        return slice_make(NULL, 0);
    for (struct slice next = prefix; next.len <= size - len; next = part) {
        if (next.len != 0)
            memcpy(bytes + len, next.ptr, next.len);
        len += next.len;
        if (part.len == 0)
            break;
    }
    return slice_make(bytes, len);
}

/* ---- what clients send */

bool corpus_add_usual(struct corpus *corpus)
{
    for (size_t i = 0; i < n_usual_requests; i++) {
        const struct usual_request *usual = &usual_requests[i];
        struct cost_request *request;
        struct header_field *fields = start(corpus, &request);
        if (fields == NULL)
            return false;
        struct slice line = slice_str(usual->line);
        size_t space = slice_find(line, ' ');
        request->head.method = slice_head(line, space);
        request->head.target = slice_from(line, space + 1);
        struct slice rest = slice_str(usual->fields);
        struct slice field;
        while (slice_next(&rest, '\n', &field))
            if (field.len != 0)
                fields[request->head.n_fields++] = split_field(field);
        set_body(request, usual->body);
    }
    return true;
}

/* ---- what costs most */

static const struct {
    const char *prefix;
    const char *part;
} worst_targets[] = {
    {"/owa/", "a"},
    {"/owa/", "../"},
    {"/owa/", "%2e%2e%2f"},
    {"/owa/", "%252e%252e%255c"},
    {"/ecp/x.js?", "a=%27%3Cscript%3E&"},
    {"/autodiscover/autodiscover.json?", "@x/powershell&Email=autodiscover/autodiscover.json&"},
    {"/ews/exchange.asmx/", "exchange.asmx;/"},
    {"/owa/x.aspx?", "__VIEWSTATE=AAAA%2BBBB&cmd=powershell&"},
};

static const struct {
    const char *field; /* the content's type */
    const char *prefix;
    const char *part;
} worst_bodies[] = {
    {"Content-Type: text/plain", "", "a"},
    {"Content-Type: text/plain", "", "System.Diagnostics.Process cmd.exe /c powershell -enc AAAA "},
    {"Content-Type: application/x-www-form-urlencoded", "", "a=%3Cscript%3E&b=..%2f..%2f&"},
    {"Content-Type: application/json", "[", "{\"a\":\"\\u003cscript\\u003e../..\",\"b\":[1]},"},
    {"Content-Type: text/xml", "<Envelope xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\">",
     "<a b=\"'or 1=1\">../</a>"},
    {"Content-Type: text/xml", "", "<a>"},
    {"Content-Type: multipart/form-data; boundary=B", "",
     "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"x.aspx\"\r\n\r\n<% %>\r\n"},
};

static bool add_worst_fields(struct corpus *corpus, const char *name, const char *part)
{
    struct cost_request *request;
    struct header_field *fields = start(corpus, &request);
    if (fields == NULL)
        return false;
    struct slice value =
        repeat(&corpus->memory, slice_make("", 0), slice_str(part), WORST_FIELD_BYTES);
    for (size_t i = 1; i < CORPUS_FIELDS; i++)
        fields[i] = (struct header_field){.name = slice_str(name), .value = value};
    request->head.n_fields = CORPUS_FIELDS;
    return value.ptr != NULL;
}

bool corpus_add_worst(struct corpus *corpus)
{
    struct cost_request *request;
    for (size_t i = 0; i < sizeof(worst_targets) / sizeof(worst_targets[0]); i++) {
        if (start(corpus, &request) == NULL)
            return false;
        request->head.target = repeat(&corpus->memory, slice_str(worst_targets[i].prefix),
                                      slice_str(worst_targets[i].part), WORST_TARGET_BYTES);
        if (request->head.target.ptr == NULL)
            return false;
    }
    for (size_t i = 0; i < sizeof(worst_bodies) / sizeof(worst_bodies[0]); i++) {
        struct header_field *fields = start(corpus, &request);
        struct slice body = repeat(&corpus->memory, slice_str(worst_bodies[i].prefix),
                                   slice_str(worst_bodies[i].part), LIMIT_BODY_WINDOW);
        if (fields == NULL || body.ptr == NULL)
            return false;
        fields[request->head.n_fields++] = split_field(slice_str(worst_bodies[i].field));
        request->head.method = SLICE("POST");
        request->head.target = SLICE("/ews/exchange.asmx");
        set_body(request, body);
    }
    return add_worst_fields(corpus, "Cookie", "X-BEResource=a]@x:444/ecp/z#~1; ") &&
           add_worst_fields(corpus, "X-Field", "../..%2f<script>' or 1=1 ");
}

/* ---- samples, as large as a client can make them */

/* The query or the path once more and again; a sample without either is left as it is. */
static struct slice enlarge_target(struct corpus *corpus, struct slice target)
{
    size_t mark = slice_find(target, '?');
    struct slice query = mark != SIZE_MAX ? slice_from(target, mark + 1) : slice_make("", 0);
    struct slice part = repeat(&corpus->memory, SLICE("&"), query, query.len + 1);
    if (query.len == 0 || part.len != query.len + 1)
        return target;
    struct slice large = repeat(&corpus->memory, target, part, WORST_TARGET_BYTES);
    return large.len != 0 ? large : target;
}

static bool add_sample(struct corpus *corpus, const struct sample *sample)
{
    struct cost_request *request;
    struct header_field *fields = start(corpus, &request);
    if (fields == NULL)
        return false;
    struct slice body = slice_make(sample->body, sample->body_len);
    request->head.method = slice_str(sample->method != NULL ? sample->method
                                     : body.len != 0        ? "POST"
                                                            : "GET");
    if (sample->target != NULL)
        request->head.target = enlarge_target(corpus, slice_str(sample->target));
    for (size_t i = 0; i < sample->n_headers && i < MAX_SAMPLE_FIELDS; i++)
        fields[request->head.n_fields++] = split_field(slice_str(sample->headers[i]));
    if (body.len != 0)
        set_body(request, repeat(&corpus->memory, body, body, LIMIT_BODY_WINDOW));
    return true;
}

bool corpus_add_samples(struct corpus *corpus, const struct ruleset *set)
{
    size_t n_rules = ruleset_n_rules(set);
    size_t step = n_rules / SAMPLES + 1;
    for (size_t i = 0; i < n_rules; i += step) {
        const struct rule *rule = ruleset_source_rule(set, i);
        if (rule->n_must_block != 0 && !add_sample(corpus, &rule->must_block[0]))
            return false;
    }
    return true;
}
