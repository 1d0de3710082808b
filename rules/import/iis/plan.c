/* From tests to requests: each test wants something of one part of the request. */
#include "import/iis/plan.h"

#include <arpa/inet.h>

#include "import/iis/ecma.h"
#include "import/iis/inputs.h"

#include "stopgap/banned.h"

enum { MAX_PLAN_HEADERS = 16 };

struct plan {
    struct arena *arena;
    const char *method;
    const char *path;
    const char *query;
    const char *uri; /* path and query in one */
    const char *client;
    unsigned status;
    char *headers[MAX_PLAN_HEADERS];
    size_t n_headers;
    char *response_headers[MAX_PLAN_HEADERS];
    size_t n_response_headers;
    bool is_lost;
};

/* ---- values */

/* A value for which the test's pattern is found (or not). NULL: none is known. */
static const char *choose_value(struct plan *plan, const struct test *test, bool is_fit,
                                unsigned variant, const char *const *others)
{
    if (test->kind == TEST_VALUES && is_fit)
        return test->n_values != 0 ? test->values[variant % test->n_values] : NULL;
    if (test->kind == TEST_REGEX && is_fit)
        return ecma_example(plan->arena, test->regex, variant);
    for (; *others != NULL; others++) {
        bool is_taken = test->kind == TEST_REGEX &&
                        ecma_matches(test->regex, test->is_sensitive, slice_str(*others));
        for (size_t i = 0; i < test->n_values && test->kind == TEST_VALUES; i++)
            is_taken =
                is_taken || slice_equal_nocase(slice_str(test->values[i]), slice_str(*others));
        if (!is_taken)
            return *others;
    }
    return NULL;
}

/* Text as it can stand in a request target: what cannot, as an escape. */
static const char *escape(struct plan *plan, const char *text, const char *more, bool is_decoded)
{
    static const char hex[] = "0123456789abcdef";
    char *out = arena_alloc(plan->arena, 3 * strlen(text) + 2);
    size_t len = 0;
    if (out == NULL)
        return "/";
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool is_unfit = c <= 0x20 || c >= 0x7f || strchr("\"#<>\\^`{|}", c) != NULL ||
                        strchr(more, c) != NULL || (c == '%' && is_decoded);
        if (is_unfit) {
            out[len++] = '%';
            out[len++] = hex[c >> 4];
            out[len++] = hex[c & 15];
        } else {
            out[len++] = *text;
        }
    }
    out[len] = '\0';
    return out;
}

static const char *rooted(struct plan *plan, const char *text)
{
    return text[0] == '/' ? text : rewrite_text(plan->arena, "/%s", text);
}

/* Patterns often stop in the middle of an address. */
static const char *whole_address(struct plan *plan, const char *text)
{
    static const char *const tails[] = {"",      "1",      ".1",  "1.1", ".1.1",
                                        "1.1.1", ".1.1.1", "::1", ":1"};
    unsigned char bytes[16];
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        const char *whole = rewrite_text(plan->arena, "%s%s", text, tails[i]);
        if (inet_pton(AF_INET, whole, bytes) == 1 || inet_pton(AF_INET6, whole, bytes) == 1)
            return whole;
    }
    plan->is_lost = true;
    return NULL;
}

/* ---- parts of the request */

static void add_header(struct plan *plan, char **list, size_t *n, const char *name,
                       const char *value)
{
    char *line = arena_alloc(plan->arena, strlen(name) + strlen(value) + 3);
    if (line == NULL || *n == MAX_PLAN_HEADERS) {
        plan->is_lost = true;
        return;
    }
    (void)snprintf(line, strlen(name) + strlen(value) + 3, "%s: %s", name, value);
    list[(*n)++] = line;
}

/* The one variable of an input, without the functions around it; NULL when there are more. */
static const char *lone_variable(struct plan *plan, const char *input, bool *ret_is_decoded)
{
    const char *start = strrchr(input, '{');
    const char *end = start != NULL ? strchr(start, '}') : NULL;
    *ret_is_decoded = input_is_decoded(input);
    if (end == NULL || input[0] != '{' || end[strspn(end, "}")] != '\0')
        return NULL;
    for (const char *at = input; at < start; at++)
        if (*at != '{' && *at != ':' && *at != ' ' &&
            (ascii_lower(*at) < 'a' || ascii_lower(*at) > 'z'))
            return NULL;
    return rewrite_text(plan->arena, "%.*s", (int)(end - start - 1), start + 1);
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (slice_equal_nocase(slice_str(name), slice_str(*names)))
            return true;
    return false;
}

static void set_header(struct plan *plan, const char *variable, const char *value)
{
    char name[IIS_TEXT_BYTES];
    struct slice rest = slice_str(variable);
    if (slice_starts_with_nocase(rest, SLICE("HTTP_")))
        rest = slice_from(rest, 5);
    (void)snprintf(name, sizeof(name), SLICE_FMT, SLICE_ARG(rest));
    for (char *c = name; *c != '\0'; c++)
        *c = (char)(*c == '_' ? '-' : *c);
    if (value[0] != '\0')
        add_header(plan, plan->headers, &plan->n_headers, name, value);
}

static void set_address(struct plan *plan, const char *variable, const char *value, bool is_decoded)
{
    static const char *const paths[] = {"URL", "PATH_INFO", NULL};
    static const char *const queries[] = {"QUERY_STRING", NULL};
    if (is_one_of(variable, paths))
        plan->path = rooted(plan, escape(plan, value, "?", true));
    else if (is_one_of(variable, queries))
        plan->query = escape(plan, value, "", is_decoded);
    else
        plan->uri = rooted(plan, escape(plan, value, "", is_decoded));
}

static void plan_input(struct plan *plan, const struct test *test, bool is_fit, unsigned variant)
{
    static const char *const methods[] = {"REQUEST_METHOD", "HTTP_METHOD", NULL};
    static const char *const clients[] = {"REMOTE_ADDR", NULL};
    static const char *const addresses[] = {
        "REQUEST_URI", "URL", "PATH_INFO", "UNENCODED_URL", "HTTP_URL", "QUERY_STRING", NULL};
    static const char *const other_methods[] = {"GET", "POST", "OPTIONS", "PUT", "DELETE", NULL};
    static const char *const other_clients[] = {"192.0.2.1", "203.0.113.9", "10.1.2.3",
                                                "2001:db8::1", NULL};
    static const char *const other_addresses[] = {"/owa/", "/ecp/", "/ews/exchange.asmx", "/",
                                                  NULL};
    static const char *const other_hosts[] = {"mail.example.com", "host.invalid", "192.0.2.10",
                                              NULL};
    static const char *const hosts[] = {"HTTP_HOST", NULL};
    static const char *const other_texts[] = {"", "mail.example.com", "x", "1", NULL};
    bool is_decoded;
    const char *name = lone_variable(plan, test->input, &is_decoded);
    plan->is_lost = plan->is_lost || name == NULL;
    if (plan->is_lost)
        return;
    bool is_query = slice_equal_nocase(slice_str(name), SLICE("QUERY_STRING"));
    const char *const *others = is_one_of(name, methods)                  ? other_methods
                                : is_one_of(name, hosts)                  ? other_hosts
                                : is_one_of(name, clients)                ? other_clients
                                : is_one_of(name, addresses) && !is_query ? other_addresses
                                                                          : other_texts;
    const char *value = choose_value(plan, test, is_fit, variant, others);
    if (value == NULL)
        plan->is_lost = true;
    else if (is_one_of(name, methods))
        plan->method = value;
    else if (is_one_of(name, clients))
        plan->client = whole_address(plan, value);
    else if (is_one_of(name, addresses))
        set_address(plan, name, value, is_decoded);
    else
        set_header(plan, name, is_decoded && is_fit ? escape(plan, value, "", true) : value);
}

static void plan_response(struct plan *plan, const struct test *test, bool is_fit, unsigned variant)
{
    static const char *const others[] = {"x", "1", "text/plain", NULL};
    static const char *const other_statuses[] = {"200", "404", "302", "500", NULL};
    if (test->kind == TEST_DIFFERS) {
        if (!is_fit)
            add_header(plan, plan->response_headers, &plan->n_response_headers, test->input,
                       test->values[0]);
        return;
    }
    if (test->kind == TEST_PRESENT) {
        if (is_fit)
            add_header(plan, plan->response_headers, &plan->n_response_headers, test->input, "x");
        return;
    }
    bool is_status = test->input[0] == '\0';
    const char *value =
        choose_value(plan, test, is_fit, variant, is_status ? other_statuses : others);
    uint64_t number = 0;
    if (value == NULL)
        plan->is_lost = true;
    else if (is_status && slice_to_u64(slice_str(value), &number))
        plan->status = (unsigned)number;
    else if (value[0] != '\0')
        add_header(plan, plan->response_headers, &plan->n_response_headers, test->input, value);
}

/* ---- whole requests */

size_t plan_n_tests(const struct translated *translated)
{
    size_t n = 0;
    for (size_t g = 0; g < translated->n_groups; g++)
        n += translated->groups[g].n;
    return n;
}

static void plan_groups(struct plan *plan, const struct translated *translated,
                        const struct plan_wish *wish)
{
    size_t number = 0;
    for (size_t g = 0; g < translated->n_groups; g++) {
        const struct group *group = &translated->groups[g];
        bool is_broken = wish->broken >= number && wish->broken < number + group->n;
        for (size_t i = 0; i < group->n; i++) {
            const struct test *test = &group->tests[i];
            /* One member of MatchAny is enough; to break it, each must fail. */
            bool is_left = group->is_any && !is_broken && i != wish->variant % group->n;
            bool is_true = group->is_any ? !is_broken : wish->broken != number + i;
            if (is_left)
                continue;
            if (group->is_response)
                plan_response(plan, test, is_true != test->is_negated, wish->variant);
            else
                plan_input(plan, test, is_true != test->is_negated, wish->variant);
        }
        number += group->n;
    }
}

static const char *target_of(struct plan *plan, unsigned layout)
{
    const char *path = plan->path != NULL ? plan->path : "/owa/";
    if (layout == 0 && plan->uri != NULL)
        path = plan->uri;
    if (layout == 2 && plan->uri != NULL)
        path = rewrite_text(plan->arena, "%s?%s", path, plan->uri);
    bool has_more = plan->query != NULL && plan->query[0] != '\0';
    if (layout == 1 && plan->uri != NULL)
        path = rewrite_text(plan->arena, "%s%s", path, plan->uri);
    return has_more ? rewrite_text(plan->arena, "%s%c%s", path,
                                   strchr(path, '?') != NULL ? '&' : '?', plan->query)
                    : path;
}

static char *duplicate(struct arena *arena, const char *text)
{
    char *copy = text != NULL ? arena_alloc(arena, strlen(text) + 1) : NULL;
    if (copy != NULL)
        memcpy(copy, text, strlen(text) + 1);
    return copy;
}

static bool fill_sample(const struct plan *plan, const char *target, struct sample *ret_sample)
{
    bool is_good = input_is_plain(target) &&
                   (plan->method == NULL || input_is_plain(plan->method)) &&
                   strlen(target) < IIS_TEXT_BYTES - 1;
    for (size_t i = 0; i < plan->n_headers; i++)
        is_good = is_good && input_is_plain(plan->headers[i]);
    for (size_t i = 0; i < plan->n_response_headers; i++)
        is_good = is_good && input_is_plain(plan->response_headers[i]);
    char **headers = arena_alloc(plan->arena, sizeof(plan->headers));
    char **response = arena_alloc(plan->arena, sizeof(plan->response_headers));
    if (!is_good || headers == NULL || response == NULL)
        return false;
    memcpy(headers, plan->headers, sizeof(plan->headers));
    memcpy(response, plan->response_headers, sizeof(plan->response_headers));
    *ret_sample = (struct sample){
        .method = duplicate(plan->arena, plan->method),
        .target = duplicate(plan->arena, target),
        .headers = headers,
        .n_headers = plan->n_headers,
        .client = duplicate(plan->arena, plan->client),
        .status = plan->status,
        .response_headers = response,
        .n_response_headers = plan->n_response_headers,
    };
    return ret_sample->target != NULL;
}

bool plan_sample(struct arena *arena, const struct translated *translated,
                 const struct plan_wish *wish, struct sample *ret_sample)
{
    struct plan plan = {.arena = arena};
    plan_groups(&plan, translated, wish);
    return !plan.is_lost && fill_sample(&plan, target_of(&plan, wish->layout), ret_sample);
}

bool plan_neutral(struct arena *arena, size_t index, struct sample *ret_sample)
{
    static const struct {
        const char *method;
        const char *target;
    } requests[PLAN_NEUTRAL] = {
        {NULL, "/owa/"},
        {"POST", "/EWS/Exchange.asmx"},
        {NULL, "/autodiscover/autodiscover.xml"},
        {NULL, "/ecp/"},
        {"OPTIONS", "/Microsoft-Server-ActiveSync"},
        {"POST", "/mapi/emsmdb/?MailboxId=1"},
        {NULL, "/"},
        {NULL, "/oab/oab.xml"},
    };
    struct plan plan = {.arena = arena, .method = requests[index].method};
    return fill_sample(&plan, requests[index].target, ret_sample);
}
