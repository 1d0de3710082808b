/* The logon page, and where it says nothing exact a file that comes with each update. */
#include "feed/build_ask.h"

#include "feed/fetch.h"

#include <stdio.h>

#include "stopgap/banned.h"

enum { MAX_PAGE_BYTES = 256 * 1024 }; /* a logon page has 60 KiB */

static const char logon[] = "/owa/auth/logon.aspx";
static const char manifest[] =
    "/ecp/Current/exporttool/microsoft.exchange.ediscovery.exporttool.application";

static bool get(const struct build_question *question, const char *path, struct buf *body,
                struct fetch_response *response)
{
    char url[1200];
    (void)snprintf(url, sizeof(url), "%s%s", question->url, path);
    const struct fetch_request request = {.url = url,
                                          .ca_path = question->ca_path,
                                          .proxy = "", /* the server itself */
                                          .connect_to = question->connect_to,
                                          .skips_verify = question->skips_verify,
                                          .takes_any_status = true,
                                          .speaks_proxy = question->speaks_proxy,
                                          .total_ms = question->timeout_ms,
                                          .cancel = question->cancel};
    return fetch_get(&request, body, response, NULL);
}

/* What the page and the manifest say together. Where they contradict each other, it can be all. */
static void join(const struct build *update, const struct build *tool, struct build_answer *answer)
{
    bool has_update = build_is_known(update);
    if (!build_is_known(tool)) {
        answer->source = has_update ? BUILD_BY_PAGE : BUILD_NOT_TOLD;
        answer->span = build_span_from(update);
        return;
    }
    answer->source = BUILD_BY_MANIFEST;
    answer->span = build_span_from(tool);
    struct build_span page = build_span_from(update);
    if (!has_update || build_spans_meet(&answer->span, &page))
        return;
    answer->source = BUILD_BY_PAGE;
    if (build_compare(&page.from, &answer->span.from) < 0)
        answer->span.from = page.from;
    else
        answer->span.before = page.before;
}

void build_ask(const struct build_question *question, struct build_answer *ret_answer)
{
    struct fetch_response response;
    struct build update = {{0}};
    struct build tool = {{0}};
    struct build exact;
    struct buf body;
    buf_init(&body, MAX_PAGE_BYTES);
    *ret_answer = (struct build_answer){.source = BUILD_NOT_TOLD};
    bool is_reached = get(question, logon, &body, &response);
    if (is_reached && build_parse(slice_str(response.exchange_build), &exact)) {
        ret_answer->source = BUILD_BY_FIELD;
        ret_answer->span = build_span_exact(&exact);
        is_reached = false; /* that is all */
    }
    if (is_reached) {
        if (response.status != 200 || !build_find_update(buf_slice(&body), &update))
            update = (struct build){{0}};
        if (!get(question, manifest, &body, &response) || response.status != 200 ||
            !build_from_manifest(buf_slice(&body), &tool))
            tool = (struct build){{0}};
        join(&update, &tool, ret_answer);
    }
    buf_done(&body);
}

const char *build_source_word(enum build_source source)
{
    static const char *const words[] = {
        [BUILD_NOT_TOLD] = "nothing",
        [BUILD_BY_FIELD] = "X-OWA-Version",
        [BUILD_BY_MANIFEST] = "the manifest of the export tool",
        [BUILD_BY_PAGE] = "the logon page",
    };
    return words[source];
}
