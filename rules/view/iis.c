/* Parses and evaluates condition inputs of IIS URL Rewrite. */
#include "iis.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "decode.h"

#include "stopgap/banned.h"

enum part_kind {
    PART_LITERAL = 0,
    PART_REQUEST_URI,
    PART_URL,
    PART_RAW_URL,
    PART_QUERY,
    PART_METHOD,
    PART_CLIENT,
    PART_HOST,
    PART_HEADER,
    PART_DECODE,
    PART_LOWER,
};

/* A piece of an expression; functions hold the pieces of their argument. */
struct part {
    enum part_kind kind;
    struct slice text; /* LITERAL; HEADER: its name with "_" for "-" */
    struct part *argument;
    struct part *next;
};

struct iis_input {
    struct part *parts;
    bool has_two_paths;
    bool has_two_pluses;
};

/* ---- parsing */

struct parse {
    struct arena *memory;
    struct slice text;
    size_t at;
    struct iis_input *input;
    const char *reason;
};

static const struct {
    const char *name;
    enum part_kind kind;
} variables[] = {
    {"REQUEST_URI", PART_REQUEST_URI}, {"URL", PART_URL},
    {"PATH_INFO", PART_URL},           {"UNENCODED_URL", PART_RAW_URL},
    {"HTTP_URL", PART_RAW_URL},        {"QUERY_STRING", PART_QUERY},
    {"REQUEST_METHOD", PART_METHOD},   {"HTTP_METHOD", PART_METHOD},
    {"REMOTE_ADDR", PART_CLIENT},      {"HTTP_HOST", PART_HOST},
};

static struct part *fail(struct parse *parse, const char *reason)
{
    parse->reason = reason;
    return NULL;
}

static struct part *part_new(struct parse *parse, enum part_kind kind, struct slice text)
{
    struct part *part = arena_alloc(parse->memory, sizeof(*part));
    if (part == NULL)
        return fail(parse, "out of memory");
    *part = (struct part){.kind = kind, .text = text};
    return part;
}

static struct part *parse_variable(struct parse *parse, struct slice name)
{
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        if (!slice_equal_nocase(name, slice_str(variables[i].name)))
            continue;
        if (variables[i].kind == PART_REQUEST_URI)
            parse->input->has_two_paths = true;
        return part_new(parse, variables[i].kind, name);
    }
    if (slice_equal_nocase(name, SLICE("CONTENT_TYPE")))
        return part_new(parse, PART_HEADER, name);
    if (slice_equal_nocase(name, SLICE("HTTP_X_ORIGINAL_URL")))
        return fail(parse, "{HTTP_X_ORIGINAL_URL} is set by the module itself");
    if (slice_starts_with_nocase(name, SLICE("HTTP_")) && name.len > 5)
        return part_new(parse, PART_HEADER, slice_from(name, 5));
    if (slice_equal_nocase(name, SLICE("HTTPS")) ||
        slice_starts_with_nocase(name, SLICE("SERVER_PORT")))
        return fail(parse, "rules do not see the port or whether the client used TLS");
    return fail(parse, "this server variable is not known");
}

static struct part *parse_parts(struct parse *parse, unsigned depth);

/* Behind "{NAME:". */
static struct part *parse_function(struct parse *parse, struct slice name, unsigned depth)
{
    enum part_kind kind = PART_DECODE;
    if (slice_equal_nocase(name, SLICE("ToLower")))
        kind = PART_LOWER;
    else if (!slice_equal_nocase(name, SLICE("UrlDecode")))
        return fail(parse, "only the functions UrlDecode and ToLower are known");
    if (kind == PART_DECODE)
        parse->input->has_two_pluses = true;
    /* A published rule has a blank here, and works as if it had none. */
    while (parse->at < parse->text.len && parse->text.ptr[parse->at] == ' ')
        parse->at++;
    struct part *part = part_new(parse, kind, name);
    if (part != NULL && (part->argument = parse_parts(parse, depth + 1)) == NULL)
        return NULL;
    return part;
}

/* Behind "{". */
static struct part *parse_braces(struct parse *parse, unsigned depth)
{
    size_t start = parse->at;
    while (parse->at < parse->text.len && strchr("{}:", parse->text.ptr[parse->at]) == NULL)
        parse->at++;
    if (parse->at == parse->text.len || parse->text.ptr[parse->at] == '{')
        return fail(parse, "a brace is not closed");
    struct slice name = slice_make(parse->text.ptr + start, parse->at - start);
    bool is_function = parse->text.ptr[parse->at++] == ':';
    if (!is_function)
        return parse_variable(parse, name);
    struct part *part = parse_function(parse, name, depth);
    if (part == NULL)
        return NULL;
    if (parse->at == parse->text.len)
        return fail(parse, "a brace is not closed");
    parse->at++;
    return part;
}

static struct part *parse_literal(struct parse *parse)
{
    size_t start = parse->at;
    while (parse->at < parse->text.len && parse->text.ptr[parse->at] != '{' &&
           parse->text.ptr[parse->at] != '}')
        parse->at++;
    return part_new(parse, PART_LITERAL, slice_make(parse->text.ptr + start, parse->at - start));
}

/* Up to the end, or to the "}" of the function around; depth 0 is the outside. */
static struct part *parse_parts(struct parse *parse, unsigned depth)
{
    struct part *first = NULL;
    struct part **link = &first;
    if (depth > IIS_MAX_DEPTH)
        return fail(parse, "functions are nested too deep");
    while (parse->at < parse->text.len && parse->text.ptr[parse->at] != '}') {
        bool is_braces = parse->text.ptr[parse->at] == '{';
        if (is_braces)
            parse->at++;
        struct part *part = is_braces ? parse_braces(parse, depth) : parse_literal(parse);
        if (part == NULL)
            return NULL;
        *link = part;
        link = &part->next;
    }
    if (depth == 0 && parse->at < parse->text.len)
        return fail(parse, "a brace is not opened");
    return first != NULL ? first : fail(parse, "the input is empty");
}

const struct iis_input *iis_input_parse(struct slice text, struct arena *memory,
                                        const char **ret_reason)
{
    struct iis_input *input = arena_alloc(memory, sizeof(*input));
    struct parse parse = {.memory = memory, .text = text, .input = input};
    *ret_reason = "out of memory";
    if (input == NULL)
        return NULL;
    *input = (struct iis_input){.parts = NULL};
    if (text.len > IIS_INPUT_BYTES) {
        *ret_reason = "the input is too long";
        return NULL;
    }
    input->parts = parse_parts(&parse, 0);
    *ret_reason = parse.reason;
    return input->parts != NULL ? input : NULL;
}

/* ---- evaluating */

struct reading {
    const struct request_head *head;
    const struct request_views *views;
    struct arena *arena;
    bool is_path_cooked;
    enum decode_plus plus;
    bool is_failed; /* no memory */
};

static struct slice join(struct reading *reading, struct slice a, struct slice glue, struct slice b)
{
    if (b.len == 0 && glue.len == 0)
        return a;
    if (a.len == 0 && glue.len == 0)
        return b;
    char *out = arena_alloc(reading->arena, a.len + glue.len + b.len + 1);
    if (out == NULL) {
        reading->is_failed = true;
        return a;
    }
    struct slice pieces[] = {a, glue, b};
    size_t len = 0;
    for (size_t i = 0; i < 3; i++) {
        if (pieces[i].len != 0)
            memcpy(out + len, pieces[i].ptr, pieces[i].len);
        len += pieces[i].len;
    }
    return slice_make(out, len);
}

static bool has_query(const struct reading *reading)
{
    return slice_find(reading->head->target, '?') != SIZE_MAX;
}

static struct slice request_uri(struct reading *reading, bool is_cooked)
{
    const struct request_view *raw = &reading->views->view[VIEW_RAW];
    struct slice path = is_cooked ? reading->views->view[VIEW_ONCE].path : raw->path;
    if (path.len == 0)
        path = SLICE("/");
    return has_query(reading) ? join(reading, path, SLICE("?"), raw->query) : path;
}

static struct slice client_text(struct reading *reading)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    const unsigned char *bytes = reading->head->client.bytes;
    bool is_v4 = memcmp(bytes, mapped, sizeof(mapped)) == 0;
    char text[INET6_ADDRSTRLEN] = "";
    (void)inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? bytes + 12 : bytes, text, sizeof(text));
    struct slice copy = arena_copy(reading->arena, slice_str(text));
    reading->is_failed = reading->is_failed || copy.ptr == NULL;
    return copy;
}

/* http.sys takes the host of an absolute target before that of the field. */
static struct slice host_text(const struct reading *reading)
{
    struct slice target = reading->head->target;
    const char *mark = NULL;
    if ((reading->views->anomalies & ANOMALY_ABSOLUTE_FORM) != 0)
        mark = memmem(target.ptr, target.len, "://", 3);
    if (mark == NULL)
        return reading->head->host;
    struct slice authority = slice_from(target, (size_t)(mark + 3 - target.ptr));
    size_t len = 0;
    while (len < authority.len && strchr("/?#", authority.ptr[len]) == NULL)
        len++;
    return slice_head(authority, len);
}

static bool names_header(struct slice variable, struct slice header)
{
    if (variable.len != header.len)
        return false;
    for (size_t i = 0; i < header.len; i++) {
        char a = variable.ptr[i] == '-' ? '_' : ascii_lower(variable.ptr[i]);
        char b = header.ptr[i] == '-' ? '_' : ascii_lower(header.ptr[i]);
        if (a != b)
            return false;
    }
    return true;
}

/* Fields of one name are one value to IIS, joined as RFC 9110 5.3 and RFC 6265 5.4 say. */
static struct slice header_text(struct reading *reading, struct slice name)
{
    struct slice glue = slice_equal_nocase(name, SLICE("COOKIE")) ? SLICE("; ") : SLICE(", ");
    struct slice value = SLICE("");
    bool is_there = false;
    for (size_t i = 0; i < reading->head->n_fields; i++) {
        const struct header_field *field = &reading->head->fields[i];
        if (!names_header(name, field->name))
            continue;
        value = is_there ? join(reading, value, glue, field->value) : field->value;
        is_there = true;
    }
    return value;
}

static struct slice apply(struct reading *reading, enum part_kind kind, struct slice in)
{
    bool is_plain = kind == PART_DECODE && slice_find(in, '%') == SIZE_MAX &&
                    (reading->plus == PLUS_IS_PLUS || slice_find(in, '+') == SIZE_MAX);
    if (is_plain || in.len == 0)
        return in;
    char *out = arena_alloc(reading->arena, in.len);
    if (out == NULL) {
        reading->is_failed = true;
        return in;
    }
    uint32_t ignored = 0;
    if (kind == PART_DECODE)
        return slice_make(out, decode_escapes(in, out, reading->plus, &ignored));
    for (size_t i = 0; i < in.len; i++)
        out[i] = ascii_lower(in.ptr[i]);
    return slice_make(out, in.len);
}

static struct slice evaluate_parts(struct reading *reading, const struct part *part);

static struct slice evaluate_part(struct reading *reading, const struct part *part)
{
    switch (part->kind) {
    case PART_LITERAL:
        return part->text;
    case PART_REQUEST_URI:
        return request_uri(reading, reading->is_path_cooked);
    case PART_URL:
        return reading->views->view[VIEW_ONCE].path;
    case PART_RAW_URL:
        return request_uri(reading, false);
    case PART_QUERY:
        return reading->views->view[VIEW_RAW].query;
    case PART_METHOD:
        return reading->head->method;
    case PART_CLIENT:
        return client_text(reading);
    case PART_HOST:
        return host_text(reading);
    case PART_HEADER:
        return header_text(reading, part->text);
    case PART_DECODE:
    case PART_LOWER:
        break;
    }
    return apply(reading, part->kind, evaluate_parts(reading, part->argument));
}

/* Depth is limited by IIS_MAX_DEPTH. */
static struct slice evaluate_parts(struct reading *reading, const struct part *part)
{
    struct slice value = SLICE("");
    for (; part != NULL; part = part->next)
        value = join(reading, value, SLICE(""), evaluate_part(reading, part));
    return value;
}

size_t iis_input_values(const struct iis_input *input, const struct request_head *head,
                        const struct request_views *views, struct arena *arena,
                        struct slice *ret_values)
{
    size_t n = 0;
    for (int world = 0; world < IIS_MAX_VALUES; world++) {
        struct reading reading = {.head = head,
                                  .views = views,
                                  .arena = arena,
                                  .is_path_cooked = (world & 1) != 0,
                                  .plus = (world & 2) != 0 ? PLUS_IS_BLANK : PLUS_IS_PLUS};
        if ((reading.is_path_cooked && !input->has_two_paths) ||
            (reading.plus == PLUS_IS_BLANK && !input->has_two_pluses))
            continue;
        struct slice value = evaluate_parts(&reading, input->parts);
        if (reading.is_failed)
            return 0;
        bool is_known = false;
        for (size_t i = 0; i < n; i++)
            is_known = is_known || slice_equal(ret_values[i], value);
        if (!is_known)
            ret_values[n++] = value;
    }
    return n;
}
