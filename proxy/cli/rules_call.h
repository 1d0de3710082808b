/* The command line of the verbs of `stopgap rules`. */
#pragma once

#include "cli/cli.h"
#include "cli/rule_paths.h"

enum { RULES_MAX_WORDS = RULE_PATHS_MAX };

/* Options that only some verbs take. */
enum rules_option {
    RULES_OPTION_JSON = 1u << 0,
    RULES_OPTION_STRICT = 1u << 1,
    RULES_OPTION_CONFIG = 1u << 2,
};

/* What the command line asked for; it borrows argv. */
struct rules_call {
    const char *trust;
    const char *config;
    bool json;
    bool is_strict;
    bool wants_help;
    const char *words[RULES_MAX_WORDS]; /* what stands there beside the options */
    size_t n_words;
};

/* Read options and words. argv[0] is the verb.
 *
 * options  of enum rules_option that the verb takes beside --trust and --help
 * Returns EXIT_FINE, or EXIT_USAGE with the mistake printed. */
int rules_call_parse(int argc, char **argv, unsigned options, struct rules_call *ret_call);

/* n words from first on as paths of one set. "builtin" alone means the rules compiled into the
 * program, unless there is something of that name. Returns as above. */
int rules_call_paths(const struct rules_call *call, size_t first, size_t n,
                     struct rule_paths *ret_paths);
