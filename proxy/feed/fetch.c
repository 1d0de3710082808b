/* libcurl, with everything off that is not needed. */
#include "feed/fetch.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdlib.h>

#include "stopgap/banned.h"

enum {
    SLOW_BYTES_PER_S = 16, /* a server below that for so long is stuck */
    SLOW_S = 30,
    SHOWN_URL_CHARS = 300,        /* of a redirect's target in a message */
    CANCEL_LOOK_MS = 100,         /* how soon a cancelled transfer ends */
    MAX_ANSWER_BYTES = 64 * 1024, /* to a POST; read so that the connection ends well */
};

struct transfer {
    CURL *curl;
    struct buf *body;
    const atomic_bool *cancel;
    size_t head_bytes;
    bool is_too_large;
    char error[CURL_ERROR_SIZE];
};

bool fetch_init(struct err *err)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ||
           err_set(err, ERR_MEMORY, "E_FETCH_INIT", "libcurl does not start");
}

/* Debian 12's libcurl does not enforce CURLOPT_MAXFILESIZE where no length is announced. */
static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct transfer *transfer = ctx;
    if (buf_append(transfer->body, slice_make(data, size * n)))
        return size * n;
    transfer->is_too_large = true;
    return CURL_WRITEFUNC_ERROR;
}

static size_t on_header(char *data, size_t size, size_t n, void *ctx)
{
    struct transfer *transfer = ctx;
    (void)data;
    transfer->head_bytes += size * n;
    if (transfer->head_bytes <= FETCH_MAX_HEAD_BYTES)
        return size * n;
    transfer->is_too_large = true;
    return 0;
}

static int on_progress(void *ctx, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up_now)
{
    const struct transfer *transfer = ctx;
    (void)total, (void)now, (void)up_total, (void)up_now;
    return transfer->cancel != NULL && atomic_load(transfer->cancel) ? 1 : 0;
}

/* curl_easy_perform looks up once a second only, and the end of the program waits for it. */
static CURLcode perform(CURL *curl)
{
    CURLM *multi = curl_multi_init();
    CURLcode code = CURLE_OUT_OF_MEMORY;
    int n_running = 1, n_left = 0;
    if (multi == NULL || curl_multi_add_handle(multi, curl) != CURLM_OK)
        n_running = 0;
    while (n_running != 0)
        if (curl_multi_perform(multi, &n_running) != CURLM_OK ||
            (n_running != 0 && curl_multi_poll(multi, NULL, 0, CANCEL_LOOK_MS, NULL) != CURLM_OK))
            n_running = 0;
    const CURLMsg *message = multi != NULL ? curl_multi_info_read(multi, &n_left) : NULL;
    if (message != NULL && message->msg == CURLMSG_DONE)
        code = message->data.result;
    if (multi != NULL)
        (void)curl_multi_remove_handle(multi, curl);
    (void)curl_multi_cleanup(multi);
    return code;
}

static void set_options(struct transfer *transfer, const struct fetch_request *request)
{
    CURL *curl = transfer->curl;
    (void)curl_easy_setopt(curl, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "stopgap/" STOPGAP_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L); /* other threads run */
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)FETCH_CONNECT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->total_ms);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES_PER_S);
    (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SLOW_S);
    (void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* does not wait for a dead DNS server */
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->error);
    if (request->ca_path != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_path);
    if (request->proxy != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_PROXY, request->proxy);
    if (request->skips_verify) {
        (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        (void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (request->speaks_proxy)
        (void)curl_easy_setopt(curl, CURLOPT_HAPROXYPROTOCOL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L);
}

/* What libcurl wants as lists; each is NULL when there is nothing to say. */
struct lists {
    struct curl_slist *headers;
    struct curl_slist *connect_to;
};

static bool make_lists(const struct fetch_request *request, struct lists *lists)
{
    char line[1200];
    bool done = true;
    if (request->etag != NULL && request->etag[0] != '\0') {
        (void)snprintf(line, sizeof(line), "If-None-Match: %s", request->etag);
        lists->headers = curl_slist_append(NULL, line);
        done = lists->headers != NULL;
    }
    if (request->connect_to != NULL) {
        (void)snprintf(line, sizeof(line), "::%s", request->connect_to);
        lists->connect_to = curl_slist_append(NULL, line);
        done = done && lists->connect_to != NULL;
    }
    return done;
}

static void lists_done(struct lists *lists)
{
    curl_slist_free_all(lists->headers);
    curl_slist_free_all(lists->connect_to);
}

static const char *find_header(CURL *curl, const char *name)
{
    struct curl_header *header = NULL;
    return curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value
                                                                                   : "";
}

static void copy_header(CURL *curl, const char *name, char *out, size_t size)
{
    const char *value = find_header(curl, name);
    if (strlen(value) < size) /* half a value would be another one */
        memcpy(out, value, strlen(value) + 1);
}

static void read_certificate(CURL *curl, struct fetch_response *response)
{
    struct curl_certinfo *info = NULL;
    if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL ||
        info->num_of_certs < 1)
        return;
    for (const struct curl_slist *line = info->certinfo[0]; line != NULL; line = line->next)
        if (strncmp(line->data, "Expire date:", 12) == 0)
            (void)snprintf(response->certificate_until, sizeof(response->certificate_until), "%s",
                           line->data + 12);
}

static void read_response(CURL *curl, struct fetch_response *response)
{
    curl_off_t total_us = 0;
    const char *address = NULL;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response->status);
    (void)curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &total_us);
    (void)curl_easy_getinfo(curl, CURLINFO_PRIMARY_IP, &address);
    response->is_unchanged = response->status == 304;
    response->total_ms = (unsigned)(total_us / 1000);
    (void)snprintf(response->address, sizeof(response->address), "%s",
                   address != NULL ? address : "");
    copy_header(curl, "ETag", response->etag, sizeof(response->etag));
    copy_header(curl, "X-OWA-Version", response->exchange_build, sizeof(response->exchange_build));
    copy_header(curl, "Date", response->date, sizeof(response->date));
    read_certificate(curl, response);
    const char *after = find_header(curl, "Retry-After");
    if (isdigit((unsigned char)after[0])) { /* the form with a date is rare, and needs a clock */
        unsigned long seconds = strtoul(after, NULL, 10);
        response->retry_after_s =
            (unsigned)(seconds < FETCH_MAX_RETRY_AFTER_S ? seconds : FETCH_MAX_RETRY_AFTER_S);
    }
}

static bool fail_http(CURL *curl, const struct fetch_response *response, struct err *err)
{
    char target[SHOWN_URL_CHARS];
    (void)snprintf(target, sizeof(target), "%s", find_header(curl, "Location"));
    if (response->status / 100 == 3 && target[0] != '\0')
        return err_set(err, ERR_IO, "E_FETCH_HTTP",
                       "the server answered %ld and points to %s; redirects are not followed: if "
                       "that is the feed's new place, write it into the configuration",
                       response->status, target);
    return err_set(err, ERR_IO, "E_FETCH_HTTP", "the server answered with status %ld",
                   response->status);
}

static bool fail_transfer(const struct transfer *transfer, CURLcode code, struct err *err)
{
    const char *why = transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(code);
    if (transfer->is_too_large)
        return err_set(err, ERR_LIMIT, "E_FETCH_SIZE",
                       "the answer has more than %zu bytes, or a head of more than %d",
                       transfer->body->max, FETCH_MAX_HEAD_BYTES);
    switch ((int)code) {
    case CURLE_ABORTED_BY_CALLBACK:
        return err_set(err, ERR_IO, "E_FETCH_CANCELLED", "the program ends");
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(err, ERR_IO, "E_FETCH_TIMEOUT", "%s", why);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return err_set(err, ERR_IO, "E_FETCH_TLS",
                       "%s; behind a firewall that looks into TLS its CA must be known here, and "
                       "an old system needs new ca-certificates",
                       why);
    default:
        return err_set(err, ERR_IO, "E_FETCH_CONNECT", "%s", why);
    }
}

bool fetch_get(const struct fetch_request *request, struct buf *ret_body,
               struct fetch_response *ret_response, struct err *err)
{
    struct transfer transfer = {
        .curl = curl_easy_init(), .body = ret_body, .cancel = request->cancel};
    struct lists lists = {0};
    *ret_response = (struct fetch_response){0};
    ret_body->len = 0;
    if (transfer.curl == NULL || !make_lists(request, &lists)) {
        curl_easy_cleanup(transfer.curl);
        lists_done(&lists);
        return err_set(err, ERR_MEMORY, "E_FETCH_INIT", "no memory for a download");
    }
    set_options(&transfer, request);
    (void)curl_easy_setopt(transfer.curl, CURLOPT_HTTPHEADER, lists.headers);
    (void)curl_easy_setopt(transfer.curl, CURLOPT_CONNECT_TO, lists.connect_to);
    CURLcode code = perform(transfer.curl);
    read_response(transfer.curl, ret_response);
    bool done;
    if (code != CURLE_OK)
        done = fail_transfer(&transfer, code, err);
    else if (ret_response->status == 200 || request->takes_any_status ||
             (ret_response->is_unchanged && lists.headers != NULL))
        done = true;
    else
        done = fail_http(transfer.curl, ret_response, err);
    lists_done(&lists);
    curl_easy_cleanup(transfer.curl);
    return done;
}

static bool make_post_lists(const struct fetch_request *request, const char *type,
                            struct lists *lists)
{
    char line[200];
    const struct fetch_request plain = {.connect_to = request->connect_to};
    (void)snprintf(line, sizeof(line), "Content-Type: %s", type);
    lists->headers = curl_slist_append(NULL, line);
    return lists->headers != NULL && make_lists(&plain, lists);
}

bool fetch_post(const struct fetch_request *request, struct slice body, const char *type,
                struct fetch_response *ret_response, struct err *err)
{
    struct buf answer;
    struct transfer transfer = {
        .curl = curl_easy_init(), .body = &answer, .cancel = request->cancel};
    struct lists lists = {0};
    *ret_response = (struct fetch_response){0};
    buf_init(&answer, MAX_ANSWER_BYTES);
    bool done = transfer.curl != NULL && make_post_lists(request, type, &lists);
    if (!done) {
        (void)err_set(err, ERR_MEMORY, "E_FETCH_INIT", "no memory for a request");
        goto out;
    }
    set_options(&transfer, request);
    (void)curl_easy_setopt(transfer.curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
    (void)curl_easy_setopt(transfer.curl, CURLOPT_POSTFIELDS, body.ptr);
    (void)curl_easy_setopt(transfer.curl, CURLOPT_HTTPHEADER, lists.headers);
    (void)curl_easy_setopt(transfer.curl, CURLOPT_CONNECT_TO, lists.connect_to);
    CURLcode code = perform(transfer.curl);
    read_response(transfer.curl, ret_response);
    if (code != CURLE_OK && !transfer.is_too_large) /* who says more than we read has it all */
        done = fail_transfer(&transfer, code, err);
    else if (ret_response->status / 100 != 2)
        done = err_set(err, ERR_IO, "E_FETCH_HTTP", "the server answered with status %ld%s",
                       ret_response->status,
                       ret_response->status / 100 == 3 ? ": redirects are not followed" : "");
out:
    lists_done(&lists);
    curl_easy_cleanup(transfer.curl);
    buf_done(&answer);
    return done;
}
