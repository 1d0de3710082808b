/* URLs of listeners, of the upstream and of the admin interface: scheme, host and port only. Those
 * of others have a path, and can be secret. */
#include "config/config_internal.h"

#include "proxy_limits.h"

#include "stopgap/buf.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/un.h>

#include "stopgap/banned.h"

struct url_parts {
    bool tls;
    struct slice host; /* without brackets */
    bool has_port;
    uint16_t port;
};

enum { MAX_HOST_BYTES = 253 }; /* of a name in the DNS, RFC 1035 2.3.4 */

/* Which URL we are talking about, with an example, for messages. */
static bool url_error(struct slice url, const char *problem, const char *remedy, struct err *err)
{
    return err_set(err, ERR_USAGE, NULL, "'%s' %s: %s", config_echo(url).text, problem, remedy);
}

static bool cut_scheme(struct slice *rest, bool *ret_tls)
{
    static const struct slice plain = {"http://", 7};
    static const struct slice secure = {"https://", 8};
    *ret_tls = slice_starts_with_nocase(*rest, secure);
    if (!*ret_tls && !slice_starts_with_nocase(*rest, plain))
        return false;
    *rest = slice_from(*rest, *ret_tls ? secure.len : plain.len);
    return true;
}

static bool is_ip_address(struct slice host, int family)
{
    char copy[INET6_ADDRSTRLEN] = "";
    unsigned char bytes[16];
    if (host.len == 0 || host.len >= sizeof(copy))
        return false;
    memcpy(copy, host.ptr, host.len);
    return inet_pton(family, copy, bytes) == 1;
}

/* An IPv4 address or a name. What looks like an address must be one: 10.0.0.300 is no name. */
static bool is_host(struct slice host)
{
    bool has_letter = false;
    if (host.len == 0 || host.len > MAX_HOST_BYTES)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = ascii_lower(host.ptr[i]);
        bool is_letter = c >= 'a' && c <= 'z';
        if (!is_letter && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_')
            return false;
        if ((c == '.' || c == '-') && (i == 0 || host.ptr[i - 1] == '.'))
            return false;
        has_letter = has_letter || is_letter;
    }
    return has_letter || is_ip_address(host, AF_INET);
}

/* Cut "HOST" or "[IPv6]" off *rest. */
static bool cut_host(struct slice *rest, struct slice *ret_host)
{
    if (rest->len != 0 && rest->ptr[0] == '[') {
        size_t end = slice_find(*rest, ']');
        if (end == SIZE_MAX)
            return false;
        *ret_host = slice_from(slice_head(*rest, end), 1);
        *rest = slice_from(*rest, end + 1);
        return is_ip_address(*ret_host, AF_INET6);
    }
    size_t end = slice_find(*rest, ':');
    *ret_host = slice_head(*rest, end);
    *rest = slice_from(*rest, end);
    return is_host(*ret_host);
}

static bool parse_port(struct slice text, uint16_t *ret_port)
{
    uint64_t port = 0;
    if (!slice_to_u64(text, &port) || port == 0 || port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

static bool parse_url(struct slice url, struct url_parts *ret, struct err *err)
{
    struct url_parts parts = {.host = SLICE("")};
    struct slice rest = url;
    if (!config_check_text(url, err))
        return false;
    if (!cut_scheme(&rest, &parts.tls))
        return url_error(url, "does not begin with http:// or https://",
                         "write https://HOST:PORT or http://HOST:PORT", err);
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.ptr[i] == '/' || rest.ptr[i] == '?' || rest.ptr[i] == '#')
            return url_error(url, "has a path or query behind its host",
                             "end it after the host or the port, without a /", err);
        if (rest.ptr[i] == '@')
            return url_error(url, "has a user name in it", "remove everything up to the @", err);
    }
    if (!cut_host(&rest, &parts.host))
        return url_error(url, "has no valid host",
                         "write a name, an IPv4 address such as 0.0.0.0, or an IPv6 address in "
                         "brackets such as [::]",
                         err);
    parts.port = parts.tls ? 443 : 80;
    parts.has_port = rest.len != 0;
    if (parts.has_port && (rest.ptr[0] != ':' || !parse_port(slice_from(rest, 1), &parts.port)))
        return url_error(url, "has no valid port",
                         "write a number from 1 to 65535 behind the colon", err);
    *ret = parts;
    return true;
}

/* Replace url and host together, or neither. */
static bool replace_url(char **url_field, char **host_field, const char *url, struct slice host,
                        struct err *err)
{
    char *new_url = strdup(url);
    char *new_host = strndup(host.ptr, host.len);
    if (new_url == NULL || new_host == NULL) {
        free(new_url);
        free(new_host);
        return err_set(err, ERR_MEMORY, NULL, "out of memory");
    }
    free(*url_field);
    free(*host_field);
    *url_field = new_url;
    *host_field = new_host;
    return true;
}

bool config_set_listen_url(struct listen_config *listen, const char *url, struct err *err)
{
    struct url_parts parts;
    if (!parse_url(slice_str(url), &parts, err) ||
        !replace_url(&listen->url, &listen->host, url, parts.host, err))
        return false;
    listen->port = parts.port;
    listen->tls = parts.tls;
    return true;
}

bool config_set_upstream_url(struct server_config *server, const char *url, struct err *err)
{
    struct url_parts parts;
    if (!parse_url(slice_str(url), &parts, err) ||
        !replace_url(&server->url, &server->host, url, parts.host, err))
        return false;
    server->port = parts.port;
    server->tls = parts.tls;
    return true;
}

bool config_set_upstream(struct config *config, const char *url, struct err *err)
{
    return config_set_upstream_url(&config->upstream.one, url, err);
}

static bool parse_admin_unix(struct slice url, struct slice *ret_path, struct err *err)
{
    static const size_t max = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
    struct slice path = slice_from(url, sizeof("unix:") - 1);
    if (!config_check_text(url, err))
        return false;
    if (path.len == 0 || path.len > max)
        return err_set(err, ERR_USAGE, NULL,
                       "'%s' has no valid path: write unix:PATH, such as "
                       "unix:/run/stopgap/admin.sock, with at most %zu bytes of path",
                       config_echo(url).text, max);
    *ret_path = path;
    return true;
}

/* Who reaches the port may read everything and there is no password, so it never leaves the
 * machine. localhost is resolved here: a resolver could say something else. */
static bool parse_admin_http(struct slice url, struct url_parts *ret, struct err *err)
{
    static const struct slice local = {"127.0.0.1", 9};
    if (!parse_url(url, ret, err))
        return false;
    if (ret->tls)
        return url_error(url, "asks for TLS, which the admin interface does not have",
                         "write http://127.0.0.1:PORT or unix:PATH", err);
    if (slice_equal_nocase(ret->host, SLICE("localhost")))
        ret->host = local;
    bool is_loopback =
        slice_equal(ret->host, SLICE("::1")) ||
        (is_ip_address(ret->host, AF_INET) && slice_starts_with(ret->host, SLICE("127.")));
    if (!is_loopback)
        return url_error(url, "is refused, admin over HTTP is loopback only",
                         "write http://127.0.0.1:PORT, http://[::1]:PORT or unix:PATH", err);
    if (!ret->has_port)
        return url_error(url, "has no port", "write http://127.0.0.1:PORT", err);
    return true;
}

bool config_add_admin(struct config *config, const char *url, struct err *err)
{
    struct slice text = slice_str(url);
    struct url_parts parts = {.host = SLICE("")};
    bool is_unix = slice_starts_with(text, SLICE("unix:"));
    if (is_unix ? !parse_admin_unix(text, &parts.host, err) : !parse_admin_http(text, &parts, err))
        return false;
    struct admin_config *admins =
        config_grow(config->admin, config->n_admin, sizeof(*admins), LIMIT_ADMIN_LISTENERS, err);
    if (admins == NULL)
        return false;
    config->admin = admins;
    struct admin_config *admin = &admins[config->n_admin];
    char **target = is_unix ? &admin->unix_path : &admin->host;
    if (!replace_url(&admin->url, target, url, parts.host, err))
        return false;
    admin->port = parts.port;
    config->n_admin++;
    return true;
}

/* Short enough that nobody makes a secret of it, or a plain word. */
static bool is_shown_segment(struct slice segment)
{
    enum { SHORT = 4, WORD = 12 };
    bool is_word = true;
    for (size_t i = 0; i < segment.len; i++) {
        char c = ascii_lower(segment.ptr[i]);
        is_word = is_word && ((c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '.');
    }
    return segment.len <= SHORT || (is_word && segment.len <= WORD);
}

/* Where the host of a URL ends, and its path or its query begins. */
static size_t authority_end(struct slice rest)
{
    size_t end = 0;
    while (end < rest.len && strchr("/\\?#", rest.ptr[end]) == NULL)
        end++;
    return end;
}

struct masked_url config_mask_url(const char *url)
{
    struct masked_url masked;
    struct slice rest = slice_str(url);
    struct buf out;
    buf_init(&out, sizeof(masked.text) - 1);
    const char *scheme_end = strstr(url, "://");
    struct slice scheme = slice_head(rest, scheme_end != NULL ? (size_t)(scheme_end - url) + 3 : 0);
    rest = slice_from(rest, scheme.len);
    struct slice host = slice_head(rest, authority_end(rest));
    rest = slice_from(rest, host.len);
    bool fits = buf_append(&out, scheme);
    size_t at = SIZE_MAX;
    for (size_t i = 0; i < host.len; i++)
        if (host.ptr[i] == '@')
            at = i;
    if (at != SIZE_MAX) {
        fits = fits && buf_append(&out, SLICE("***@"));
        host = slice_from(host, at + 1);
    }
    fits = fits && buf_append(&out, host);
    while (fits && rest.len != 0 && rest.ptr[0] == '/') {
        rest = slice_from(rest, 1);
        struct slice segment = slice_head(rest, authority_end(rest));
        rest = slice_from(rest, segment.len);
        fits = buf_append(&out, SLICE("/")) &&
               buf_append(&out, is_shown_segment(segment) ? segment : SLICE("***"));
    }
    fits = fits &&
           (rest.len == 0 || buf_append(&out, rest.ptr[0] == '?' ? SLICE("?***") : SLICE("***")));
    (void)snprintf(masked.text, sizeof(masked.text), "%.*s%s", SLICE_ARG(buf_slice(&out)),
                   fits ? "" : "...");
    buf_done(&out);
    return masked;
}

bool config_check_secret_url(const char *text, struct err *err)
{
    struct slice rest = slice_str(text);
    bool tls;
    bool is_good = cut_scheme(&rest, &tls);
    struct slice authority = slice_head(rest, authority_end(rest));
    for (size_t i = authority.len; i-- > 0;)
        if (authority.ptr[i] == '@') {
            authority = slice_from(authority, i + 1);
            break;
        }
    struct slice host = SLICE("");
    uint16_t port = 0;
    is_good = is_good && cut_host(&authority, &host) &&
              (authority.len == 0 ||
               (authority.ptr[0] == ':' && parse_port(slice_from(authority, 1), &port)));
    for (size_t i = 0; i < rest.len; i++)
        is_good = is_good && rest.ptr[i] != ' ' && (unsigned char)rest.ptr[i] < 0x7f;
    if (is_good)
        return true;
    return err_set(err, ERR_USAGE, NULL,
                   "this is no URL (it is not shown, for it may be secret): write one such as "
                   "https://hooks.example.com/services/TOKEN, with everything but printable ASCII "
                   "percent-encoded");
}
