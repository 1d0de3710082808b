/* What the rules cost, without a network: ns per request for the views alone and for the whole
 * check of a head, with the shipped set and with synthetic rules beside it.
 *
 *   bench_rules [REQUESTS]             REQUESTS: raw request heads, each ended by its empty line
 *   bench_rules --write-rules DIR N    write the first N synthetic rules as files
 *
 * Exit status: 0 measured, 1 a set did not compile or a check failed, 2 wrong options. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/engine.h"
#include "sets/builtin.h"
#include "stopgap/buf.h"
#include "synthetic.h"
#include "view/view.h"

#include "stopgap/banned.h"

enum {
    MAX_REQUESTS = 4096,
    MAX_FIELDS = 100,
    MAX_FILE_BYTES = 64 * 1024 * 1024,
    ARENA_FIRST_BYTES = 16 * 1024, /* as the proxy gives a transaction */
    N_REPEATS = 7,                 /* the quickest one counts: the others were disturbed */
    REPEAT_NS = 60 * 1000 * 1000,
};

struct sample_request {
    struct request_head head;
    struct header_field fields[MAX_FIELDS];
};

struct requests {
    struct sample_request *items;
    size_t n;
};

static const char usual_requests[] =
    "GET /owa/bench?action=GetItem&EP=1&ID=-1f30a7c2&AC=1&token=5c6985f00d98608f HTTP/1.1\r\n"
    "Host: mail.example.com\r\n"
    "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\n"
    "Referer: https://mail.example.com/owa/\r\n"
    "Cookie: ClientId=0CA19F8EDB14A195; OIDC=1; PrivateComputer=true; PBack=0; "
    "cadata=0ca19f8edb14a1955c6985f00d98608f0ca19f8edb14a1955c6985f00d98608f==; "
    "cadataTTL=db14a195%2b5c6985f0==; UC=5c6985f00d98608f; "
    "X-BackEndCookie=user@example.com=u56Lnp2ejJqBzJvJmc+eys3SxpzOndLLmsib0seey8/Sys6dmsjIzc+cxpvJ"
    "gYHNz83J0s7O0s3Pq8/GxczPxc/PgZqHnpKPk5rRnJCSgc8=\r\n\r\n"
    "POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: mail.example.com\r\n"
    "User-Agent: Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17628; Pro)\r\n"
    "Authorization: Bearer 0ca19f8edb14a1955c6985f00d98608f\r\n"
    "Content-Type: text/xml; charset=utf-8\r\nAccept: text/xml\r\nX-AnchorMailbox: "
    "user@example.com\r\nContent-Length: 812\r\n\r\n"
    "GET /autodiscover/autodiscover.json/v1.0/user%40example.com?Protocol=EWS&RedirectCount=1 "
    "HTTP/1.1\r\nHost: autodiscover.example.com\r\n"
    "User-Agent: Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17628; Pro)\r\n"
    "Accept: application/json\r\n\r\n"
    "POST /Microsoft-Server-ActiveSync?Cmd=Sync&User=example%5Cuser&DeviceId=ABCDEF0123456789"
    "&DeviceType=iPhone HTTP/1.1\r\nHost: mail.example.com\r\n"
    "User-Agent: Apple-iPhone14C2/2107.93\r\nAuthorization: Basic dXNlcjpub3RoaW5n\r\n"
    "Content-Type: application/vnd.ms-sync.wbxml\r\nMS-ASProtocolVersion: 16.1\r\n"
    "X-MS-PolicyKey: 1307199584\r\nContent-Length: 33\r\n\r\n"
    "POST /mapi/emsmdb/?MailboxId=3d6f0a52-9c1b-4e7d-8a40-51be7720c9d6@example.com HTTP/1.1\r\n"
    "Host: mail.example.com\r\nUser-Agent: Microsoft Office/16.0 (Windows NT 10.0; MAPI 16.0)\r\n"
    "Content-Type: application/mapi-http\r\nX-RequestType: Execute\r\n"
    "X-ClientInfo: {2F94A2BF-A2E6-4CCC-BF98-B5F22C542226}\r\nX-RequestId: "
    "{C715155F-2BE8-44E0-BD34-2960067874C8}:500\r\nContent-Length: 250\r\n\r\n";

/* ---- requests */

/* Cut a line off the front; false at the end. Lines may end in CRLF or LF. */
static bool next_line(struct slice *text, struct slice *ret_line)
{
    if (text->len == 0)
        return false;
    size_t end = slice_find(*text, '\n');
    *ret_line = slice_head(*text, end);
    *text = slice_from(*text, end == SIZE_MAX ? text->len : end + 1);
    if (ret_line->len != 0 && ret_line->ptr[ret_line->len - 1] == '\r')
        ret_line->len--;
    return true;
}

static void add_field(struct sample_request *request, struct slice line)
{
    size_t colon = slice_find(line, ':');
    if (colon == SIZE_MAX || request->head.n_fields == MAX_FIELDS)
        return;
    struct header_field *field = &request->fields[request->head.n_fields++];
    field->name = slice_head(line, colon);
    field->value = slice_trim(slice_from(line, colon + 1));
    if (slice_equal_nocase(field->name, SLICE("Host")))
        request->head.host = field->value;
    if (slice_equal_nocase(field->name, SLICE("Content-Length")))
        request->head.has_body = !slice_equal(field->value, SLICE("0"));
}

static bool next_request(struct slice *text, struct sample_request *request)
{
    struct slice line;
    if (!next_line(text, &line))
        return false;
    request->head = (struct request_head){.fields = request->fields};
    size_t blank = slice_find(line, ' ');
    struct slice rest = slice_from(line, blank == SIZE_MAX ? line.len : blank + 1);
    request->head.method = slice_head(line, blank);
    request->head.target = slice_head(rest, slice_find(rest, ' '));
    while (next_line(text, &line) && line.len != 0)
        add_field(request, line);
    return true;
}

static struct requests requests_parse(struct slice text)
{
    struct requests requests = {.items = calloc(MAX_REQUESTS, sizeof(*requests.items))};
    while (requests.items != NULL && requests.n < MAX_REQUESTS &&
           next_request(&text, &requests.items[requests.n]))
        requests.n++;
    return requests;
}

/* The whole file, or .ptr NULL. */
static struct buf read_file(const char *path)
{
    struct buf text;
    char part[64 * 1024];
    buf_init(&text, MAX_FILE_BYTES);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return text;
    size_t n;
    while ((n = fread(part, 1, sizeof(part), file)) != 0 && buf_append(&text, slice_make(part, n)))
        continue;
    (void)fclose(file);
    return text;
}

/* ---- rule sets */

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool add_rule(struct rule_list *rules, unsigned number, struct err *err)
{
    struct buf text;
    buf_init(&text, LIMIT_RULE_FILE_BYTES);
    bool is_added = synthetic_rule(&text, number)
                        ? rules_parse(buf_slice(&text), "bench", "synthetic.yaml", rules, err)
                        : err_set(err, ERR_MEMORY, "", "no memory for a rule");
    buf_done(&text);
    return is_added;
}

/* The shipped set and n synthetic rules beside it. */
static struct ruleset *make_set(unsigned n, const char *cache, double *ret_compile_ms,
                                struct err *err)
{
    struct rule_list rules = {0};
    bool ok = true;
    for (size_t i = 0; i < n_builtin_rules && ok; i++)
        ok = rules_parse(builtin_rules[i].text, "builtin", builtin_rules[i].name, &rules, err);
    for (unsigned i = 0; i < n && ok; i++)
        ok = add_rule(&rules, i, err);
    uint64_t before = now_ns();
    struct ruleset *set = ok ? ruleset_compile_cached(&rules, cache, err) : NULL;
    *ret_compile_ms = (double)(now_ns() - before) / 1e6;
    rule_list_done(&rules);
    return set;
}

/* Rule files into an empty folder, for a run of the whole program. */
static bool write_rules(const char *folder, unsigned n)
{
    bool is_written = true;
    for (unsigned i = 0; i < n && is_written; i++) {
        char path[4096];
        struct buf text;
        buf_init(&text, LIMIT_RULE_FILE_BYTES);
        (void)snprintf(path, sizeof(path), "%s/bench-%05u.yaml", folder, i);
        FILE *file = synthetic_rule(&text, i) ? fopen(path, "wxe") : NULL;
        is_written = file != NULL && fwrite(text.ptr, 1, text.len, file) == text.len;
        is_written = file != NULL && fclose(file) == 0 && is_written;
        if (!is_written)
            perror(path);
        buf_done(&text);
    }
    return is_written;
}

/* ---- measuring */

struct work {
    struct lease *lease; /* NULL: only the views */
    const struct requests *requests;
    char *memory;
};

/* One request; false when memory or the matcher failed. */
static bool work_once(const struct work *work, const struct request_head *head)
{
    struct arena arena;
    bool ok;
    arena_init(&arena, work->memory, ARENA_FIRST_BYTES, LIMIT_ARENA_BYTES);
    if (work->lease == NULL) {
        struct request_views views;
        ok = views_build(head, &arena, &views);
    } else {
        struct inspection *inspection;
        ok = !rules_check_head(work->lease, head, RULES_BLOCK, &arena, &inspection).scan_failed;
        rules_end(inspection);
    }
    arena_done(&arena);
    return ok;
}

/* The mean of some turns in ns per request; negative when a check failed. Each turn begins with
 * nothing known of the values, for the same ones come in every turn. */
static double work_measure(const struct work *work)
{
    uint64_t n = 0;
    uint64_t before = now_ns();
    uint64_t spent;
    do {
        if (work->lease != NULL)
            lease_forget(work->lease);
        for (size_t i = 0; i < work->requests->n; i++)
            if (!work_once(work, &work->requests->items[i].head))
                return -1;
        n += work->requests->n;
        spent = now_ns() - before;
    } while (spent < REPEAT_NS);
    return (double)spent / (double)n;
}

/* A line of the table. */
struct row {
    unsigned n_added;
    struct ruleset *set;
    struct lease *lease; /* NULL: only the views */
    double compile_ms;
    double cached_ms; /* the same with the databases of the first time */
    double best_ns;
};

enum { N_ROWS = 6 };

static bool rows_make(struct row rows[static N_ROWS], const char *cache, struct err *err)
{
    static const unsigned counts[N_ROWS] = {0, 0, 10, 100, 1000, 5000};
    for (size_t i = 1; i < N_ROWS; i++) {
        rows[i].n_added = counts[i];
        ruleset_unref(make_set(counts[i], cache, &rows[i].compile_ms, err));
        rows[i].set = make_set(counts[i], cache, &rows[i].cached_ms, err);
        rows[i].lease = rows[i].set != NULL ? lease_new(rows[i].set, err) : NULL;
        if (rows[i].lease == NULL)
            return false;
    }
    return true;
}

static void rows_free(struct row rows[static N_ROWS])
{
    for (size_t i = 0; i < N_ROWS; i++) {
        if (rows[i].lease != NULL)
            lease_free(rows[i].lease);
        ruleset_unref(rows[i].set);
    }
}

/* Turn about, so that what disturbs the machine for a while disturbs all rows. */
static bool rows_measure(struct row rows[static N_ROWS], struct work *work)
{
    for (int repeat = 0; repeat < N_REPEATS; repeat++) {
        for (size_t i = 0; i < N_ROWS; i++) {
            work->lease = rows[i].lease;
            double ns = work_measure(work);
            if (ns < 0)
                return false;
            if (repeat == 0 || ns < rows[i].best_ns)
                rows[i].best_ns = ns;
        }
    }
    return true;
}

static void rows_print(const struct row rows[static N_ROWS], size_t n_requests)
{
    (void)printf("%zu requests; ns per request, the best of %d repeats; the views alone: %.0f\n\n"
                 "| rules added | rules | patterns | unguarded | check ns | database bytes | "
                 "compile ms | from the cache ms |\n"
                 "| --- | --- | --- | --- | --- | --- | --- | --- |\n",
                 n_requests, (int)N_REPEATS, rows[0].best_ns);
    for (size_t i = 1; i < N_ROWS; i++) {
        struct ruleset_stats stats;
        ruleset_stats(rows[i].set, &stats);
        (void)printf("| %u | %zu | %zu | %zu | %.0f | %zu | %.0f | %.0f |\n", rows[i].n_added,
                     stats.n_rules, stats.n_patterns, stats.n_unguarded, rows[i].best_ns,
                     stats.database_bytes, rows[i].compile_ms, rows[i].cached_ms);
    }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st;
    (void)type;
    (void)place;
    return remove(path);
}

static bool print_table(const struct requests *requests)
{
    char cache[] = "/tmp/stopgap-bench-XXXXXX";
    struct err err = {0};
    struct row rows[N_ROWS] = {0};
    struct work work = {.requests = requests, .memory = malloc(ARENA_FIRST_BYTES)};
    bool ok = work.memory != NULL && mkdtemp(cache) != NULL && rows_make(rows, cache, &err) &&
              rows_measure(rows, &work);
    if (ok) {
        rows_print(rows, requests->n);
    } else {
        char text[2048] = "a check failed, or memory is out";
        if (err.kind != ERR_NONE)
            err_format(&err, text, sizeof(text));
        (void)fprintf(stderr, "bench_rules: %s\n", text);
    }
    rows_free(rows);
    free(work.memory);
    (void)nftw(cache, remove_one, 4, FTW_DEPTH | FTW_PHYS);
    return ok;
}

int main(int argc, char **argv)
{
    struct buf file = {0};
    struct slice text = SLICE(usual_requests);
    if (argc == 4 && strcmp(argv[1], "--write-rules") == 0) {
        uint64_t n;
        if (slice_to_u64(slice_str(argv[3]), &n) && n != 0 && n <= LIMIT_RULES)
            return write_rules(argv[2], (unsigned)n) ? 0 : 1;
        argc = 0;
    }
    if (argc != 1 && argc != 2) {
        (void)fputs("usage: bench_rules [REQUESTS]\n       bench_rules --write-rules DIR N\n",
                    stderr);
        return 2;
    }
    if (argc == 2) {
        file = read_file(argv[1]);
        text = buf_slice(&file);
    }
    struct requests requests = requests_parse(text);
    bool ok = requests.n != 0;
    if (!ok)
        (void)fputs("bench_rules: there is no request in the file\n", stderr);
    else
        ok = print_table(&requests);
    free(requests.items);
    buf_done(&file);
    return ok ? 0 : 1;
}
