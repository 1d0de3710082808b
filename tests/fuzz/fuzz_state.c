/* The state file. Its sum is put behind what the fuzzer made, or nothing would get beyond it; a
 * state that is read is written as a text that is read as the same. */
#include "trust/state.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_sum(struct buf *text)
{
    char hash[HASH_SIZE];
    assert(hash_hex(buf_slice(text), hash) && buf_printf(text, "sum %s\n", hash));
}

static void check_again(const struct state *state)
{
    static struct state again;
    struct buf first;
    struct buf second;
    buf_init(&first, STATE_MAX_BYTES);
    buf_init(&second, STATE_MAX_BYTES);
    assert(state_format(state, &first) && state_parse(buf_slice(&first), &again));
    assert(state_format(&again, &second) && slice_equal(buf_slice(&first), buf_slice(&second)));
    buf_done(&first);
    buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct state state; /* 100 KiB */
    struct buf text;
    if (state_parse(slice_make((const char *)data, size), &state))
        check_again(&state);
    if (size > STATE_MAX_BYTES / 2)
        return 0;
    buf_init(&text, STATE_MAX_BYTES);
    assert(buf_append(&text, slice_make((const char *)data, size)));
    add_sum(&text);
    if (state_parse(buf_slice(&text), &state))
        check_again(&state);
    buf_done(&text);
    return 0;
}
