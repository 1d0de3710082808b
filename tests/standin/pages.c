/* The table of pages and the choice among them. */
#include "pages.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

/* The sentence that the demo looks for behind a request that should not have come through. */
#define REACHED "STAND-IN: this request reached the server"
#define HTML_NOTE "<!-- " REACHED "; exchange-standin, not Microsoft Exchange -->"
#define COMMON                                                                                     \
    "Server: exchange-standin (not Microsoft Exchange)\r\n"                                        \
    "X-Stand-In: a test program that answers in the shape of Exchange\r\n"
#define HTML "Content-Type: text/html; charset=utf-8\r\nCache-Control: no-cache, no-store\r\n"
#define XML "Content-Type: text/xml; charset=utf-8\r\nCache-Control: private\r\n"
#define JSON "Content-Type: application/json; charset=utf-8\r\n"
#define TEXT "Content-Type: text/plain; charset=utf-8\r\n"
#define CSP "Content-Security-Policy: script-src 'self' 'nonce-standin'; object-src 'none'\r\n"
#define LOGIN                                                                                      \
    "WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n"                                    \
    "WWW-Authenticate: Basic realm=\"mail.example.test\"\r\n"

enum {
    MAX_PAGES = 64, /* rows of the table */
    BENCH_MAX_BYTES = 10 * 1024 * 1024,
};

enum page_flag {
    PAGE_PREFIX = 1 << 0,   /* path is a prefix, not the whole path */
    PAGE_NO_LOGIN = 1 << 1, /* only for requests without Authorization */
    PAGE_CHUNKED = 1 << 2,
    PAGE_1K = 1 << 3, /* the body is so much of bench_body */
    PAGE_64K = 1 << 4,
    PAGE_10M = 1 << 5,
};

struct page_source {
    const char *method; /* NULL: any */
    const char *path;   /* lower case */
    const char *status;
    const char *fields;
    const char *body;
    unsigned flags; /* enum page_flag */
};

static char bench_body[BENCH_MAX_BYTES]; /* never written, so it takes no memory: the zero page */

#define HEALTH(vdir)                                                                               \
    {                                                                                              \
        NULL, "/" vdir "/healthcheck.htm", "200 OK", HTML,                                         \
            "200 OK<br/>STANDIN01.EXAMPLE.TEST" HTML_NOTE, 0                                       \
    }

#define BENCH(end, size)                                                                           \
    {                                                                                              \
        NULL, "/owa/bench" end, "200 OK",                                                          \
            "Content-Type: application/octet-stream\r\nCache-Control: private\r\n"                 \
            "X-FEServer: STANDIN01\r\nrequest-id: 00000000-0000-4000-8000-000000000000\r\n"        \
            "Set-Cookie: ClientId=STANDIN; path=/; secure; HttpOnly\r\n",                          \
            bench_body, size                                                                       \
    }

/* First match wins; the last row matches everything. */
static const struct page_source sources[] = {
    BENCH("", PAGE_1K),
    BENCH("/64k", PAGE_64K),
    BENCH("/10m", PAGE_10M),
    HEALTH("owa"),
    HEALTH("ecp"),
    HEALTH("ews"),
    HEALTH("mapi"),
    HEALTH("oab"),
    HEALTH("rpc"),
    HEALTH("autodiscover"),
    HEALTH("microsoft-server-activesync"),
    HEALTH("powershell"),
    {NULL, "/owa/auth/logon.aspx", "200 OK", HTML CSP,
     "<!DOCTYPE html>\n<html><head><title>Outlook (stand-in)</title></head><body>\n" HTML_NOTE
     "\n<h1>Stand-in for the OWA logon page</h1>\n"
     "<form action=\"/owa/auth.owa\" method=\"POST\"><input name=\"username\">"
     "<input name=\"password\" type=\"password\"><input type=\"submit\"></form></body></html>\n",
     0},
    {NULL, "/owa/auth/", "200 OK",
     "Content-Type: application/x-javascript\r\nCache-Control: public, max-age=2592000\r\n",
     "/* " REACHED "; exchange-standin, not Microsoft Exchange */\n", PAGE_PREFIX},
    {"POST", "/owa/auth.owa", "302 Found",
     HTML "Location: /owa/\r\nSet-Cookie: cadata=STANDIN; path=/; secure; HttpOnly\r\n", HTML_NOTE,
     0},
    {NULL, "/owa", "301 Moved Permanently", HTML CSP "Location: /owa/\r\n", HTML_NOTE, 0},
    {NULL, "/owa/", "200 OK", HTML CSP,
     "<!DOCTYPE html>\n<html><head><title>Mail (stand-in)</title></head><body>\n" HTML_NOTE
     "\n<h1>Stand-in for the OWA page</h1></body></html>\n",
     PAGE_CHUNKED},
    {NULL, "/ecp/", "302 Found",
     HTML "Location: /owa/auth/logon.aspx?replaceCurrent=1&url=https%3a%2f%2fmail.example.test"
          "%2fecp%2f\r\n",
     HTML_NOTE, 0},
    {"POST", "/ews/exchange.asmx", "200 OK", XML,
     "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- " REACHED " -->\n"
     "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>"
     "<m:GetFolderResponse "
     "xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" "
     "xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"><m:ResponseMessages>"
     "<m:GetFolderResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError"
     "</m:ResponseCode><m:Folders><t:Folder><t:FolderId Id=\"U1RBTkRJTg==\"/>"
     "<t:DisplayName>Inbox (stand-in)</t:DisplayName><t:TotalCount>3</t:TotalCount></t:Folder>"
     "</m:Folders></m:GetFolderResponseMessage></m:ResponseMessages></m:GetFolderResponse>"
     "</s:Body></s:Envelope>\n",
     PAGE_CHUNKED},
    {NULL, "/ews/exchange.asmx", "401 Unauthorized", TEXT LOGIN, REACHED "\n", PAGE_NO_LOGIN},
    {NULL, "/autodiscover/autodiscover.xml", "200 OK", XML,
     "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- " REACHED " -->\n"
     "<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/"
     "responseschema/2006\"><Response xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/"
     "outlook/responseschema/2006a\"><User><DisplayName>Stand In</DisplayName></User><Account>"
     "<AccountType>email</AccountType><Action>settings</Action><Protocol><Type>EXPR</Type>"
     "<Server>mail.example.test</Server><SSL>On</SSL></Protocol></Account></Response>"
     "</Autodiscover>\n",
     0},
    {NULL, "/autodiscover/autodiscover.json", "200 OK", JSON,
     "{\"Protocol\":\"EWS\",\"Url\":\"https://mail.example.test/ews/exchange.asmx\","
     "\"Note\":\"" REACHED "\"}\n",
     PAGE_PREFIX},
    {"OPTIONS", "/microsoft-server-activesync", "200 OK",
     TEXT
     "Allow: OPTIONS,POST\r\nPublic: OPTIONS,POST\r\n"
     "MS-Server-ActiveSync: 15.2\r\nMS-ASProtocolVersions: 2.5,12.0,12.1,14.0,14.1,16.0,16.1\r\n"
     "MS-ASProtocolCommands: Sync,SendMail,FolderSync,GetItemEstimate,Ping,Provision\r\n",
     "", 0},
    {NULL, "/microsoft-server-activesync", "200 OK", TEXT, REACHED "\n", 0},
    {"POST", "/mapi/emsmdb", "200 OK",
     "Content-Type: application/mapi-http\r\nX-ResponseCode: 0\r\nX-PendingPeriod: 15000\r\n",
     "PROCESSING\r\nDONE\r\nX-ResponseCode: 0\r\nX-Note: " REACHED "\r\n\r\n",
     PAGE_PREFIX | PAGE_CHUNKED},
    {NULL, "/mapi/", "401 Unauthorized", TEXT LOGIN, REACHED "\n", PAGE_PREFIX | PAGE_NO_LOGIN},
    {NULL, "/oab/", "200 OK", XML,
     "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- " REACHED " -->\n<OAB/>\n", PAGE_PREFIX},
    {NULL, "/rpc/rpcproxy.dll", "200 OK", "Content-Type: application/rpc\r\n", REACHED "\n", 0},
    {NULL, "/", "302 Found", HTML "Location: /owa/\r\n", HTML_NOTE, 0},
    {NULL, "/", "200 OK", TEXT, REACHED "\n", PAGE_PREFIX},
    {NULL, "", "200 OK", TEXT, REACHED "\n", PAGE_PREFIX},
};

enum { N_PAGES = sizeof(sources) / sizeof(sources[0]) };
_Static_assert((int)N_PAGES <= (int)MAX_PAGES, "raise MAX_PAGES");

static struct page pages[N_PAGES];

__attribute__((format(printf, 1, 2))) static struct slice render(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        abort();
    return slice_make(text, (size_t)len);
}

static size_t body_length(const struct page_source *source)
{
    size_t max = (source->flags & PAGE_10M) != 0   ? BENCH_MAX_BYTES
                 : (source->flags & PAGE_64K) != 0 ? 64 * 1024
                                                   : 1024;
    return source->body == bench_body ? max : strlen(source->body);
}

static void page_render(const struct page_source *source, struct page *ret_page)
{
    size_t len = body_length(source);
    bool is_chunked = (source->flags & PAGE_CHUNKED) != 0;
    ret_page->head = render("HTTP/1.1 %s\r\n" COMMON "%s", source->status, source->fields);
    ret_page->plain_length = render("Content-Length: %zu\r\n", len);
    ret_page->plain_body = slice_make(source->body, len);
    ret_page->framing =
        is_chunked ? SLICE("Transfer-Encoding: chunked\r\n") : ret_page->plain_length;
    /* Two chunks, so that whoever relays them meets a border inside the text. */
    size_t half = len / 2;
    ret_page->body = is_chunked ? render("%zx\r\n%.*s\r\n%zx\r\n%s\r\n0\r\n\r\n", half, (int)half,
                                         source->body, len - half, source->body + half)
                                : ret_page->plain_body;
}

void pages_init(void)
{
    for (size_t i = 0; i < N_PAGES; i++)
        page_render(&sources[i], &pages[i]);
}

static void slice_free(struct slice s)
{
    union {
        const char *borrowed;
        char *owned;
    } text = {.borrowed = s.ptr}; /* render made it; the slice only lends it as const */
    free(text.owned);
}

void pages_done(void)
{
    for (size_t i = 0; i < N_PAGES; i++) {
        slice_free(pages[i].head);
        slice_free(pages[i].plain_length);
        if ((sources[i].flags & PAGE_CHUNKED) != 0)
            slice_free(pages[i].body);
    }
}

/* The path of a target in origin-form or absolute-form. */
static struct slice target_path(struct slice target)
{
    if (target.len != 0 && target.ptr[0] != '/') {
        size_t colon = slice_find(target, ':');
        struct slice rest = slice_from(target, colon == SIZE_MAX ? target.len : colon + 3);
        size_t slash = slice_find(rest, '/');
        target = slash == SIZE_MAX ? SLICE("/") : slice_from(rest, slash);
    }
    size_t query = slice_find(target, '?');
    return slice_head(target, query);
}

static bool source_matches(const struct page_source *source, const struct page_request *request,
                           struct slice path)
{
    if (source->method != NULL && !slice_equal(request->method, slice_str(source->method)))
        return false;
    if ((source->flags & PAGE_NO_LOGIN) != 0 && request->has_authorization)
        return false;
    struct slice want = slice_str(source->path);
    return (source->flags & PAGE_PREFIX) != 0 ? slice_starts_with_nocase(path, want)
                                              : slice_equal_nocase(path, want);
}

const struct page *pages_find(const struct page_request *request)
{
    struct slice path = target_path(request->target);
    for (size_t i = 0; i < N_PAGES; i++)
        if (source_matches(&sources[i], request, path))
            return &pages[i];
    return &pages[N_PAGES - 1];
}
