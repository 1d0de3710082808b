/* The file of a pulse: container and text, which any web server on the way may have made. */
#include "stopgap/pulse.h"

#include "trust/pulse.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pulse pulse;
    struct pulse again;
    struct buf out;
    if (!pulse_parse(slice_make((const char *)data, size), &pulse, NULL))
        return 0;
    assert(pulse.n_entries <= PULSE_MAX_ENTRIES && pulse.root_version >= 1);
    for (size_t i = 0; i < pulse.n_entries; i++)
        (void)pulse_find(&pulse, pulse.entries[i].name, pulse.entries[i].lane, NULL);
    /* What was read can be written, and is then read as the same. */
    buf_init(&out, LIMIT_PULSE_FILE_BYTES);
    assert(pulse_write(&pulse, NULL, 0, &out, NULL));
    assert(pulse_parse(buf_slice(&out), &again, NULL));
    assert(again.created == pulse.created && again.n_entries == pulse.n_entries);
    buf_done(&out);
    return 0;
}
