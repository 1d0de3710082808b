/* Names of certificates: collecting them, and who is covered. */
#include "net/tls_material.h"

#include "proxy_limits.h"

#include <stdlib.h>

#include "stopgap/banned.h"

enum { NAME_BYTES = 256 }; /* RFC 1035 2.3.4: 255, and the NUL */

bool tls_name_fold(struct slice name, char out[static 256])
{
    if (name.len != 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    if (name.len >= NAME_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++)
        out[i] = ascii_lower(name.ptr[i]);
    out[name.len] = '\0';
    return true;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* A DNS name, or one behind "*.". */
static bool is_name(const char *text)
{
    if (strncmp(text, "*.", 2) == 0)
        text += 2;
    if (text[0] == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (!is_name_char(*text))
            return false;
    return true;
}

bool tls_names_add(struct tls_names *names, struct slice name)
{
    char folded[NAME_BYTES] = "";
    bool has_nul = name.len != 0 && memchr(name.ptr, '\0', name.len) != NULL;
    if (has_nul || !tls_name_fold(name, folded) || !is_name(folded))
        return true;
    if (names->n >= LIMIT_CERTIFICATE_NAMES)
        return false;
    char **items = reallocarray(names->items, names->n + 1, sizeof(*items));
    if (items == NULL)
        return false;
    names->items = items;
    items[names->n] = strdup(folded);
    return items[names->n] != NULL && ++names->n != 0;
}

bool tls_names_cover(const struct tls_names *names, struct slice name)
{
    size_t dot = slice_find(name, '.');
    struct slice rest = dot != SIZE_MAX ? slice_from(name, dot) : slice_make(NULL, 0);
    for (size_t i = 0; i < names->n; i++) {
        struct slice one = slice_str(names->items[i]);
        bool is_pattern = one.ptr[0] == '*';
        if (slice_equal(one, name) ||
            (is_pattern && dot != 0 && slice_equal(slice_from(one, 1), rest)))
            return true;
    }
    return false;
}

void tls_names_done(struct tls_names *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct tls_names){0};
}
