/* Pure checks of the texts in a rule. */
#include "texts.h"

#include <arpa/inet.h>

#include "language_limits.h"

#include "stopgap/banned.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

static bool has_blank(const char *text)
{
    return strpbrk(text, " \t") != NULL;
}

bool text_is_id(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (!is_alnum(text[i]) && strchr("._-", text[i]) == NULL)
            return false;
    return len >= 1 && len <= LIMIT_RULE_ID_BYTES;
}

static bool slice_is_token(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_alnum(text.ptr[i]) &&
            (text.ptr[i] == '\0' || strchr("!#$%&'*+-.^_`|~", text.ptr[i]) == NULL))
            return false;
    return text.len != 0;
}

bool text_is_token(const char *text)
{
    return slice_is_token(slice_str(text));
}

bool text_is_printable(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (is_control(*text))
            return false;
    return true;
}

bool text_is_field_value(const char *text)
{
    for (; *text != '\0'; text++)
        if (is_control(*text) && *text != '\t')
            return false;
    return true;
}

bool text_is_cve(const char *text)
{
    struct slice rest = slice_str(text);
    struct slice year;
    struct slice number;
    uint64_t value;
    if (!slice_starts_with(rest, SLICE("CVE-")) || has_blank(text))
        return false;
    rest = slice_from(rest, 4);
    return slice_next(&rest, '-', &year) && slice_next(&rest, '-', &number) && rest.ptr == NULL &&
           year.len == 4 && number.len >= 4 && slice_to_u64(year, &value) &&
           slice_to_u64(number, &value);
}

bool text_is_build(const char *text)
{
    struct slice rest = slice_str(text);
    struct slice part;
    uint64_t value;
    size_t n = 0;
    while (slice_next(&rest, '.', &part)) {
        if (!slice_to_u64(part, &value) || value > UINT32_MAX)
            return false;
        n++;
    }
    return n >= 1 && n <= 4 && !has_blank(text);
}

bool text_is_url(const char *text)
{
    struct slice url = slice_str(text);
    return (slice_starts_with(url, SLICE("https://")) ||
            slice_starts_with(url, SLICE("http://"))) &&
           text_is_printable(text) && !has_blank(text);
}

bool text_is_target(const char *text)
{
    struct slice target = slice_str(text);
    bool starts_well = slice_starts_with(target, SLICE("/")) ||
                       slice_starts_with_nocase(target, SLICE("http")) ||
                       slice_equal(target, SLICE("*"));
    return starts_well && text_is_printable(text) && !has_blank(text);
}

static int address_family(const char *text)
{
    struct in6_addr address;
    if (inet_pton(AF_INET, text, &address) == 1)
        return AF_INET;
    return inet_pton(AF_INET6, text, &address) == 1 ? AF_INET6 : AF_UNSPEC;
}

bool text_is_address(const char *text)
{
    return address_family(text) != AF_UNSPEC;
}

bool text_is_network(const char *text)
{
    char address[INET6_ADDRSTRLEN];
    struct slice rest = slice_str(text);
    size_t slash = slice_find(rest, '/');
    if (slash == SIZE_MAX)
        return text_is_address(text);
    if (slash >= sizeof(address))
        return false;
    memcpy(address, text, slash);
    address[slash] = '\0';
    int family = address_family(address);
    uint64_t bits;
    return family != AF_UNSPEC && slice_to_u64(slice_from(rest, slash + 1), &bits) &&
           bits <= (family == AF_INET ? 32 : 128);
}

bool text_is_header_line(const char *text)
{
    struct slice line = slice_str(text);
    size_t colon = slice_find(line, ':');
    return colon != SIZE_MAX && slice_is_token(slice_head(line, colon)) &&
           text_is_field_value(text);
}

bool text_is_framing_field(const char *name)
{
    static const char *const names[] = {"Connection", "Content-Length",    "Host",
                                        "Keep-Alive", "Proxy-Connection",  "TE",
                                        "Trailer",    "Transfer-Encoding", "Upgrade"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_equal_nocase(slice_str(name), slice_str(names[i])))
            return true;
    return false;
}

/* Past the "]" of the class whose "[" stands before at. */
static const char *skip_class(const char *at)
{
    if (*at == '^')
        at++;
    if (*at == ']') /* a member when it comes first */
        at++;
    while (*at != '\0' && *at != ']') {
        const char *posix_end = at[0] == '[' && at[1] == ':' ? strstr(at + 2, ":]") : NULL;
        if (posix_end != NULL)
            at = posix_end + 2;
        else if (at[0] == '\\' && at[1] != '\0')
            at += 2;
        else
            at++;
    }
    return *at == ']' ? at + 1 : at;
}

char text_forbidden_anchor(const char *pattern)
{
    const char *at = pattern;
    while (*at != '\0') {
        if (*at == '[') {
            at = skip_class(at + 1);
            continue;
        }
        if (*at != '\\' || at[1] == '\0') {
            at++;
            continue;
        }
        char escaped = at[1];
        if (strchr("AzZG", escaped) != NULL)
            return escaped;
        at += 2;
        if (escaped == 'Q') {
            const char *end = strstr(at, "\\E");
            at = end != NULL ? end + 2 : at + strlen(at);
        } else if (escaped == 'c' && *at != '\0') {
            at++; /* \c\ is a control character; what follows is not escaped by it */
        }
    }
    return '\0';
}

void text_join_lines(char *text)
{
    size_t len = strlen(text);
    while (len != 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
        text[--len] = '\0';
    for (; *text != '\0'; text++)
        if (*text == '\n')
            *text = ' ';
}
