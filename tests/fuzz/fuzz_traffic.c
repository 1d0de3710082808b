/* Traffic files for measuring: any bytes; each request that comes out is whole and has one head. */
#include "traffic/traffic.h"

#include <stdlib.h>

#include "stopgap/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(struct slice request)
{
    const char *end = memmem(request.ptr, request.len, "\r\n\r\n", 4);
    if (end == NULL || memchr(request.ptr, '\0', (size_t)(end - request.ptr)) != NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct traffic traffic;
    struct err err = {0};
    traffic_init(&traffic);
    if (!traffic_parse(&traffic, slice_make((const char *)data, size), "fuzz", &err) &&
        err.kind == ERR_NONE)
        abort();
    for (size_t i = 0; i < traffic.n; i++)
        check_request(traffic_request(&traffic, i));
    traffic_done(&traffic);
    return 0;
}
