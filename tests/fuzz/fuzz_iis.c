/* Any bytes as a configuration of IIS: an answer, no crash, no leak; every rule file that comes out
 * has been loaded and has passed its own samples. */
#include <assert.h>
#include <stdint.h>

#include "language/rule.h"
#include "stopgap/iis.h"

#include "stopgap/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
    for (; *text != '\0'; text++)
        assert(*text >= ' ' && *text <= '~');
}

static void check_outcome(const struct iis_outcome *outcome)
{
    struct rule_list list = {0};
    struct err err = {0};
    bool is_written = outcome->fate == IIS_TRANSLATED || outcome->fate == IIS_UNPROVEN;
    assert((outcome->file != NULL) == is_written);
    assert(outcome->fate != IIS_REFUSED || outcome->text[0] != '\0');
    check_text(outcome->name);
    if (outcome->file != NULL)
        assert(strchr(outcome->file, '/') == NULL);
    if (outcome->fate == IIS_TRANSLATED)
        assert(rules_parse(outcome->yaml, "fuzz", outcome->file, &list, &err));
    rule_list_done(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct iis_options options = {.file = "fuzz.config"};
    struct err err = {0};
    struct iis_import *import =
        iis_import_read(slice_make((const char *)data, size), &options, &err);
    if (import == NULL) {
        assert(err.kind != ERR_NONE && err.text[0] != '\0');
        check_text(err.text);
        return 0;
    }
    for (size_t i = 0; i < iis_import_n_outcomes(import); i++)
        check_outcome(iis_import_outcome(import, i));
    iis_import_free(import);
    return 0;
}
