/* Look-ups in a parsed head. */
#include "http/head.h"

#include "stopgap/banned.h"

struct known_name {
    struct slice name;
    enum known_field id;
};

static const struct known_name known_names[] = {
    {SLICE_INIT("host"), KNOWN_HOST},
    {SLICE_INIT("content-length"), KNOWN_CONTENT_LENGTH},
    {SLICE_INIT("transfer-encoding"), KNOWN_TRANSFER_ENCODING},
    {SLICE_INIT("connection"), KNOWN_CONNECTION},
    {SLICE_INIT("keep-alive"), KNOWN_KEEP_ALIVE},
    {SLICE_INIT("proxy-connection"), KNOWN_PROXY_CONNECTION},
    {SLICE_INIT("te"), KNOWN_TE},
    {SLICE_INIT("trailer"), KNOWN_TRAILER},
    {SLICE_INIT("upgrade"), KNOWN_UPGRADE},
    {SLICE_INIT("http2-settings"), KNOWN_HTTP2_SETTINGS},
    {SLICE_INIT("expect"), KNOWN_EXPECT},
    {SLICE_INIT("x-forwarded-for"), KNOWN_X_FORWARDED_FOR},
    {SLICE_INIT("x-forwarded-proto"), KNOWN_X_FORWARDED_PROTO},
    {SLICE_INIT("x-forwarded-host"), KNOWN_X_FORWARDED_HOST},
    {SLICE_INIT("forwarded"), KNOWN_FORWARDED},
};

/* Bit n: some known name has n bytes. Most fields end here. */
static const unsigned known_lengths = 1u << 2 | 1u << 4 | 1u << 6 | 1u << 7 | 1u << 9 | 1u << 10 |
                                      1u << 14 | 1u << 15 | 1u << 16 | 1u << 17;

enum known_field http_known_field(struct slice name)
{
    if (name.len > 17 || (known_lengths >> name.len & 1u) == 0)
        return KNOWN_OTHER;
    for (size_t i = 0; i < sizeof(known_names) / sizeof(known_names[0]); i++)
        if (known_names[i].name.len == name.len &&
            known_names[i].name.ptr[0] == ascii_lower(name.ptr[0]) &&
            slice_equal_nocase(known_names[i].name, name))
            return known_names[i].id;
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

bool http_is_nominated(const struct http_head *head, struct slice name)
{
    for (size_t i = 0; i < head->n_fields; i++)
        if (head->known[i] == KNOWN_CONNECTION && http_list_has(head->fields[i].value, name))
            return true;
    return false;
}
