/* Rule sets and requests for the tests of the engine. */
#pragma once

#include "engine/engine.h"
#include "language/rule.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX_TEST_HEADERS = 16, TEST_ARENA_BYTES = 64 * 1024 };

/* A rule of a test: only what the test is about. */
struct test_rule {
    const char *id;
    const char *when;     /* YAML flow style */
    const char *action;   /* "{type: block}" when NULL */
    const char *mode;     /* "block" when NULL */
    const char *response; /* when_response; NULL without */
};

/* A request of a test. */
struct test_request {
    const char *method;                    /* "GET" when NULL */
    const char *target;                    /* "/" when NULL */
    const char *headers[MAX_TEST_HEADERS]; /* "Name: value" */
    const char *body;
    size_t body_len;    /* where the body holds zeros; 0: it ends at the first */
    const char *client; /* "192.0.2.1" when NULL */
};

struct test_set {
    struct ruleset *set;
    struct lease *lease;
};

static inline bool test_rule_parse(const struct test_rule *rule, struct rule_list *list,
                                   struct err *err)
{
    enum { MAX_TEXT = 16 * 1024 };
    static char text[MAX_TEXT];
    (void)snprintf(text, sizeof(text),
                   "id: %s\ntitle: a title\ncve: [CVE-2021-26855]\nseverity: high\n"
                   "side_effects: none known\nmode: %s\naction: %s\nwhen: %s\n%s%s\n"
                   "samples:\n  must_block: [{target: /}]\n  must_pass: [{target: /}]\n",
                   rule->id, rule->mode != NULL ? rule->mode : "block",
                   rule->action != NULL ? rule->action : "{type: block}", rule->when,
                   rule->response != NULL ? "when_response: " : "",
                   rule->response != NULL ? rule->response : "");
    return rules_parse(slice_str(text), "test", "test.yaml", list, err);
}

/* A set of n rules; set is NULL with err where they do not compile. */
static inline struct test_set test_set_try(const struct test_rule *rules, size_t n, struct err *err)
{
    struct rule_list list = {0};
    struct test_set set = {0};
    bool is_parsed = true;
    for (size_t i = 0; i < n && is_parsed; i++)
        is_parsed = test_rule_parse(&rules[i], &list, err);
    if (is_parsed)
        set.set = ruleset_compile(&list, err);
    rule_list_done(&list);
    if (set.set != NULL)
        set.lease = lease_new(set.set, err);
    return set;
}

static inline struct test_set test_set_new(const struct test_rule *rules, size_t n)
{
    struct err err = {0};
    struct test_set set = test_set_try(rules, n, &err);
    if (set.lease == NULL)
        fail_msg("%s: %s: %s", rules[0].id, err.code, err.text);
    return set;
}

static inline void test_set_done(struct test_set *set)
{
    lease_free(set->lease);
    ruleset_unref(set->set);
}

struct test_head {
    struct request_head head;
    struct header_field fields[MAX_TEST_HEADERS + 1];
};

static inline struct header_field test_field(const char *line)
{
    struct slice text = slice_str(line);
    size_t colon = slice_find(text, ':');
    assert_true(colon != SIZE_MAX);
    return (struct header_field){.name = slice_head(text, colon),
                                 .value = slice_trim(slice_from(text, colon + 1))};
}

static inline void test_head_init(struct test_head *test, const struct test_request *request)
{
    memset(test, 0, sizeof(*test));
    struct request_head *head = &test->head;
    head->method = slice_str(request->method != NULL ? request->method : "GET");
    head->target = slice_str(request->target != NULL ? request->target : "/");
    head->host = SLICE("mail.example.com");
    test->fields[0] = (struct header_field){.name = SLICE("Host"), .value = head->host};
    head->n_fields = 1;
    for (size_t i = 0; i < MAX_TEST_HEADERS && request->headers[i] != NULL; i++)
        test->fields[head->n_fields++] = test_field(request->headers[i]);
    head->fields = test->fields;
    head->has_body = request->body != NULL;
    head->client.bytes[10] = head->client.bytes[11] = 0xff;
    const char *client = request->client != NULL ? request->client : "192.0.2.1";
    if (inet_pton(AF_INET, client, head->client.bytes + 12) != 1)
        assert_int_equal(inet_pton(AF_INET6, client, head->client.bytes), 1);
}

/* Whether rule 0 matches, found with the scan and again without it. */
static inline bool test_matches(struct test_set *set, const struct test_request *request,
                                const char *name)
{
    struct test_head head;
    struct response_head response = {.status = 200};
    bool matched[64];
    bool expected[64];
    assert_true(ruleset_n_rules(set->set) <= 64);
    test_head_init(&head, request);
    struct trial trial = {.head = &head.head,
                          .body = request->body_len != 0
                                      ? slice_make(request->body, request->body_len)
                                      : slice_str(request->body),
                          .response = &response};
    if (!ruleset_try(set->lease, &trial, matched))
        fail_msg("%s: could not be judged", name);
    trial.is_exhaustive = true;
    if (!ruleset_try(set->lease, &trial, expected))
        fail_msg("%s: could not be judged without scan", name);
    for (size_t i = 0; i < ruleset_n_rules(set->set); i++)
        if (matched[i] != expected[i])
            fail_msg("%s: rule %zu is %d with the scan, %d without", name, i, matched[i],
                     expected[i]);
    return matched[0];
}
