/* The file of blocked mitigations with any bytes: no fault, and what is accepted is plain. The sum
 * is made good, so that the lines are reached. */
#include "stopgap/mitigation.h"

#include <stdlib.h>

#include "trust/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mitigation_store store;
    struct slice text = slice_make((const char *)data, size);
    char hash[HASH_SIZE];
    struct buf whole;
    struct err err = {0};
    if (size > MITIGATION_MAX_BLOCKS * 512)
        return 0;
    buf_init(&whole, size + 128);
    if (!hash_hex(text, hash) || !buf_append(&whole, text) || !buf_printf(&whole, "sum %s\n", hash))
        abort();
    if (mitigation_store_parse(buf_slice(&whole), &store, &err)) {
        for (size_t i = 0; i < store.n_blocks; i++)
            if (!mitigation_id_is_good(store.blocks[i].id) ||
                !mitigation_reason_is_good(store.blocks[i].reason))
                abort();
    } else if (err.text[0] == '\0') {
        abort();
    }
    if (mitigation_store_parse(text, &store, &err) && size == 0)
        abort(); /* without a sum nothing is believed */
    buf_done(&whole);
    return 0;
}
