/* Strict base64: one text for each sequence of bytes, so that nothing hides in the padding. */
#include "stopgap/base64.h"

#include "stopgap/banned.h"

/* 0 to 63, or 64 for a character outside the alphabet. */
static unsigned digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

bool base64_decode(struct slice text, char *out, size_t *ret_len)
{
    size_t padding = 0;
    size_t len = 0;
    if (text.len % 4 != 0)
        return false;
    while (padding < 2 && padding < text.len && text.ptr[text.len - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < text.len; i += 4) {
        bool is_last = i + 4 == text.len;
        size_t n_digits = is_last ? 4 - padding : 4;
        uint32_t bits = 0;
        for (size_t j = 0; j < 4; j++) {
            unsigned digit = j < n_digits ? digit_of(text.ptr[i + j]) : 0;
            if (digit > 63)
                return false;
            bits = bits << 6 | digit;
        }
        for (size_t j = 0; j < n_digits - 1; j++)
            out[len++] = (char)(bits >> (16 - 8 * j) & 0xff);
        if (is_last && (bits & ((1u << (8 * padding)) - 1)) != 0)
            return false;
    }
    *ret_len = len;
    return true;
}
