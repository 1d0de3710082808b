/* Options of curl, and the request they make. */
#include "cli/curl.h"

#include "cli/explain.h"
#include "log/log.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "stopgap/banned.h"

enum {
    MAX_HEADERS = 256,         /* the proxy takes 100 */
    MAX_USER_BYTES = 8 * 1024, /* of user and password */
};

struct curl {
    struct slice method; /* .ptr NULL: by the other options */
    struct slice url;
    struct slice headers[MAX_HEADERS]; /* as given */
    size_t n_headers;
    struct buf body;
    struct buf cookies;
    struct slice agent, referer, user;
    bool has_body, is_get, is_head, is_compressed, keeps_globs, keeps_path, is_http10;
    struct err *err;
};

/* option is a name, never a value: values are passwords, cookies and URLs with a token. */
static bool fail(const struct curl *curl, const char *what, struct slice option)
{
    char clean[128];
    clean[log_escape_json(slice_head(option, 100), clean, sizeof(clean) - 1)] = '\0';
    return err_set(curl->err, ERR_USAGE, "E_CURL", "%s: %s", clean, what);
}

/* ---- options */

enum option_id {
    OPTION_IGNORED = 0, /* changes nothing of the request */
    OPTION_METHOD,
    OPTION_HEADER,
    OPTION_DATA,
    OPTION_DATA_BINARY,
    OPTION_DATA_RAW,
    OPTION_COOKIE,
    OPTION_AGENT,
    OPTION_REFERER,
    OPTION_USER,
    OPTION_URL,
    OPTION_COMPRESSED,
    OPTION_HEAD,
    OPTION_GET,
    OPTION_GLOBOFF,
    OPTION_PATH_AS_IS,
    OPTION_HTTP10,
};

struct curl_option {
    char letter;
    const char *name;
    enum option_id id;
    bool has_value;
};

static const struct curl_option known[] = {
    {'X', "request", OPTION_METHOD, true},
    {'H', "header", OPTION_HEADER, true},
    {'d', "data", OPTION_DATA, true},
    {0, "data-ascii", OPTION_DATA, true},
    {0, "data-binary", OPTION_DATA_BINARY, true},
    {0, "data-raw", OPTION_DATA_RAW, true},
    {'b', "cookie", OPTION_COOKIE, true},
    {'A', "user-agent", OPTION_AGENT, true},
    {'e', "referer", OPTION_REFERER, true},
    {'u', "user", OPTION_USER, true},
    {0, "url", OPTION_URL, true},
    {0, "compressed", OPTION_COMPRESSED, false},
    {'I', "head", OPTION_HEAD, false},
    {'G', "get", OPTION_GET, false},
    {'g', "globoff", OPTION_GLOBOFF, false},
    {0, "path-as-is", OPTION_PATH_AS_IS, false},
    {'0', "http1.0", OPTION_HTTP10, false},
    {'k', "insecure", OPTION_IGNORED, false},
    {'s', "silent", OPTION_IGNORED, false},
    {'S', "show-error", OPTION_IGNORED, false},
    {'v', "verbose", OPTION_IGNORED, false},
    {'i', "include", OPTION_IGNORED, false},
    {'f', "fail", OPTION_IGNORED, false},
    {'L', "location", OPTION_IGNORED, false},
    {'4', "ipv4", OPTION_IGNORED, false},
    {'6', "ipv6", OPTION_IGNORED, false},
    {0, "http1.1", OPTION_IGNORED, false},
    {0, "http2", OPTION_IGNORED, false},
    {0, "basic", OPTION_IGNORED, false},
    {'o', "output", OPTION_IGNORED, true},
    {'w', "write-out", OPTION_IGNORED, true},
    {'m', "max-time", OPTION_IGNORED, true},
    {0, "connect-timeout", OPTION_IGNORED, true},
    {0, "resolve", OPTION_IGNORED, true},
    {0, "cacert", OPTION_IGNORED, true},
};
enum { N_KNOWN = sizeof(known) / sizeof(known[0]) };

static const struct curl_option *find_option(char letter, struct slice name)
{
    for (size_t i = 0; i < N_KNOWN; i++)
        if (letter != 0 ? known[i].letter == letter : slice_equal(slice_str(known[i].name), name))
            return &known[i];
    return NULL;
}

static bool reads_file(const struct curl *curl, struct slice value, struct slice option)
{
    return value.len != 0 && value.ptr[0] == '@' &&
           !fail(curl, "would read a file; put its text there with --data-raw", option);
}

/* curl joins several pieces with "&"; -d drops line ends only of files. */
static bool add_data(struct curl *curl, struct slice value)
{
    bool is_added =
        (!curl->has_body || buf_append(&curl->body, SLICE("&"))) && buf_append(&curl->body, value);
    curl->has_body = true;
    return is_added || fail(curl, "too long", SLICE("--data"));
}

static bool add_cookie(struct curl *curl, struct slice value)
{
    if (slice_find(value, '=') == SIZE_MAX)
        return fail(curl, "without '=' it names a file of cookies; write them out", SLICE("-b"));
    return ((curl->cookies.len == 0 || buf_append(&curl->cookies, SLICE("; "))) &&
            buf_append(&curl->cookies, value)) ||
           fail(curl, "too long", SLICE("-b"));
}

static bool add_header(struct curl *curl, struct slice value)
{
    if (value.len != 0 && value.ptr[0] == '@')
        return fail(curl, "would read a file; write the fields out", SLICE("-H"));
    if (slice_starts_with_nocase(value, SLICE("Transfer-Encoding:")))
        return fail(curl, "a body in chunks is not made here; save the request as a raw file",
                    SLICE("Transfer-Encoding"));
    if (curl->n_headers == MAX_HEADERS)
        return fail(curl, "too many fields", SLICE("-H"));
    curl->headers[curl->n_headers++] = value;
    return true;
}

static bool set_url(struct curl *curl, struct slice url)
{
    if (curl->url.ptr != NULL)
        return fail(curl, "a second URL, or a word that wants quotes; explain URLs one by one",
                    SLICE("URL"));
    curl->url = url;
    return true;
}

static bool apply(struct curl *curl, enum option_id id, struct slice value, struct slice option)
{
    switch (id) {
    case OPTION_IGNORED:
        return true;
    case OPTION_METHOD:
        curl->method = value;
        return true;
    case OPTION_HEADER:
        return add_header(curl, value);
    case OPTION_DATA:
    case OPTION_DATA_BINARY:
        return !reads_file(curl, value, option) && add_data(curl, value);
    case OPTION_DATA_RAW:
        return add_data(curl, value);
    case OPTION_COOKIE:
        return add_cookie(curl, value);
    case OPTION_AGENT:
        curl->agent = value;
        return true;
    case OPTION_REFERER:
        curl->referer = value;
        return true;
    case OPTION_USER:
        curl->user = value;
        return true;
    case OPTION_URL:
        return set_url(curl, value);
    case OPTION_COMPRESSED:
        curl->is_compressed = true;
        return true;
    case OPTION_HEAD:
        curl->is_head = true;
        return true;
    case OPTION_GET:
        curl->is_get = true;
        return true;
    case OPTION_GLOBOFF:
        curl->keeps_globs = true;
        return true;
    case OPTION_PATH_AS_IS:
        curl->keeps_path = true;
        return true;
    case OPTION_HTTP10:
        curl->is_http10 = true;
        return true;
    }
    return false;
}

static bool unknown(const struct curl *curl, struct slice option)
{
    return fail(curl,
                "this option of curl is not known here; leave it out, or save the request as a "
                "raw file",
                option);
}

/* "-kX POST" and "-XPOST": letters, of which the last may have a value. */
static bool read_letters(struct curl *curl, const struct curl_words *words, size_t *at)
{
    struct slice word = words->items[*at];
    for (size_t i = 1; i < word.len; i++) {
        const struct curl_option *option = find_option(word.ptr[i], slice_make(NULL, 0));
        struct slice value = slice_from(word, i + 1);
        struct slice letters = slice_head(word, i + 1);
        if (option == NULL)
            return unknown(curl, letters);
        if (!option->has_value) {
            if (!apply(curl, option->id, value, letters))
                return false;
            continue;
        }
        if (value.len == 0 && ++*at == words->n)
            return fail(curl, "needs a value", letters);
        return apply(curl, option->id, value.len != 0 ? value : words->items[*at], letters);
    }
    return true;
}

static bool read_options(struct curl *curl, const struct curl_words *words)
{
    if (words->n == 0 || !slice_equal(words->items[0], SLICE("curl")))
        return fail(curl, "a command begins with 'curl'", SLICE("--curl"));
    for (size_t i = 1; i < words->n; i++) {
        struct slice word = words->items[i];
        bool is_long = slice_starts_with(word, SLICE("--"));
        if (!is_long && (word.len < 2 || word.ptr[0] != '-')) {
            if (!set_url(curl, word))
                return false;
            continue;
        }
        if (!is_long) {
            if (!read_letters(curl, words, &i))
                return false;
            continue;
        }
        const struct curl_option *option = find_option(0, slice_from(word, 2));
        if (option == NULL)
            return unknown(curl, slice_head(word, slice_find(word, '=')));
        if (option->has_value && ++i == words->n)
            return fail(curl, "needs a value", word);
        if (!apply(curl, option->id, words->items[i], word))
            return false;
    }
    return curl->url.ptr != NULL || fail(curl, "there is no URL", SLICE("curl"));
}

/* ---- the URL */

struct target {
    struct slice host; /* with the port, where it is not that of the scheme */
    struct buf path;   /* with the query */
};

/* Browsers write "\[" for what curl would take for a list of URLs. */
static bool put_path(const struct curl *curl, struct slice text, struct buf *path)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_last = i + 1 == text.len;
        if (!curl->keeps_globs && c == '\\' && !is_last && strchr("[]{}", text.ptr[i + 1]) != NULL)
            c = text.ptr[++i];
        else if (!curl->keeps_globs && c != '\0' && strchr("[]{}", c) != NULL)
            return fail(curl, "[ ] { } make curl fetch several URLs; add -g", SLICE("URL"));
        if ((unsigned char)c <= ' ' || c == 0x7f)
            return fail(curl, "curl refuses blanks and control bytes in a URL", SLICE("URL"));
        if (!buf_append(path, slice_make(&c, 1)))
            return fail(curl, "too long", SLICE("URL"));
    }
    return true;
}

static bool has_dot_segment(struct slice path)
{
    struct slice segment;
    while (slice_next(&path, '/', &segment))
        if (slice_equal(segment, SLICE(".")) || slice_equal(segment, SLICE("..")))
            return true;
    return false;
}

static bool read_url(struct curl *curl, struct target *ret_target)
{
    struct slice rest = curl->url;
    bool is_https = slice_starts_with_nocase(rest, SLICE("https://"));
    if (!is_https && !slice_starts_with_nocase(rest, SLICE("http://")))
        return fail(curl, "the URL begins with https:// or http://", SLICE("URL"));
    rest = slice_from(rest, is_https ? 8 : 7);
    rest = slice_head(rest, slice_find(rest, '#'));
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    struct slice host = slice_head(rest, end);
    rest = slice_from(rest, end);
    if (slice_find(host, '@') != SIZE_MAX)
        return fail(curl, "a user in the URL; write -u USER:PASSWORD", SLICE("URL"));
    struct slice port = is_https ? SLICE(":443") : SLICE(":80");
    if (slice_ends_with_nocase(host, port))
        host.len -= port.len;
    if (host.len == 0)
        return fail(curl, "the URL has no host", SLICE("URL"));
    if (!curl->keeps_path && has_dot_segment(slice_head(rest, slice_find(rest, '?'))))
        return fail(
            curl,
            "curl takes /./ and /../ out of a path before it sends it; add --path-as-is, or "
            "write the path without them",
            SLICE("URL"));
    ret_target->host = host;
    bool has_slash = rest.len != 0 && rest.ptr[0] == '/';
    return (has_slash || buf_append(&ret_target->path, SLICE("/"))) &&
           put_path(curl, rest, &ret_target->path);
}

/* -G puts the data into the query. */
static bool move_data(struct curl *curl, struct target *target)
{
    if (!curl->is_get || !curl->has_body)
        return true;
    bool has_query = slice_find(buf_slice(&target->path), '?') != SIZE_MAX;
    curl->has_body = false;
    return (buf_append(&target->path, has_query ? SLICE("&") : SLICE("?")) &&
            buf_append(&target->path, buf_slice(&curl->body))) ||
           fail(curl, "too long", SLICE("URL"));
}

/* ---- the request */

/* The field that -H has for this name; "Name:" takes one of curl's own away. */
static bool is_given(const struct curl *curl, const char *name)
{
    for (size_t i = 0; i < curl->n_headers; i++) {
        struct slice text = curl->headers[i];
        size_t end = slice_find(text, ':');
        if (end == SIZE_MAX)
            end = slice_find(text, ';');
        if (slice_equal_nocase(slice_head(text, end), slice_str(name)))
            return true;
    }
    return false;
}

static bool put_field(const struct curl *curl, struct buf *out, const char *name,
                      struct slice value)
{
    if (value.len == 0 || is_given(curl, name))
        return true;
    return buf_printf(out, "%s: ", name) && buf_append(out, value) &&
           buf_append(out, SLICE("\r\n"));
}

/* "Name: value", "Name;" for an empty one, "Name:" for none. */
static bool put_given(const struct curl *curl, struct buf *out)
{
    bool is_put = true;
    for (size_t i = 0; i < curl->n_headers && is_put; i++) {
        struct slice text = curl->headers[i];
        size_t colon = slice_find(text, ':');
        bool is_empty = colon == SIZE_MAX && text.len > 1 && text.ptr[text.len - 1] == ';';
        if (is_empty)
            is_put =
                buf_append(out, slice_head(text, text.len - 1)) && buf_append(out, SLICE(":\r\n"));
        else if (colon != SIZE_MAX && slice_trim(slice_from(text, colon + 1)).len != 0)
            is_put = buf_append(out, text) && buf_append(out, SLICE("\r\n"));
    }
    return is_put;
}

static bool put_user(const struct curl *curl, struct buf *out)
{
    if (curl->user.len == 0 || is_given(curl, "Authorization"))
        return true;
    if (curl->user.len > MAX_USER_BYTES)
        return false;
    unsigned char *text = malloc((size_t)MAX_USER_BYTES * 2);
    if (text == NULL)
        return false;
    int n = EVP_EncodeBlock(text, (const unsigned char *)curl->user.ptr, (int)curl->user.len);
    bool is_put = buf_printf(out, "Authorization: Basic %.*s\r\n", n, (const char *)text);
    free(text);
    return is_put;
}

static bool write_request(const struct curl *curl, const struct target *target, struct buf *out)
{
    struct slice method = curl->method;
    if (method.ptr == NULL)
        method = curl->is_head ? SLICE("HEAD") : curl->has_body ? SLICE("POST") : SLICE("GET");
    bool is_put = buf_append(out, method) && buf_append(out, SLICE(" ")) &&
                  buf_append(out, buf_slice(&target->path)) &&
                  buf_printf(out, " HTTP/1.%d\r\n", curl->is_http10 ? 0 : 1) &&
                  put_field(curl, out, "Host", target->host) && put_user(curl, out) &&
                  put_field(curl, out, "User-Agent",
                            curl->agent.ptr != NULL ? curl->agent : SLICE("curl/8.0.0")) &&
                  put_field(curl, out, "Accept", SLICE("*/*")) &&
                  put_field(curl, out, "Accept-Encoding",
                            curl->is_compressed ? SLICE("deflate, gzip") : slice_make("", 0)) &&
                  put_field(curl, out, "Referer", curl->referer) &&
                  put_field(curl, out, "Cookie", buf_slice(&curl->cookies)) && put_given(curl, out);
    if (is_put && curl->has_body && !is_given(curl, "Content-Length"))
        is_put = buf_printf(out, "Content-Length: %zu\r\n", curl->body.len);
    if (is_put && curl->has_body)
        is_put = put_field(curl, out, "Content-Type", SLICE("application/x-www-form-urlencoded"));
    return (is_put && buf_append(out, SLICE("\r\n")) &&
            (!curl->has_body || buf_append(out, buf_slice(&curl->body)))) ||
           fail(curl, "too long", SLICE("the request"));
}

bool curl_request(const struct curl_words *words, struct buf *ret_request, struct err *err)
{
    struct target target = {.host = {.ptr = NULL}};
    struct curl *curl = calloc(1, sizeof(*curl));
    if (curl == NULL)
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    curl->err = err;
    buf_init(&curl->body, EXPLAIN_MAX_INPUT);
    buf_init(&curl->cookies, EXPLAIN_MAX_INPUT);
    buf_init(&target.path, EXPLAIN_MAX_INPUT);
    bool is_made = read_options(curl, words) && read_url(curl, &target) &&
                   move_data(curl, &target) && write_request(curl, &target, ret_request);
    buf_done(&target.path);
    buf_done(&curl->cookies);
    buf_done(&curl->body);
    free(curl);
    return is_made;
}
