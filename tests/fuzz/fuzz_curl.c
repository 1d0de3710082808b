/* A curl command of random bytes: no crash, and what is made of it is one request line and more. */
#include "cli/curl.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct curl_words words = {.n = 0};
    struct buf request;
    struct err err = {.kind = ERR_NONE};
    buf_init(&request, 64 * 1024);
    bool is_read = curl_words_read(&words, slice_make((const char *)data, size), &err);
    bool is_made = is_read && curl_request(&words, &request, &err);
    if (!is_made && err.kind == ERR_NONE)
        abort();
    if (is_made && memmem(request.ptr, request.len, "\r\n\r\n", 4) == NULL)
        abort();
    curl_words_done(&words);
    buf_done(&request);
    return 0;
}
