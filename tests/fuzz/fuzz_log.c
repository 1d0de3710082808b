/* Escaping and masking of log texts: bounded, plain ASCII, no quote gets out. */
#include "log/log.h"
#include "log/mask.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(struct slice text, size_t max)
{
    char *out = malloc(max != 0 ? max : 1); /* exact, so that a sanitizer sees one byte too many */
    if (out == NULL)
        return;
    size_t len = log_escape_json(text, out, max);
    if (len > max)
        abort();
    for (size_t i = 0; i < len; i++) {
        size_t n = out[i] == '\\' ? (i + 1 < len && out[i + 1] == 'u' ? 5 : 1) : 0;
        if (out[i] < 0x20 || out[i] > 0x7e || out[i] == '"' || n >= len - i)
            abort();
        i += n;
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char target[MASK_TARGET_BYTES + MASK_MARK_BYTES];
    char excerpt[256];
    struct slice text = slice_make((const char *)data, size);
    check_json(text, size * 6);
    check_json(text, size != 0 ? data[0] : 0);
    struct slice masked = mask_target(text, target);
    if (masked.len > sizeof(target))
        abort();
    if (mask_excerpt(text, excerpt, sizeof(excerpt)).len > sizeof(excerpt))
        abort();
    return 0;
}
