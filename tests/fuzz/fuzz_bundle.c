/* The container reader and, behind it, the manifest parser: the first bytes a stranger controls. */
#include "trust/manifest.h"
#include "trust/ustar.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the reader accepts can be written again, and is then read as the same list. */
static void check_round_trip(const struct ustar *archive, size_t size)
{
    struct buf out;
    struct ustar again;
    buf_init(&out, size);
    for (size_t i = 0; i < archive->n_members; i++)
        assert(ustar_append(&out, archive->members[i].name, archive->members[i].data));
    assert(ustar_finish(&out) && out.len == size);
    assert(ustar_read(buf_slice(&out), &again, NULL) && again.n_members == archive->n_members);
    ustar_done(&again);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ustar archive;
    struct manifest manifest;
    if (!ustar_read(slice_make((const char *)data, size), &archive, NULL))
        return 0;
    check_round_trip(&archive, size);
    if (manifest_parse(archive.members[0].data, &manifest, NULL))
        manifest_done(&manifest);
    ustar_done(&archive);
    return 0;
}
