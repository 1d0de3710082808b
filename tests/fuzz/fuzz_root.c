/* The root parser with its keys. */
#include "trust/root.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct root *root = root_parse(slice_make((const char *)data, size), NULL);
    if (root == NULL)
        return 0;
    assert(root->version >= 1 && root->thresholds[ROLE_RULES] >= 1);
    assert(root->n_keys <= LIMIT_KEYS_PER_ROOT);
    for (size_t i = 0; i < root->n_keys; i++)
        assert(root->keys[i].roles != 0 && strlen(root->keys[i].id) == TEXT_HASH_CHARS);
    (void)root_is_withdrawn(root, SLICE("exchange-core"), 1, 2026112401);
    root_free(root);
    return 0;
}
