/* Configuration files of IIS, imported, loaded and asked about a request. */
#pragma once

#include "engine/engine.h"
#include "stopgap/iis.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { IIS_TEST_HEADERS = 6, IIS_TEST_BYTES = 64 * 1024 };

struct iis_request {
    const char *target;
    const char *method;                    /* "GET" when NULL */
    const char *headers[IIS_TEST_HEADERS]; /* "Name: value" */
    const char *client;                    /* "192.0.2.1" when NULL */
};

/* Where a rule stands in the file. */
#define IIS_FILE(rewrite)                                                                          \
    "<?xml version='1.0'?><configuration><system.webServer><rewrite>" rewrite                      \
    "</rewrite></system.webServer></configuration>"
#define IIS_RULES_FILE(rules) IIS_FILE("<rules>" rules "</rules>")
#define IIS_ABORT "<action type='AbortRequest'/>"
/* A rule that aborts what match (attributes) and conditions (elements) fit. */
#define IIS_RULE(match, conditions)                                                                \
    "<rule name='r'><match " match "/>" conditions IIS_ABORT "</rule>"
/* A rule with one condition (attributes). */
#define IIS_IF(condition) IIS_RULE("url='.*'", "<conditions><add " condition "/></conditions>")

static inline struct iis_import *iis_test_read(const char *xml, const char *site, const char *base)
{
    struct iis_options options = {.file = "web.config", .site = site, .base = base};
    struct err err = {0};
    struct iis_import *import = iis_import_read(slice_str(xml), &options, &err);
    if (import == NULL)
        fail_msg("not read: %s: %s\n%s", err.code, err.text, xml);
    return import;
}

/* Parse a rule file; a file whose samples are to be written by hand gets some. */
static inline void iis_test_parse(const struct iis_outcome *outcome, struct rule_list *list)
{
    static char text[IIS_TEST_BYTES];
    struct err err = {0};
    int len = snprintf(text, sizeof(text), SLICE_FMT, SLICE_ARG(outcome->yaml));
    assert_in_range(len, 1, sizeof(text) - 1);
    char *samples = strstr(text, "\nsamples:");
    if (outcome->fate == IIS_UNPROVEN && samples != NULL)
        (void)snprintf(samples, 200,
                       "\nsamples:\n  must_block: [{target: /}]\n  must_pass: [{target: /}]\n");
    if (!rules_parse(slice_str(text), "test", outcome->file, list, &err))
        fail_msg("not parsed: %s\n%s", err.text, text);
}

/* A set of all rule files of an import. */
static inline struct lease *iis_test_load(const struct iis_import *import)
{
    struct rule_list list = {0};
    struct err err = {0};
    for (size_t i = 0; i < iis_import_n_outcomes(import); i++)
        if (iis_import_outcome(import, i)->file != NULL)
            iis_test_parse(iis_import_outcome(import, i), &list);
    struct ruleset *set = ruleset_compile(&list, &err);
    struct lease *lease = set != NULL ? lease_new(set, &err) : NULL;
    if (lease == NULL)
        fail_msg("not compiled: %s", err.text);
    ruleset_unref(set);
    rule_list_done(&list);
    return lease;
}

struct iis_answer {
    struct verdict verdict;
    struct header_edit edits[LIMIT_HEADER_EDITS];
    size_t n_edits;
};

static inline void iis_test_head(const struct iis_request *request, struct header_field *fields,
                                 struct request_head *ret_head)
{
    *ret_head = (struct request_head){
        .method = slice_str(request->method != NULL ? request->method : "GET"),
        .target = slice_str(request->target),
        .host = SLICE("mail.example.com"),
        .fields = fields,
        .client = {.bytes = {[10] = 0xff, [11] = 0xff}},
    };
    const char *client = request->client != NULL ? request->client : "192.0.2.1";
    assert_int_equal(inet_pton(AF_INET, client, ret_head->client.bytes + 12), 1);
    for (size_t i = 0; i < IIS_TEST_HEADERS && request->headers[i] != NULL; i++) {
        const char *colon = strchr(request->headers[i], ':');
        assert_non_null(colon);
        fields[i] = (struct header_field){
            .name = slice_make(request->headers[i], (size_t)(colon - request->headers[i])),
            .value = slice_trim(slice_str(colon + 1))};
        if (slice_equal_nocase(fields[i].name, SLICE("Host")))
            ret_head->host = fields[i].value;
        ret_head->n_fields++;
    }
}

/* What the rules say of a request, and (response not NULL) of the response to it. */
static inline void iis_test_ask(struct lease *lease, const struct iis_request *request,
                                const struct response_head *response, struct iis_answer *ret_answer)
{
    static _Alignas(16) char memory[IIS_TEST_BYTES];
    struct header_field fields[IIS_TEST_HEADERS];
    struct request_head head;
    struct arena arena;
    struct inspection *inspection = NULL;
    memset(ret_answer, 0, sizeof(*ret_answer));
    iis_test_head(request, fields, &head);
    arena_init(&arena, memory, sizeof(memory), LIMIT_ARENA_BYTES);
    ret_answer->verdict = rules_check_head(lease, &head, RULES_BLOCK, &arena, &inspection);
    assert_false(ret_answer->verdict.scan_failed);
    if (response != NULL && inspection != NULL)
        ret_answer->n_edits =
            rules_edit_response(inspection, response, ret_answer->edits, LIMIT_HEADER_EDITS);
    rules_end(inspection);
    arena_done(&arena);
}

/* Import, load, ask: what happens to the request. */
static inline enum verdict_action iis_test_run(const char *xml, const struct iis_request *request)
{
    struct iis_answer answer;
    struct iis_import *import = iis_test_read(xml, NULL, NULL);
    struct lease *lease = iis_test_load(import);
    iis_test_ask(lease, request, NULL, &answer);
    lease_free(lease);
    iis_import_free(import);
    return answer.verdict.action;
}
