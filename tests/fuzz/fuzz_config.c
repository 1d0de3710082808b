/* A configuration of any bytes: no fault, no leak, and what is accepted survives being printed. */
#include "config/config_internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_error(void *ctx, const struct err *err)
{
    (void)ctx;
    if (err->text[0] == '\0' || err->line == 0)
        abort(); /* every mistake has a text and a place */
}

static bool read_and_print(struct slice input, char **ret_text, size_t *ret_len)
{
    struct config config;
    config_init(&config);
    bool is_good = config_read_text(&config, "fuzz", input, on_error, NULL);
    FILE *out = open_memstream(ret_text, ret_len);
    if (out == NULL || (is_good && !config_print(&config, out)))
        abort(); /* what YAML gave, YAML can hold */
    (void)fclose(out);
    config_done(&config);
    return is_good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *first = NULL, *second = NULL;
    size_t first_len = 0, second_len = 0;
    if (read_and_print(slice_make((const char *)data, size), &first, &first_len) &&
        (!read_and_print(slice_make(first, first_len), &second, &second_len) ||
         !slice_equal(slice_make(first, first_len), slice_make(second, second_len))))
        abort();
    free(first);
    free(second);
    return 0;
}
