/* Look-ups in a parsed head. */
#include "http/head.h"

#include "stopgap/banned.h"

struct known_name {
    struct slice name;
    enum known_field id;
};

/* By length, so that a name is compared with those of its length only. */
static const struct known_name known_names[] = {
    {SLICE_INIT("te"), KNOWN_TE},
    {SLICE_INIT("host"), KNOWN_HOST},
    {SLICE_INIT("expect"), KNOWN_EXPECT},
    {SLICE_INIT("trailer"), KNOWN_TRAILER},
    {SLICE_INIT("upgrade"), KNOWN_UPGRADE},
    {SLICE_INIT("forwarded"), KNOWN_FORWARDED},
    {SLICE_INIT("connection"), KNOWN_CONNECTION},
    {SLICE_INIT("keep-alive"), KNOWN_KEEP_ALIVE},
    {SLICE_INIT("max-forwards"), KNOWN_MAX_FORWARDS},
    {SLICE_INIT("authorization"), KNOWN_AUTHORIZATION},
    {SLICE_INIT("content-length"), KNOWN_CONTENT_LENGTH},
    {SLICE_INIT("http2-settings"), KNOWN_HTTP2_SETTINGS},
    {SLICE_INIT("x-forwarded-for"), KNOWN_X_FORWARDED_FOR},
    {SLICE_INIT("x-forwarded-host"), KNOWN_X_FORWARDED_HOST},
    {SLICE_INIT("proxy-connection"), KNOWN_PROXY_CONNECTION},
    {SLICE_INIT("transfer-encoding"), KNOWN_TRANSFER_ENCODING},
    {SLICE_INIT("x-forwarded-proto"), KNOWN_X_FORWARDED_PROTO},
};

/* Where the names of each length begin; those of length n end where those of n + 1 begin. */
static const unsigned char first_of_length[KNOWN_NAME_BYTES + 2] = {
    0, 0, 0, 1, 1, 2, 2, 3, 5, 5, 6, 8, 8, 9, 10, 12, 13, 15, 17};

#define LETTER(c) (1u << ((c)&31))
const uint32_t http_first_letters[KNOWN_NAME_BYTES + 1] = {[2] = LETTER('t'),
                                                           [4] = LETTER('h'),
                                                           [6] = LETTER('e'),
                                                           [7] = LETTER('t') | LETTER('u'),
                                                           [9] = LETTER('f'),
                                                           [10] = LETTER('c') | LETTER('k'),
                                                           [12] = LETTER('m'),
                                                           [13] = LETTER('a'),
                                                           [14] = LETTER('c') | LETTER('h'),
                                                           [15] = LETTER('x'),
                                                           [16] = LETTER('x') | LETTER('p'),
                                                           [17] = LETTER('t') | LETTER('x')};

/* CGI and IIS name variables with "_" for "-". */
static bool is_alike(struct slice name, struct slice ours)
{
    for (size_t i = 0; i < name.len; i++)
        if ((name.ptr[i] == '_' ? '-' : ascii_lower(name.ptr[i])) != ours.ptr[i])
            return false;
    return true;
}

static bool is_ours(enum known_field id)
{
    return id == KNOWN_CONTENT_LENGTH || id == KNOWN_TRANSFER_ENCODING ||
           id == KNOWN_X_FORWARDED_FOR || id == KNOWN_X_FORWARDED_PROTO ||
           id == KNOWN_X_FORWARDED_HOST;
}

enum known_field http_look_up_field(struct slice name)
{
    for (size_t i = first_of_length[name.len]; i < first_of_length[name.len + 1]; i++) {
        const struct known_name *known = &known_names[i];
        if (slice_equal_nocase(known->name, name))
            return known->id;
        if (is_ours(known->id) && is_alike(name, known->name))
            return KNOWN_LOOKALIKE;
    }
    return KNOWN_OTHER;
}

bool http_list_has(struct slice list, struct slice token)
{
    struct slice element;
    while (slice_next(&list, ',', &element))
        if (slice_equal_nocase(element, token))
            return true;
    return false;
}

static bool is_bound_scheme(struct slice credentials)
{
    struct slice scheme = slice_head(credentials, slice_find(credentials, ' '));
    return !slice_equal_nocase(scheme, SLICE("Basic")) &&
           !slice_equal_nocase(scheme, SLICE("Bearer"));
}

enum http_credentials http_credentials(const struct http_head *head)
{
    enum http_credentials found = CREDENTIALS_NONE;
    for (size_t i = 0; i < head->n_fields; i++) {
        const struct header_field *field = &head->fields[i];
        if (head->known[i] == KNOWN_AUTHORIZATION && is_bound_scheme(field->value))
            return CREDENTIALS_CONNECTION;
        if (head->known[i] == KNOWN_AUTHORIZATION ||
            (head->known[i] == KNOWN_OTHER &&
             slice_equal_nocase(field->name, SLICE("X-OWA-CANARY"))))
            found = CREDENTIALS_REQUEST;
    }
    return found;
}

bool http_is_nominated(const struct http_head *head, struct slice name)
{
    for (size_t i = 0; i < head->n_fields; i++)
        if (head->known[i] == KNOWN_CONNECTION && http_list_has(head->fields[i].value, name))
            return true;
    return false;
}
