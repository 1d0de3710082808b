/* X-Forwarded-For, read backwards. */
#include "forwarded.h"

#include <arpa/inet.h>

#include "stopgap/banned.h"

bool forwarded_parse_address(struct slice text, struct net_address *ret_address)
{
    char buffer[INET6_ADDRSTRLEN + 1];
    struct in_addr v4;
    struct in6_addr v6;
    if (text.len != 0 && text.ptr[0] == '[') {
        size_t close = slice_find(text, ']');
        text = close == SIZE_MAX ? text : slice_make(text.ptr + 1, close - 1);
    }
    if (text.len == 0 || text.len >= sizeof(buffer))
        return false;
    memcpy(buffer, text.ptr, text.len);
    buffer[text.len] = '\0';
    if (inet_pton(AF_INET6, buffer, &v6) == 1) {
        memcpy(ret_address->bytes, &v6, 16);
        return true;
    }
    char *colon = strchr(buffer, ':');
    if (colon != NULL)
        *colon = '\0';
    if (inet_pton(AF_INET, buffer, &v4) != 1)
        return false;
    *ret_address = net_address_from_ipv4(&v4);
    return true;
}

/* Cut the last element off a list. */
static bool last_element(struct slice *list, struct slice *ret_element)
{
    if (list->len == 0)
        return false;
    size_t start = list->len;
    while (start != 0 && list->ptr[start - 1] != ',')
        start--;
    *ret_element = slice_trim(slice_from(*list, start));
    *list = slice_head(*list, start != 0 ? start - 1 : 0);
    return true;
}

void forwarded_client(const struct http_head *head, const struct config *config,
                      struct net_address *ret_address)
{
    for (size_t i = head->n_fields; i-- != 0;) {
        if (head->known[i] != KNOWN_X_FORWARDED_FOR)
            continue;
        struct slice list = head->fields[i].value;
        struct slice element;
        while (last_element(&list, &element)) {
            struct net_address address;
            if (!forwarded_parse_address(element, &address))
                return;
            *ret_address = address;
            if (!net_list_contains(&config->trusted_proxies, &address))
                return;
        }
    }
}
