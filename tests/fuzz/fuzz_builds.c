/* What a server sends when it is asked for its build: neither reader may read beyond the bytes. */
#include "stopgap/builds.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_make((const char *)data, size);
    struct build build;
    if (build_find_update(bytes, &build) && build.part[0] == 0)
        abort();
    if (build_from_manifest(bytes, &build) && build.part[0] == 0)
        abort();
    return 0;
}
