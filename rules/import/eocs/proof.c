/* Samples are built from the patterns, put together to a request and then judged as a whole. */
#include "proof.h"

#include "import/iis/ecma.h"

#include "stopgap/banned.h"

/* What Exchange's clients ask for all day. A rule that matches one of these refuses mail. */
static const struct {
    const char *method, *target;
} ordinary[] = {
    {"GET", "/owa/auth/logon.aspx?replaceCurrent=1&url=https://mail.example.com/owa/"},
    {"POST", "/owa/service.svc?action=FindItem&app=Mail"},
    {"GET", "/ecp/default.aspx?exsvurl=1"},
    {"POST", "/EWS/Exchange.asmx"},
    {"POST", "/autodiscover/autodiscover.xml"},
    {"GET", "/autodiscover/autodiscover.json?Email=anna@example.com&Protocol=EWS"},
    {"POST", "/mapi/emsmdb/?MailboxId=4f1c2d3e-0000-4a5b-8c6d-7e8f90a1b2c3@example.com"},
    {"POST", "/Microsoft-Server-ActiveSync?Cmd=Sync&User=anna&DeviceId=A1B2&DeviceType=iPhone"},
    {"GET", "/OAB/2f1d3c4b-0000-4c5d-9e6f-7a8b9c0d1e2f/oab.xml"},
    {"GET", "/owa/healthcheck.htm"},
};

/* ---- judging a request */

static struct slice find_value(const struct proof_header *headers, size_t n, const char *name,
                               bool *ret_found)
{
    *ret_found = false;
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(headers[i].name, name) == 0) {
            *ret_found = true;
            return buf_slice(&headers[i].value);
        }
    return slice_make("", 0);
}

static struct slice find_subject(const struct proof_request *request, const struct plan_test *test,
                                 bool *ret_found)
{
    struct slice target = buf_slice(&request->target);
    size_t mark = slice_find(target, '?');
    *ret_found = true;
    if (strcmp(test->field, "target") == 0)
        return target;
    if (strcmp(test->field, "path") == 0)
        return slice_head(target, mark);
    if (strcmp(test->field, "method") == 0)
        return slice_str(request->method);
    if (strcmp(test->field, "query") == 0) {
        *ret_found = mark != SIZE_MAX;
        return *ret_found ? slice_from(target, mark + 1) : slice_make("", 0);
    }
    if (strcmp(test->field, "response_header") == 0)
        return find_value(request->response, request->n_response, test->name, ret_found);
    return find_value(request->headers, request->n_headers,
                      test->name != NULL ? test->name : "Host", ret_found);
}

static bool test_holds(const struct plan_test *test, const struct proof_request *request)
{
    bool is_found;
    struct slice subject = find_subject(request, test, &is_found);
    bool holds = false;
    if (is_found && strcmp(test->op, "equals") == 0)
        holds = test->is_sensitive ? slice_equal(subject, slice_str(test->text))
                                   : slice_equal_nocase(subject, slice_str(test->text));
    else if (is_found)
        holds = ecma_matches(test->text, test->is_sensitive, subject);
    return holds != test->is_negated;
}

static bool group_holds(const struct plan_group *group, const struct proof_request *request)
{
    for (size_t i = 0; i < group->n; i++)
        if (test_holds(&group->items[i], request) == group->is_any)
            return group->is_any;
    return !group->is_any || group->n == 0;
}

static bool plan_holds(const struct plan *plan, const struct proof_request *request)
{
    for (size_t i = 0; i < PLAN_GROUPS; i++)
        if (!group_holds(&plan->request[i], request) || !group_holds(&plan->response[i], request))
            return false;
    return true;
}

/* ---- building one */

/* Parts of a request in the making. */
struct draft {
    struct arena *arena;
    struct proof_request *request;
    unsigned variant;
    struct buf path, query, target;
};

static bool append_header(struct proof_header *headers, size_t *n, const char *name,
                          struct slice value)
{
    size_t i = 0;
    while (i < *n && strcasecmp(headers[i].name, name) != 0)
        i++;
    if (i == PROOF_MAX_HEADERS)
        return false;
    if (i == *n) {
        headers[(*n)++].name = name;
        buf_init(&headers[i].value, PROOF_MAX_BYTES);
    } else if (!buf_append(&headers[i].value, SLICE("; "))) {
        return false;
    }
    return buf_append(&headers[i].value, value);
}

static bool place_text(struct draft *draft, const struct plan_test *test, struct slice text)
{
    struct proof_request *request = draft->request;
    if (strcmp(test->field, "target") == 0)
        return buf_append(&draft->target, text);
    if (strcmp(test->field, "path") == 0)
        return buf_append(&draft->path, text);
    if (strcmp(test->field, "query") == 0)
        return buf_append(&draft->query, text);
    if (strcmp(test->field, "method") == 0) {
        (void)snprintf(request->method, sizeof(request->method), SLICE_FMT, SLICE_ARG(text));
        return text.len < sizeof(request->method);
    }
    if (strcmp(test->field, "response_header") == 0)
        return append_header(request->response, &request->n_response, test->name, text);
    return append_header(request->headers, &request->n_headers,
                         test->name != NULL ? test->name : "Host", text);
}

static bool draft_test(struct draft *draft, const struct plan_test *test)
{
    if (test->is_negated)
        return true;
    const char *text = strcmp(test->op, "equals") == 0
                           ? test->text
                           : ecma_example(draft->arena, test->text, draft->variant);
    return *text != '\0' && place_text(draft, test, slice_str(text));
}

static bool draft_group(struct draft *draft, const struct plan_group *group)
{
    if (group->is_any && group->n != 0)
        return draft_test(draft, &group->items[draft->variant % group->n]);
    for (size_t i = 0; i < group->n; i++)
        if (!draft_test(draft, &group->items[i]))
            return false;
    return true;
}

/* "/path?query", from what the tests of path, query and the whole target ask for. */
static bool join_target(struct draft *draft)
{
    struct buf *out = &draft->request->target;
    struct slice path = buf_slice(&draft->path);
    struct slice target = buf_slice(&draft->target);
    if (path.len == 0 || path.ptr[0] != '/') {
        bool has_slash = path.len == 0 && target.len != 0 && target.ptr[0] == '/';
        if (!has_slash && !buf_append(out, SLICE("/")))
            return false;
    }
    if (path.len != 0 && target.len != 0 && draft->query.len == 0 &&
        !(buf_append(out, path) && buf_append(out, SLICE("?")) && buf_append(out, target)))
        return false;
    if (path.len != 0 && target.len != 0 && draft->query.len == 0)
        return true;
    if (!buf_append(out, path) || !buf_append(out, target))
        return false;
    return draft->query.len == 0 ||
           (buf_append(out, SLICE("?")) && buf_append(out, buf_slice(&draft->query)));
}

static void request_init(struct proof_request *request, const char *method)
{
    *request = (struct proof_request){0};
    (void)snprintf(request->method, sizeof(request->method), "%s", method);
    buf_init(&request->target, PROOF_MAX_BYTES);
}

static void request_done(struct proof_request *request)
{
    buf_done(&request->target);
    for (size_t i = 0; i < request->n_headers; i++)
        buf_done(&request->headers[i].value);
    for (size_t i = 0; i < request->n_response; i++)
        buf_done(&request->response[i].value);
    request->n_headers = request->n_response = 0;
}

static bool draft_request(struct arena *arena, const struct plan *plan, unsigned variant,
                          struct proof_request *request)
{
    struct draft draft = {.arena = arena, .request = request, .variant = variant};
    buf_init(&draft.path, PROOF_MAX_BYTES);
    buf_init(&draft.query, PROOF_MAX_BYTES);
    buf_init(&draft.target, PROOF_MAX_BYTES);
    request_init(request, "GET");
    bool done = true;
    for (size_t i = 0; i < PLAN_GROUPS && done; i++)
        done = draft_group(&draft, &plan->request[i]) && draft_group(&draft, &plan->response[i]);
    done = done && join_target(&draft) && plan_holds(plan, request);
    buf_done(&draft.path);
    buf_done(&draft.query);
    buf_done(&draft.target);
    if (!done)
        request_done(request);
    return done;
}

static bool is_new(const struct proof *proof, const struct proof_request *request)
{
    for (size_t i = 0; i < proof->n_must_block; i++)
        if (slice_equal(buf_slice(&proof->must_block[i].target), buf_slice(&request->target)) &&
            request->n_headers == 0)
            return false;
    return proof->n_must_block == 0 || request->n_headers == 0;
}

static const char *add_ordinary(const struct plan *plan, struct proof *proof)
{
    for (size_t i = 0; i < sizeof(ordinary) / sizeof(ordinary[0]); i++) {
        struct proof_request *request = &proof->must_pass[proof->n_must_pass];
        request_init(request, ordinary[i].method);
        bool is_written = buf_append(&request->target, slice_str(ordinary[i].target));
        if (is_written && !plan_holds(plan, request)) {
            proof->n_must_pass++;
            continue;
        }
        request_done(request);
        if (plan->header == NULL)
            return "it would refuse requests that every Exchange client sends";
    }
    return proof->n_must_pass != 0 ? NULL : "it would change every response";
}

const char *proof_make(struct arena *arena, const struct plan *plan, struct proof *ret_proof)
{
    *ret_proof = (struct proof){0};
    for (unsigned variant = 0; variant < PROOF_VARIANTS; variant++) {
        struct proof_request *request = &ret_proof->must_block[ret_proof->n_must_block];
        if (!draft_request(arena, plan, variant, request))
            continue;
        if (is_new(ret_proof, request))
            ret_proof->n_must_block++;
        else
            request_done(request);
    }
    if (ret_proof->n_must_block == 0)
        return "no request could be built that its pattern matches";
    return add_ordinary(plan, ret_proof);
}

void proof_done(struct proof *proof)
{
    for (size_t i = 0; i < proof->n_must_block; i++)
        request_done(&proof->must_block[i]);
    for (size_t i = 0; i < proof->n_must_pass; i++)
        request_done(&proof->must_pass[i]);
}
