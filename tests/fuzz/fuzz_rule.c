/* Any bytes as a rule file: an answer, no crash, no leak; what is accepted keeps its promises. */
#include <assert.h>
#include <stdint.h>

#include "language/rule.h"

#include "stopgap/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rule_list list = {0};
    struct err err = {0};
    struct slice text = slice_make((const char *)data, size);
    if (rules_parse(text, "fuzz", "fuzz.yaml", &list, &err)) {
        const struct rule *rule = list.items[0];
        assert(list.n == 1 && rule->when != NULL && rule->id != NULL && rule->title != NULL);
        assert(rule->n_must_block != 0 && rule->n_must_pass != 0);
        assert(action_is_response(rule->action) == (rule->header != NULL));
        /* The same file again has an id that is taken. */
        assert(!rules_parse(text, "fuzz", "again.yaml", &list, &err) && list.n == 1);
    } else {
        assert(list.n == 0 && err.kind != ERR_NONE && err.text[0] != '\0');
        for (const char *c = err.text; *c != '\0'; c++)
            assert(*c >= ' ' && *c <= '~');
    }
    rule_list_done(&list);
    return 0;
}
