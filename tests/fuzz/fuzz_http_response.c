/* A response of any bytes, whole and cut: the same result; and what is accepted reads the same
 * after the proxy has written it anew. The first byte: was it HEAD, does the connection end. */
#include "roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct message message;
    struct message_spec spec = {.raw = slice_make((const char *)data + 1, size - 1),
                                .is_response = true,
                                .is_head = (data[0] & 0x10) != 0,
                                .is_ended = (data[0] & 0x20) != 0};
    message_read(&message, &spec);
    roundtrip_check_cuts(&message, spec);
    if (message.is_head_parsed)
        roundtrip_response(&message.parser.head, spec.is_head, data[0]);
    message_done(&message);
    return 0;
}
