/* An admin request cut in two is read as the whole one is. */
#include "admin/parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct admin_parser whole;
    struct admin_parser cut;
    if (size < 2)
        return 0;
    size_t at = data[0] % (size - 1);
    struct slice bytes = slice_make((const char *)data + 1, size - 1);

    admin_parser_init(&whole);
    admin_parser_init(&cut);
    bool is_done = admin_parser_feed(&whole, bytes) == ADMIN_PARSE_DONE;
    (void)admin_parser_feed(&cut, slice_head(bytes, at));
    bool is_done_cut = admin_parser_feed(&cut, slice_from(bytes, at)) == ADMIN_PARSE_DONE;
    /* Limits are looked at between pieces, so near them the two may differ. */
    if (size > LIMIT_ADMIN_HEAD_BYTES / 2)
        return 0;
    if (is_done != is_done_cut ||
        (is_done && (!slice_equal(admin_parser_path(&whole), admin_parser_path(&cut)) ||
                     admin_parser_method(&whole) != admin_parser_method(&cut))))
        abort();
    return 0;
}
