/* Goes along a regex from its "^" and keeps the texts that may have been read. A set of texts is
 * true at each point, so whatever is not understood ends the walk. */
#include "engine/regex_start.h"

#include "engine/regex_text.h"

#include "stopgap/banned.h"

enum {
    MAX_DEPTH = 6,   /* of groups */
    MAX_CLASS = 16,  /* bytes of a class that are told apart */
    WHOLE_SCORE = 4, /* few values are as short as a text that is known to its end */
    NOT_A_BYTE = -1,
};

/* ---- sets of texts */

static void starts_close(struct regex_starts *starts)
{
    for (size_t i = 0; i < starts->n; i++)
        starts->items[i].is_open = false;
}

static bool starts_are_open(const struct regex_starts *starts)
{
    for (size_t i = 0; i < starts->n; i++)
        if (starts->items[i].is_open)
            return true;
    return false;
}

/* The texts of `from` that are open, or those that are not. False: too many. */
static bool starts_add(struct regex_starts *to, const struct regex_starts *from, bool is_open)
{
    for (size_t i = 0; i < from->n; i++) {
        if (from->items[i].is_open != is_open)
            continue;
        if (to->n == REGEX_STARTS)
            return false;
        to->items[to->n++] = from->items[i];
    }
    return true;
}

static void start_append(struct regex_start *start, char byte)
{
    if (start->len == REGEX_START_BYTES)
        start->is_open = false;
    else
        start->bytes[start->len++] = ascii_lower(byte);
}

static void starts_append(struct regex_starts *starts, char byte)
{
    for (size_t i = 0; i < starts->n; i++)
        if (starts->items[i].is_open)
            start_append(&starts->items[i], byte);
}

/* ---- elements: a byte, a class, a group */

static int hex_digit(char c)
{
    c = ascii_lower(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : NOT_A_BYTE;
}

/* The byte that a TOKEN_BYTE stands for, or NOT_A_BYTE. */
static int byte_of_token(struct slice token)
{
    if (token.ptr[0] != '\\')
        return token.len == 1 ? (unsigned char)token.ptr[0] : NOT_A_BYTE;
    char c = token.len > 1 ? token.ptr[1] : '\0';
    if (c == 'x') {
        /* One digit or none is allowed there and means something else. */
        bool is_number =
            token.len == 4 && hex_digit(token.ptr[2]) >= 0 && hex_digit(token.ptr[3]) >= 0;
        return is_number ? hex_digit(token.ptr[2]) * 16 + hex_digit(token.ptr[3]) : NOT_A_BYTE;
    }
    bool is_letter = ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
    bool is_plain = c > ' ' && c < 0x7f && !is_letter && !(c >= '0' && c <= '9');
    return is_plain && token.len == 2 ? c : NOT_A_BYTE;
}

/* "[0-9]", "[ab]": nothing escaped, excluded or named. */
static bool read_class(struct slice inside, struct regex_starts *starts)
{
    struct regex_starts result = {.n = 0};
    unsigned n_bytes = 0;
    bool fits = inside.len != 0 && inside.ptr[0] != '^' && slice_find(inside, '\\') == SIZE_MAX &&
                slice_find(inside, '[') == SIZE_MAX && slice_find(inside, ']') == SIZE_MAX;
    fits = fits && starts_add(&result, starts, false);
    for (size_t i = 0; i < inside.len && fits;) {
        int first = (unsigned char)inside.ptr[i];
        bool is_range = i + 2 < inside.len && inside.ptr[i + 1] == '-';
        int last = is_range ? (unsigned char)inside.ptr[i + 2] : first;
        for (int byte = first; byte <= last && fits; byte++) {
            struct regex_starts one = *starts;
            starts_append(&one, (char)byte);
            fits = ++n_bytes <= MAX_CLASS;
            for (size_t s = 0; s < starts->n && fits; s++) {
                if (!starts->items[s].is_open)
                    continue;
                fits = result.n < REGEX_STARTS;
                if (fits)
                    result.items[result.n++] = one.items[s];
            }
        }
        i += is_range ? 3 : 1;
    }
    if (fits)
        *starts = result;
    return fits;
}

static void read_sequence(struct slice regex, unsigned depth, struct regex_starts *starts);

static bool read_alternatives(struct slice regex, unsigned depth, struct regex_starts *starts)
{
    struct regex_starts open = {.n = 0};
    struct regex_starts result = {.n = 0};
    struct slice alternative;
    bool fits =
        depth < MAX_DEPTH && starts_add(&open, starts, true) && starts_add(&result, starts, false);
    while (fits && regex_next_alternative(&regex, &alternative)) {
        struct regex_starts one = open;
        read_sequence(alternative, depth, &one);
        fits = starts_add(&result, &one, true) && starts_add(&result, &one, false);
    }
    if (fits)
        *starts = result;
    return fits;
}

static bool read_group(struct slice regex, size_t at, unsigned depth, struct regex_starts *starts,
                       size_t *ret_end)
{
    size_t close = regex_find_close(regex, at + 1);
    if (close == SIZE_MAX)
        return false;
    *ret_end = close + 1;
    struct slice inside = slice_make(regex.ptr + at + 1, close - at - 1);
    /* What looks around takes no bytes. */
    if (slice_starts_with(inside, SLICE("?=")) || slice_starts_with(inside, SLICE("?!")) ||
        slice_starts_with(inside, SLICE("?<=")) || slice_starts_with(inside, SLICE("?<!")))
        return true;
    if (slice_starts_with(inside, SLICE("?:")))
        inside = slice_from(inside, 2);
    bool is_plain = inside.len == 0 || (inside.ptr[0] != '?' && inside.ptr[0] != '*');
    return is_plain && read_alternatives(inside, depth + 1, starts);
}

static bool read_element(struct slice regex, struct slice token, unsigned depth,
                         struct regex_starts *starts, size_t *ret_end)
{
    size_t at = (size_t)(token.ptr - regex.ptr);
    int byte = NOT_A_BYTE;
    *ret_end = at + token.len;
    if (token.ptr[0] == '(')
        return read_group(regex, at, depth, starts, ret_end);
    if (token.ptr[0] == '[')
        return token.len > 2 && read_class(slice_make(token.ptr + 1, token.len - 2), starts);
    if (token.ptr[0] == '$') {
        for (size_t i = 0; i < starts->n; i++)
            starts->items[i].is_whole |= starts->items[i].is_open;
        starts_close(starts);
        return true;
    }
    if (regex_token_read(regex, at).kind == TOKEN_BYTE)
        byte = byte_of_token(token);
    if (byte != NOT_A_BYTE)
        starts_append(starts, (char)byte);
    return byte != NOT_A_BYTE;
}

/* Depth is limited by MAX_DEPTH. regex has no alternatives. */
static void read_sequence(struct slice regex, unsigned depth, struct regex_starts *starts)
{
    for (size_t at = 0; at < regex.len && starts_are_open(starts);) {
        struct regex_token token = regex_token_read(regex, at);
        struct regex_starts before = *starts;
        size_t end;
        bool is_read =
            read_element(regex, slice_make(regex.ptr + at, token.end - at), depth, starts, &end);
        struct regex_token next = {.kind = TOKEN_OTHER};
        if (is_read && end < regex.len)
            next = regex_token_read(regex, end);
        bool is_repeated = next.kind == TOKEN_REPEAT;
        if (is_repeated && regex.ptr[end] == '?')
            is_read = starts_add(starts, &before, true);
        else if (is_repeated && regex.ptr[end] == '+')
            starts_close(starts);
        else if (is_repeated || (end < regex.len && regex.ptr[end] == '{'))
            is_read = false;
        at = is_repeated ? next.end : end;
        if (!is_read) {
            *starts = before;
            starts_close(starts);
        }
    }
}

bool regex_find_starts(struct slice regex, struct regex_starts *ret_starts)
{
    struct slice alternative;
    ret_starts->n = 0;
    bool is_known = !regex_is_obscure(regex) && !regex_is_multiline(regex);
    while (is_known && regex_next_alternative(&regex, &alternative)) {
        struct regex_starts one = {.items = {{.is_open = true}}, .n = 1};
        bool is_anchored =
            alternative.len != 0 && alternative.ptr[0] == '^' &&
            (alternative.len == 1 || regex_token_read(alternative, 1).kind != TOKEN_REPEAT);
        if (!is_anchored)
            return false;
        read_sequence(slice_from(alternative, 1), 0, &one);
        is_known = starts_add(ret_starts, &one, true) && starts_add(ret_starts, &one, false);
    }
    return is_known && regex_starts_score(ret_starts) != 0;
}

unsigned regex_starts_score(const struct regex_starts *starts)
{
    unsigned least = starts->n != 0 ? REGEX_START_BYTES : 0;
    for (size_t i = 0; i < starts->n; i++) {
        const struct regex_start *start = &starts->items[i];
        unsigned score = start->len + (start->is_whole ? (unsigned)WHOLE_SCORE : 0u);
        least = score < least ? score : least;
    }
    return least;
}

char regex_find_rare_byte(struct slice regex)
{
    struct slice rest = regex;
    struct slice alternative;
    unsigned depth = 0;
    if (regex_is_obscure(regex) || !regex_next_alternative(&rest, &alternative) || rest.ptr != NULL)
        return '\0';
    for (size_t at = 0; at < regex.len;) {
        struct regex_token token = regex_token_read(regex, at);
        struct regex_token next = {.kind = TOKEN_OTHER};
        int byte = NOT_A_BYTE;
        if (token.end < regex.len)
            next = regex_token_read(regex, token.end);
        bool is_needed = depth == 0 && !(next.kind == TOKEN_REPEAT && next.is_optional) &&
                         !(next.kind == TOKEN_BYTE && regex.ptr[token.end] == '{');
        if (token.kind == TOKEN_BYTE && is_needed)
            byte = byte_of_token(slice_make(regex.ptr + at, token.end - at));
        if (byte > 0 && strchr("@~|<>\"'`^{}\\", byte) != NULL)
            return (char)byte;
        depth += token.kind == TOKEN_OPEN ? 1 : 0;
        depth -= token.kind == TOKEN_CLOSE && depth != 0 ? 1 : 0;
        at = token.end;
    }
    return '\0';
}
