/* Parsers and printers of single values. Pure functions. */
#include "config/config_internal.h"

#include "proxy_limits.h"

#include <arpa/inet.h>

#include "stopgap/banned.h"

struct unit {
    struct slice name;
    uint64_t factor;
};

/* Largest first, so that the printer takes the shortest form. */
static const struct unit time_units[] = {
    {{"h", 1}, 3600000}, {{"m", 1}, 60000}, {{"s", 1}, 1000}, {{"ms", 2}, 1}};
static const struct unit size_units[] = {
    {{"GiB", 3}, 1073741824}, {{"MiB", 3}, 1048576}, {{"KiB", 3}, 1024}, {{"", 0}, 1}};
enum { N_UNITS = sizeof(time_units) / sizeof(time_units[0]) };
_Static_assert(N_UNITS == sizeof(size_units) / sizeof(size_units[0]), "both tables are as long");

struct config_echo config_echo(struct slice text)
{
    struct config_echo echo = {{0}};
    size_t room = sizeof(echo.text) - 4; /* for "..." and the end */
    size_t n = text.len < room ? text.len : room;
    for (size_t i = 0; i < n; i++)
        if (text.ptr[i] >= ' ' && text.ptr[i] <= '~')
            echo.text[i] = text.ptr[i];
        else
            echo.text[i] = '?';
    if (n < text.len)
        (void)snprintf(echo.text + n, sizeof(echo.text) - n, "...");
    return echo;
}

bool config_check_text(struct slice text, struct err *err)
{
    if (text.len == 0)
        return err_set(err, ERR_USAGE, NULL, "the value is empty: give one, or leave the key out");
    if (text.len > LIMIT_CONFIG_VALUE_BYTES)
        return err_set(err, ERR_LIMIT, NULL, "the value has %zu bytes: at most %d are allowed",
                       text.len, LIMIT_CONFIG_VALUE_BYTES);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return err_set(err, ERR_USAGE, NULL,
                           "the value has a control character or line break at byte %zu: "
                           "remove it",
                           i + 1);
    return true;
}

/* Digits and one of the units. Returns what is wrong, or NULL. */
static const char *parse_with_unit(struct slice text, const struct unit *units, uint64_t *ret_value)
{
    size_t n_digits = 0;
    while (n_digits < text.len && text.ptr[n_digits] >= '0' && text.ptr[n_digits] <= '9')
        n_digits++;
    if (n_digits == 0)
        return "does not begin with a digit";
    struct slice name = slice_from(text, n_digits);
    for (size_t i = 0; i < N_UNITS; i++) {
        if (!slice_equal_nocase(name, units[i].name))
            continue;
        uint64_t number = 0;
        if (!slice_to_u64(slice_head(text, n_digits), &number) ||
            number > UINT64_MAX / units[i].factor)
            return "is too large";
        *ret_value = number * units[i].factor;
        return NULL;
    }
    return name.len == 0 ? "has no unit" : "is not one number with one known unit";
}

bool config_parse_duration(struct slice text, uint64_t *ret_ms, struct err *err)
{
    const char *problem = parse_with_unit(text, time_units, ret_ms);
    if (problem == NULL)
        return true;
    return err_set(err, ERR_USAGE, NULL, "'%s' %s: write a duration such as 500ms, 15s, 65m or 2h",
                   config_echo(text).text, problem);
}

bool config_parse_size(struct slice text, uint64_t *ret_bytes, struct err *err)
{
    const char *problem = parse_with_unit(text, size_units, ret_bytes);
    if (problem == NULL)
        return true;
    return err_set(err, ERR_USAGE, NULL, "'%s' %s: write a size such as 4096, 64KiB, 10MiB or 2GiB",
                   config_echo(text).text, problem);
}

bool config_parse_bool(struct slice text, bool *ret_value, struct err *err)
{
    static const struct slice words[] = {{"false", 5}, {"true", 4}, {"no", 2},
                                         {"yes", 3},   {"off", 3},  {"on", 2}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (slice_equal_nocase(text, words[i])) {
            *ret_value = i % 2 == 1;
            return true;
        }
    }
    return err_set(err, ERR_USAGE, NULL, "'%s' is not a yes or no: write true or false",
                   config_echo(text).text);
}

/* Reads an address without its prefix length. */
static bool parse_address(struct slice text, struct net_address *ret, bool *ret_is_ipv4)
{
    char copy[INET6_ADDRSTRLEN] = "";
    if (text.len >= sizeof(copy) || slice_find(text, '\0') != SIZE_MAX)
        return false;
    memcpy(copy, text.ptr, text.len);
    if (inet_pton(AF_INET6, copy, ret->bytes) == 1) {
        *ret_is_ipv4 = false;
        return true;
    }
    unsigned char four_bytes[4] = {0};
    bool is_good = inet_pton(AF_INET, copy, four_bytes) == 1;
    *ret = net_address_from_ipv4(four_bytes);
    *ret_is_ipv4 = true;
    return is_good;
}

/* Clear the bits behind the prefix; true when one was set. */
static bool clear_host_bits(struct net_prefix *network)
{
    bool was_set = false;
    for (unsigned bit = network->bits; bit < 128; bit++) {
        unsigned char mask = (unsigned char)(0x80u >> (bit % 8));
        was_set = was_set || (network->address.bytes[bit / 8] & mask) != 0;
        network->address.bytes[bit / 8] &= (unsigned char)~mask;
    }
    return was_set;
}

bool config_parse_network(struct slice text, struct net_prefix *ret, struct err *err)
{
    struct net_prefix network = {.bits = 128};
    size_t slash = slice_find(text, '/');
    bool is_ipv4 = false;
    if (text.len == 0 || !parse_address(slice_head(text, slash), &network.address, &is_ipv4))
        return err_set(err, ERR_USAGE, NULL,
                       "'%s' is not a network: write one such as 10.0.0.0/8, 192.0.2.7 or "
                       "2001:db8::/32",
                       config_echo(text).text);
    unsigned width = is_ipv4 ? 32 : 128;
    if (slash != SIZE_MAX) {
        uint64_t bits = 0;
        if (!slice_to_u64(slice_from(text, slash + 1), &bits) || bits > width)
            return err_set(err, ERR_USAGE, NULL,
                           "the prefix length of '%s' is wrong: write a number from 0 to %u "
                           "behind the /",
                           config_echo(text).text, width);
        network.bits = 128 - width + (unsigned)bits;
    }
    if (clear_host_bits(&network))
        return err_set(err, ERR_USAGE, NULL,
                       "'%s' has address bits behind its prefix length: did you mean %s?",
                       config_echo(text).text, config_format_network(&network).text);
    *ret = network;
    return true;
}

bool net_list_contains(const struct net_list *list, const struct net_address *address)
{
    for (size_t i = 0; i < list->n; i++)
        if (net_prefix_contains(&list->items[i], address))
            return true;
    return false;
}

static struct config_text format_with_unit(uint64_t value, const struct unit *units)
{
    struct config_text out = {{0}};
    size_t i = 0;
    while (i + 1 < N_UNITS && (value == 0 || value % units[i].factor != 0))
        i++;
    (void)snprintf(out.text, sizeof(out.text), "%llu" SLICE_FMT,
                   (unsigned long long)(value / units[i].factor), SLICE_ARG(units[i].name));
    return out;
}

struct config_text config_format_duration(uint64_t ms)
{
    return format_with_unit(ms, time_units);
}

struct config_text config_format_size(uint64_t bytes)
{
    return format_with_unit(bytes, size_units);
}

struct config_text config_format_network(const struct net_prefix *network)
{
    struct config_text out = {{0}};
    char address[INET6_ADDRSTRLEN] = "?";
    bool is_ipv4 = network->bits >= 96 && net_address_is_ipv4(&network->address);
    const unsigned char *bytes = network->address.bytes + (is_ipv4 ? NET_IPV4_AT : 0);
    (void)inet_ntop(is_ipv4 ? AF_INET : AF_INET6, bytes, address, sizeof(address));
    (void)snprintf(out.text, sizeof(out.text), "%s/%u", address,
                   is_ipv4 ? network->bits - 96 : network->bits);
    return out;
}
