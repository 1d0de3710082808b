/* The manifest parser. */
#include "trust/manifest.h"
#include "trust/text.h"
#include "trust/ustar.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct manifest manifest;
    if (!manifest_parse(slice_make((const char *)data, size), &manifest, NULL))
        return 0;
    assert(text_is_name(manifest.name) && text_is_hash(manifest.root_hash));
    assert(manifest.serial >= 1 && manifest.serial <= TEXT_NUMBER_MAX);
    for (size_t i = 0; i < manifest.n_files; i++)
        assert(ustar_name_is_valid(manifest.files[i].name) && text_is_hash(manifest.files[i].hash));
    manifest_done(&manifest);
    return 0;
}
