/* The whole way of a feed document: its outer form, and behind a signature that is taken for
 * granted the reading and conversion of what it would cover. */
#include "import/eocs/content.h"
#include "stopgap/eocs.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void convert_all(const struct eocs_document *document)
{
    struct err err = {0};
    for (size_t i = 0; i < document->n_mitigations; i++) {
        struct eocs_files files;
        if (!eocs_convert(&document->mitigations[i], true, &files, &err)) {
            assert(err.code[0] != '\0' && files.n == 0);
            continue;
        }
        for (size_t j = 0; j < files.n; j++)
            assert(strchr(files.items[j].name, '/') == NULL && files.items[j].text.len != 0);
        eocs_files_free(&files);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct eocs_trust *trust;
    struct slice bytes = slice_make((const char *)data, size);
    struct err err = {0};
    struct eocs_document *document = NULL;
    if (trust == NULL)
        trust = eocs_trust_open(&(struct eocs_trust_options){0}, &err);
    assert(trust != NULL);
    const struct eocs_options options = {.trust = trust, .now = 1795521600};
    if (eocs_verify(bytes, &options, &document, &err))
        eocs_document_free(document);
    else
        assert(err.code[0] != '\0');
    struct document *content = calloc(1, sizeof(*content));
    assert(content != NULL);
    arena_init(&content->arena, content->first, sizeof(content->first), 8UL * 1024 * 1024);
    if (content_read(bytes, content, &err))
        convert_all(&content->public);
    arena_done(&content->arena);
    free(content);
    return 0;
}
