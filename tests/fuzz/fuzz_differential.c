/* Pipelined requests of any bytes: what the proxy accepts and sends upstream must be the same
 * list of requests to a reader that shares no code with it. */
#include "differential.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns how many bytes the request had; 0: it is refused or not complete. */
static size_t forward_one(struct slice raw, unsigned flags)
{
    struct message message;
    struct message_spec spec = {.raw = raw, .cut = CUT_RANDOM, .cut_arg = roundtrip_hash(raw)};
    message_read(&message, &spec);
    size_t used = message.is_done ? message.used : 0;
    if (used != 0)
        differential_check(&message, flags);
    message_done(&message);
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice rest = slice_make((const char *)data + 1, size - 1);
    size_t used = 1;
    while (rest.len != 0 && used != 0) {
        used = forward_one(rest, data[0]);
        rest = slice_from(rest, used);
    }
    return 0;
}
