/* A request made of random bytes: no crash, and the scan agrees with plain evaluation. */
#include "fuzz_check_rules.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input up to the next 0x1e, which no field holds. */
static struct slice cut(struct slice *rest)
{
    size_t len = slice_find(*rest, 0x1e);
    struct slice part = slice_head(*rest, len);
    *rest = slice_from(*rest, len == SIZE_MAX ? rest->len : len + 1);
    return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"Cookie", "X-A", "Content-Type", "Host"};
    enum { N_FIELDS = sizeof(names) / sizeof(names[0]) };
    struct lease *lease = fuzz_check_lease();
    struct slice rest = {.ptr = (const char *)data, .len = size};
    struct header_field fields[N_FIELDS];
    struct request_head head = {.method = cut(&rest), .target = cut(&rest)};
    for (size_t i = 0; i < N_FIELDS; i++)
        fields[i] = (struct header_field){.name = slice_str(names[i]), .value = cut(&rest)};
    head.host = fields[N_FIELDS - 1].value;
    head.fields = fields;
    head.n_fields = N_FIELDS;
    head.has_body = rest.len != 0;
    struct response_head response = {.status = 200, .fields = fields, .n_fields = N_FIELDS};
    struct trial trial = {.head = &head, .body = rest, .response = &response};
    bool matched[FUZZ_CHECK_RULES];
    bool expected[FUZZ_CHECK_RULES];
    bool is_judged = ruleset_try(lease, &trial, matched);
    trial.is_exhaustive = true;
    if (ruleset_try(lease, &trial, expected) && is_judged)
        assert(memcmp(matched, expected, sizeof(matched)) == 0);
    return 0;
}
