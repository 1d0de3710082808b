/* The rules of fuzz_check: one for each way in which a test can become a pattern. */
#pragma once

#include "engine/engine.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const fuzz_check_conditions[] = {
    "{field: path, contains: /owa/}",
    "{field: path, regex: '^/owa/(?!auth/).*[.]aspx$'}",
    "{field: target, regex: '(?=.*autodiscover)(?=.*powershell)'}",
    "{field: query, regex: '([a-z]{3})=\\1'}",
    "{field: arg, name: email, regex: '[/?]'}",
    "{field: arg, not_regex: '^[a-z0-9]*$'}",
    "{field: arg_name, equals: x-rps-cat}",
    "{field: cookie, name: X-BEResource, not_regex: '^[a-z0-9.-]+~[0-9]+$'}",
    "{field: cookie, regex: '^[^a]b'}",
    "{field: header, name: X-A, ends_with: 'a/b', case: sensitive}",
    "{field: header, name: Cookie, contains: 'k=a; '}",
    "{all: [{field: method, not_one_of: [GET, HEAD]}, {field: path, regex: '/x|y$'}]}",
    "{any: [{field: anomaly, equals: encoded_slash}, {field: vdir, equals: ecp}]}",
    "{all: [{field: path, starts_with: /ews}, {field: body, regex: '<m:evil[0-9]>'}]}",
    "{all: [{none: [{field: body, contains: 'a<b'}]}, {field: path, contains: x}]}",
    "{field: form, name: p, regex: '^a b'}",
    "{field: json, name: k, regex: '^a.?b$'}",
    "{field: json_key, equals: k}",
    "{all: [{field: xml_element, equals: a}, {field: xml_text, name: b, not_regex: '^[a-z]+$'}]}",
    "{field: xml_attr, ends_with: 'a/b'}",
    "{field: multipart, name: k, contains: '<%'}",
    "{field: multipart_filename, regex: '[.]aspx$'}",
    "{field: body_anomaly, one_of: [encoding_bomb, xml_dtd, json_invalid]}",
    "{none: [{field: host, regex: '^[a-z.]+$'}]}",
};

enum { FUZZ_CHECK_RULES = sizeof(fuzz_check_conditions) / sizeof(fuzz_check_conditions[0]) };

/* A lease of the set, made once. */
static inline struct lease *fuzz_check_lease(void)
{
    static struct lease *lease;
    struct rule_list list = {0};
    struct err err = {0};
    for (size_t i = 0; i < FUZZ_CHECK_RULES && lease == NULL; i++) {
        char text[1024];
        (void)snprintf(text, sizeof(text),
                       "id: R%zu\ntitle: t\nseverity: low\nside_effects: none known\n"
                       "action: {type: block}\nwhen: %s\n"
                       "samples:\n  must_block: [{target: /}]\n  must_pass: [{target: /}]\n",
                       i, fuzz_check_conditions[i]);
        if (!rules_parse(slice_str(text), "fuzz", "fuzz.yaml", &list, &err))
            abort();
    }
    if (lease != NULL)
        return lease;
    struct ruleset *set = ruleset_compile(&list, &err);
    lease = set != NULL ? lease_new(set, &err) : NULL;
    ruleset_unref(set); /* the lease has its own reference */
    if (lease == NULL)
        abort();
    return lease;
}
