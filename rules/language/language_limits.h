/* Maxima of a rule file that nobody outside this folder needs; the others are in
 * include/stopgap/limits.h. */
#pragma once

#include "stopgap/limits.h"

enum {
    LIMIT_RULE_ID_BYTES = 63,     /* fits a DNS label, a file name and a metric's label */
    LIMIT_RULE_TEXT_BYTES = 4096, /* a title or a note for a reader, an address of a page */
    LIMIT_RULE_NOTES = 64,        /* entries of cve, references, applies_to, blind_to */
    LIMIT_TEST_VALUES = 1024,     /* of one one_of or in_cidr; a country's networks fit */
    LIMIT_SAMPLE_HEADERS = 100,   /* header fields of one sample; browsers send under 30 */
    LIMIT_SUGGESTION_BYTES = 31,  /* of a word that is compared with the known ones */
    LIMIT_FOLDER_DEPTH = 8,       /* folders in a rule folder: a family, a year, a spare few */

    /* root, when, then two levels of YAML for each level of conditions, a list of values at the
     * end; a few more, so that one level too many gets the message about conditions. */
    LIMIT_YAML_DEPTH = 2 * LIMIT_CONDITION_DEPTH + 10,
    /* 500 samples of 40 values; bounds the work of the scan and what it remembers. */
    LIMIT_YAML_VALUES = 20000,
};
