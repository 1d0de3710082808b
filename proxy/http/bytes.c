/* Each class byte by byte; the steps are in the header. */
#include "http/bytes.h"

#include "stopgap/banned.h"

const unsigned char bytes_token_nibbles[BYTES_STEP] = {
    0xe8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc, 0xf8, 0xf8, 0xf4, 0x54, 0xd0, 0x54, 0xf4, 0x70};

static bool is_token_byte(unsigned char c)
{
    return c < 0x80 && (bytes_token_nibbles[c & 15] >> (c >> 4) & 1) != 0;
}

static bool is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

static bool is_target_byte(unsigned char c)
{
    return c > 0x20 && c < 0x7f && c != '#';
}

size_t bytes_token_rest(const char *at, const char *end)
{
    const char *from = at;
    while (at < end && is_token_byte((unsigned char)*at))
        at++;
    return (size_t)(at - from);
}

size_t bytes_text_rest(const char *at, const char *end)
{
    const char *from = at;
    while (at < end && !is_control((unsigned char)*at))
        at++;
    return (size_t)(at - from);
}

size_t bytes_target_rest(const char *at, const char *end)
{
    const char *from = at;
    while (at < end && is_target_byte((unsigned char)*at))
        at++;
    return (size_t)(at - from);
}
