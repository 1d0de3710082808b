/* Maxima of an import. An applicationHost.config has about 100 KiB and a few dozen rules. */
#pragma once

#include "stopgap/limits.h"

enum {
    IIS_XML_BYTES = 2 * 1024 * 1024,    /* twenty times the usual applicationHost.config */
    IIS_XML_DEPTH = 64,                 /* real files nest under 12 */
    IIS_XML_NODES = 100000,             /* bounds memory; real ones have under 10,000 */
    IIS_ARENA_BYTES = 64 * 1024 * 1024, /* of one import, all texts and rule files */
    IIS_RULES = 500,                    /* of one file; each is compiled by itself */
    IIS_CONDITIONS = 64,                /* of one rule */
    IIS_MAP_ENTRIES = 1024,             /* as many values as one test can have */
    IIS_TEXT_BYTES = 1024,    /* of a reason or an input; longer ones are cut or refused */
    IIS_VALUE_BYTES = 300,    /* of a header that a rule sets; policies are under 200 */
    IIS_BASE_BYTES = 256,     /* of a virtual directory's path; under 40 in Exchange */
    IIS_GROUP_DEPTH = 32,     /* parentheses in parentheses of a pattern */
    IIS_MATCH_STEPS = 100000, /* of one try with a pattern; honest ones need a few hundred */
    IIS_EXAMPLE_BYTES = 2048, /* of a made-up value; request targets are shorter */
    IIS_YAML_BYTES = LIMIT_RULE_FILE_BYTES,
};
