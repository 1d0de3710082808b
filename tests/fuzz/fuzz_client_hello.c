/* The name in a ClientHello: bounded, the same however it is cut, never more when less was asked.
 */
#include "net/client_hello.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char name[CLIENT_HELLO_NAME_BYTES];
    char again[CLIENT_HELLO_NAME_BYTES];
    char *copy =
        malloc(size != 0 ? size : 1); /* exact, so that a sanitizer sees one byte too many */
    if (copy == NULL)
        return 0;
    if (size != 0)
        memcpy(copy, data, size);
    struct slice bytes = slice_make(copy, size);
    enum client_hello result = client_hello_read(bytes, name);
    if (memchr(name, '\0', sizeof(name)) == NULL ||
        (result != CLIENT_HELLO_NAME && name[0] != '\0'))
        abort();
    /* A verdict about the beginning holds for all that follows. */
    size_t step = size / 64 + 1;
    for (size_t len = 0; len < size; len += step) {
        enum client_hello part = client_hello_read(slice_head(bytes, len), again);
        if (part != CLIENT_HELLO_MORE && (part != result || strcmp(name, again) != 0))
            abort();
    }
    free(copy);
    return 0;
}
