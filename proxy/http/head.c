/* Look-ups in a parsed head. */
#include "http/head.h"

#include "stopgap/banned.h"

struct known_name {
    struct slice name;
    enum known_field id;
};

static const struct known_name known_names[] = {
    {{"host", 4}, KNOWN_HOST},
    {{"content-length", 14}, KNOWN_CONTENT_LENGTH},
    {{"transfer-encoding", 17}, KNOWN_TRANSFER_ENCODING},
    {{"connection", 10}, KNOWN_CONNECTION},
    {{"keep-alive", 10}, KNOWN_KEEP_ALIVE},
    {{"proxy-connection", 16}, KNOWN_PROXY_CONNECTION},
    {{"te", 2}, KNOWN_TE},
    {{"trailer", 7}, KNOWN_TRAILER},
    {{"upgrade", 7}, KNOWN_UPGRADE},
    {{"http2-settings", 14}, KNOWN_HTTP2_SETTINGS},
    {{"expect", 6}, KNOWN_EXPECT},
    {{"x-forwarded-for", 15}, KNOWN_X_FORWARDED_FOR},
    {{"x-forwarded-proto", 17}, KNOWN_X_FORWARDED_PROTO},
    {{"x-forwarded-host", 16}, KNOWN_X_FORWARDED_HOST},
    {{"forwarded", 9}, KNOWN_FORWARDED},
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
