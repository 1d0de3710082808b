/* A request of any bytes, whole and cut: the same result; and what is accepted reads the same
 * after the proxy has written it anew. The first byte of the input chooses the rewrite. */
#include "roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct message message;
    struct message_spec spec = {.raw = slice_make((const char *)data + 1, size - 1)};
    message_read(&message, &spec);
    roundtrip_check_cuts(&message, spec);
    if (message.is_head_parsed)
        roundtrip_request(&message.parser.head, data[0]);
    message_done(&message);
    return 0;
}
