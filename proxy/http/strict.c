/* A table of rules about the fields of a head. */
#include "http/strict.h"

#include "http/strict_place.h"

#include <ctype.h>

#include "stopgap/banned.h"

/* ---- the table */

/* What the checks look at, gathered in one pass over the fields. */
struct head_facts {
    unsigned n_host, n_length, n_transfer, n_expect, n_upgrade, n_hops;
    struct slice host, length, transfer, expect, upgrade, hops;
    bool has_lookalike; /* Content_Length and the like: CGI and IIS fold "_" to "-" */
    uint64_t length_value;
    bool length_is_number;
};

struct strict_check {
    bool (*fails)(const struct http_head *head, const struct head_facts *facts);
    unsigned status;
    enum strict_place place;
    const char *text;
};

static bool has_lookalike(const struct http_head *head, const struct head_facts *facts)
{
    (void)head;
    return facts->has_lookalike;
}

static bool has_wrong_host_count(const struct http_head *head, const struct head_facts *facts)
{
    return head->minor == 1 ? facts->n_host != 1 : facts->n_host > 1;
}

/* Bytes of "[" IPv6 "]" at the start of host; 0: malformed. */
static size_t ipv6_literal_len(struct slice host)
{
    size_t close = slice_find(host, ']');
    if (close == SIZE_MAX || close < 3)
        return 0;
    for (size_t i = 1; i < close; i++)
        if (host.ptr[i] == '\0' || strchr("0123456789abcdefABCDEF:.", host.ptr[i]) == NULL)
            return 0;
    return close + 1;
}

/* RFC 3986 2.1: a percent sign stands in front of two hexadecimal digits. */
static bool is_escape(struct slice text)
{
    return text.len > 2 && isxdigit((unsigned char)text.ptr[1]) != 0 &&
           isxdigit((unsigned char)text.ptr[2]) != 0;
}

/* Bytes of a reg-name at the start of host; 0: malformed. */
static size_t reg_name_len(struct slice host)
{
    static const unsigned char allowed[256] = {
        ['!'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['('] = 1, [')'] = 1, ['*'] = 1,
        ['+'] = 1, [','] = 1, ['-'] = 1, ['.'] = 1, ['0'] = 1,  ['1'] = 1, ['2'] = 1, ['3'] = 1,
        ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, ['8'] = 1,  ['9'] = 1, [';'] = 1, ['='] = 1,
        ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,  ['F'] = 1, ['G'] = 1, ['H'] = 1,
        ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,  ['N'] = 1, ['O'] = 1, ['P'] = 1,
        ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1, ['X'] = 1,
        ['Y'] = 1, ['Z'] = 1, ['_'] = 1, ['a'] = 1, ['b'] = 1,  ['c'] = 1, ['d'] = 1, ['e'] = 1,
        ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1,  ['k'] = 1, ['l'] = 1, ['m'] = 1,
        ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1,  ['s'] = 1, ['t'] = 1, ['u'] = 1,
        ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,  ['~'] = 1,
    };
    size_t len = 0;
    while (len < host.len && allowed[(unsigned char)host.ptr[len]] != 0) {
        if (host.ptr[len] == '%' && !is_escape(slice_from(host, len)))
            return 0;
        len++;
    }
    return len;
}

/* uri-host [":" port], RFC 3986 3.2.2: reg-name or IPv6 in brackets; no user info, no path. */
static bool host_is_valid(struct slice host)
{
    if (host.len == 0)
        return false;
    size_t len = host.ptr[0] == '[' ? ipv6_literal_len(host) : reg_name_len(host);
    struct slice rest = slice_from(host, len);
    uint64_t number;
    if (len == 0 || rest.len == 0)
        return len != 0;
    struct slice port = slice_from(rest, 1);
    return rest.ptr[0] == ':' &&
           (port.len == 0 || (port.len <= 5 && slice_to_u64(port, &number) && number <= 65535));
}

static bool has_bad_host(const struct http_head *head, const struct head_facts *facts)
{
    (void)head;
    return facts->n_host == 1 && !host_is_valid(facts->host);
}

/* The authority of an absolute-form target, or the empty slice. */
static struct slice target_authority(struct slice target)
{
    if (target.len == 0 || target.ptr[0] == '/' || target.ptr[0] == '*')
        return slice_make(NULL, 0);
    size_t colon = slice_find(target, ':');
    struct slice rest = slice_from(target, colon + 3);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    return slice_head(rest, end);
}

static bool has_other_authority(const struct http_head *head, const struct head_facts *facts)
{
    if (head->target.ptr[0] == '/' || head->target.ptr[0] == '*')
        return false;
    struct slice authority = target_authority(head->target);
    return !host_is_valid(authority) ||
           (facts->n_host == 1 && !slice_equal_nocase(authority, facts->host));
}

static bool has_transfer_in_10(const struct http_head *head, const struct head_facts *facts)
{
    return head->minor == 0 && facts->n_transfer != 0;
}

static bool has_both_framings(const struct http_head *head, const struct head_facts *facts)
{
    (void)head;
    return facts->n_transfer != 0 && facts->n_length != 0;
}

static bool has_many_framings(const struct http_head *head, const struct head_facts *facts)
{
    (void)head;
    return facts->n_transfer > 1 || facts->n_length > 1;
}

static bool has_other_coding(const struct http_head *head, const struct head_facts *facts)
{
    (void)head;
    return facts->n_transfer == 1 && !slice_equal_nocase(facts->transfer, SLICE("chunked"));
}

static bool has_other_last_coding(const struct http_head *head, const struct head_facts *facts)
{
    struct slice list = facts->transfer;
    struct slice coding = {0};
    (void)head;
    while (slice_next(&list, ',', &coding))
        ;
    return facts->n_transfer == 1 && !slice_equal_nocase(coding, SLICE("chunked"));
}

static bool has_bad_length(const struct http_head *head, const struct head_facts *facts)
{
    (void)head;
    return facts->n_length == 1 &&
           (!facts->length_is_number || facts->length_value > (uint64_t)INT64_MAX);
}

static bool has_other_expectation(const struct http_head *head, const struct head_facts *facts)
{
    (void)head;
    return facts->n_expect > 1 ||
           (facts->n_expect == 1 && !slice_equal_nocase(facts->expect, SLICE("100-continue")));
}

/* Max-Forwards counts for TRACE, which is refused, and for OPTIONS. */
static bool counts_hops(const struct http_head *head, const struct head_facts *facts)
{
    return facts->n_hops != 0 && slice_equal(head->method, SLICE("OPTIONS"));
}

static bool has_bad_hops(const struct http_head *head, const struct head_facts *facts)
{
    uint64_t number;
    return counts_hops(head, facts) && (facts->n_hops > 1 || !slice_to_u64(facts->hops, &number));
}

static bool is_last_hop(const struct http_head *head, const struct head_facts *facts)
{
    return counts_hops(head, facts) && head->hops_left == 0;
}

static const struct strict_check request_checks[] = {
    /* CGI and IIS name variables with "_" for "-": Content_Length would frame the body there, and
     * X_Forwarded_For stand beside the field that tells the client's address */
    {has_lookalike, 400, PLACE_LOOKALIKE,
     "a field that looks like one of the proxy's own (no RFC: CGI and IIS read \"_\" as \"-\")"},
    /* RFC 9112 3.2: one Host in HTTP/1.1, at most one in HTTP/1.0 */
    {has_wrong_host_count, 400, PLACE_HOST, "not exactly one Host (RFC 9112 3.2)"},
    {has_bad_host, 400, PLACE_HOST, "Host is not host[:port] (RFC 9112 3.2)"},
    /* RFC 9112 3.2.2: the authority replaces Host, so they must not differ */
    {has_other_authority, 400, PLACE_TARGET, "absolute target and Host differ (RFC 9112 3.2.2)"},
    /* RFC 9112 6.1: in HTTP/1.0 a Transfer-Encoding means faulty framing */
    {has_transfer_in_10, 400, PLACE_TRANSFER, "Transfer-Encoding in HTTP/1.0 (RFC 9112 6.1)"},
    /* RFC 9112 6.1 and 6.3: the classic of request smuggling; llhttp misses an empty field */
    {has_both_framings, 400, PLACE_LENGTH, "Transfer-Encoding and Content-Length (RFC 9112 6.1)"},
    {has_many_framings, 400, PLACE_FRAMING, "more than one framing field (RFC 9112 6.3)"},
    /* RFC 9112 6.3: when chunked is not the last coding, no length can be known */
    {has_other_last_coding, 400, PLACE_TRANSFER,
     "chunked is not the last transfer coding (RFC 9112 6.3)"},
    /* RFC 9112 6.1: a coding we do not understand is 501; lists are understood differently */
    {has_other_coding, 501, PLACE_TRANSFER, "transfer coding other than chunked (RFC 9112 6.1)"},
    /* RFC 9110 8.6; above 2^63-1 signed readers turn negative */
    {has_bad_length, 400, PLACE_LENGTH, "Content-Length is not a number below 2^63 (RFC 9110 8.6)"},
    /* RFC 9110 10.1.1: 417 for an expectation that is not 100-continue */
    {has_other_expectation, 417, PLACE_EXPECT, "unknown expectation (RFC 9110 10.1.1)"},
    /* RFC 9110 7.6.2: 1*DIGIT; at 0 we are who is asked, and have no options to tell of */
    {has_bad_hops, 400, PLACE_HOPS, "Max-Forwards is not one number (RFC 9110 7.6.2)"},
    {is_last_hop, 501, PLACE_HOPS, "OPTIONS that must go no further (RFC 9110 7.6.2)"},
};

static const struct strict_check response_checks[] = {
    /* The same sentences of RFC 9110 and RFC 9112; http_refuse makes all of it 502. */
    {has_transfer_in_10, 400, PLACE_TRANSFER, "Transfer-Encoding in HTTP/1.0 (RFC 9112 6.1)"},
    {has_both_framings, 400, PLACE_LENGTH, "Transfer-Encoding and Content-Length (RFC 9112 6.1)"},
    {has_many_framings, 400, PLACE_FRAMING, "more than one framing field (RFC 9112 6.3)"},
    {has_other_coding, 400, PLACE_TRANSFER, "transfer coding other than chunked (RFC 9112 6.1)"},
    {has_bad_length, 400, PLACE_LENGTH, "Content-Length is not a number below 2^63 (RFC 9110 8.6)"},
};

static void note_connection(struct http_head *head, struct slice list)
{
    struct slice token;
    while (slice_next(&list, ',', &token)) {
        if (slice_equal_nocase(token, SLICE("close")))
            head->wants_close = true;
        else if (slice_equal_nocase(token, SLICE("keep-alive")))
            head->has_keep_alive = true;
        else if (slice_equal_nocase(token, SLICE("upgrade")))
            head->has_upgrade = true;
        else if (token.len != 0)
            head->has_nominations = true;
    }
}

static void gather_field(struct http_head *head, size_t i, struct head_facts *facts)
{
    struct slice value = head->fields[i].value;
    switch (head->known[i]) {
    case KNOWN_HOST:
        facts->n_host++;
        facts->host = value;
        break;
    case KNOWN_CONTENT_LENGTH:
        facts->n_length++;
        facts->length = value;
        break;
    case KNOWN_TRANSFER_ENCODING:
        facts->n_transfer++;
        facts->transfer = value;
        break;
    case KNOWN_EXPECT:
        facts->n_expect++;
        facts->expect = value;
        break;
    case KNOWN_UPGRADE:
        facts->n_upgrade++;
        facts->upgrade = value;
        break;
    case KNOWN_MAX_FORWARDS:
        facts->n_hops++;
        facts->hops = value;
        break;
    case KNOWN_CONNECTION:
        note_connection(head, value);
        break;
    case KNOWN_LOOKALIKE:
        facts->has_lookalike = true;
        break;
    default:
        break;
    }
}

static void set_framing(struct http_parser *parser, const struct head_facts *facts)
{
    struct http_head *head = &parser->head;
    if (parser->is_empty)
        head->framing = FRAMING_NONE;
    else if (facts->n_transfer != 0)
        head->framing = FRAMING_CHUNKED;
    else if (facts->n_length != 0)
        head->framing = FRAMING_LENGTH;
    else
        head->framing = parser->is_response ? FRAMING_CLOSE : FRAMING_NONE;
    head->content_length = facts->length_value;
}

bool strict_check_head(struct http_parser *parser)
{
    struct http_head *head = &parser->head;
    struct head_facts facts = {0};
    for (size_t i = 0; i < head->n_fields; i++)
        if (head->known[i] != KNOWN_OTHER)
            gather_field(head, i, &facts);
    facts.length_is_number = slice_to_u64(facts.length, &facts.length_value);
    head->has_upgrade &=
        facts.n_upgrade == 1 && slice_equal_nocase(facts.upgrade, SLICE("websocket"));
    /* RFC 6455 4.1 and RFC 9110 7.8: GET without a body, and never from HTTP/1.0. What follows a
     * body or another method is read in two ways when the server switches all the same. */
    if (!parser->is_response)
        head->has_upgrade &= head->minor == 1 && slice_equal(head->method, SLICE("GET")) &&
                             facts.n_transfer == 0 && facts.length_value == 0;
    if (!parser->is_response && counts_hops(head, &facts))
        (void)slice_to_u64(facts.hops, &head->hops_left); /* the table looks at what is none */
    head->host = facts.host;
    if (!parser->is_response && head->host.len == 0)
        head->host = target_authority(head->target);
    head->expects_continue = facts.n_expect != 0 && head->minor == 1; /* RFC 9110 10.1.1 */
    head->wants_close |= head->minor == 0 && !head->has_keep_alive;

    const struct strict_check *checks = parser->is_response ? response_checks : request_checks;
    size_t n = parser->is_response ? sizeof(response_checks) / sizeof(response_checks[0])
                                   : sizeof(request_checks) / sizeof(request_checks[0]);
    for (size_t i = 0; i < n; i++)
        if (checks[i].fails(head, &facts)) {
            parser->suspect = strict_place(head, checks[i].place);
            (void)http_refuse(parser, checks[i].status, END_BAD_REQUEST, checks[i].text);
            return false;
        }
    set_framing(parser, &facts);
    uint64_t max = parser->limits->body_bytes;
    if (!parser->is_response && max != 0 && head->framing == FRAMING_LENGTH &&
        head->content_length > max) {
        (void)http_refuse(parser, 413, END_BODY_TOO_LARGE,
                          "body over its limit (RFC 9110 15.5.14)");
        return false;
    }
    return true;
}
