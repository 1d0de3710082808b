/* Patterns of IIS (ECMAScript, Wildcard, ExactMatch) as regular expressions of the rule language,
 * with the same meaning. */
#pragma once

#include "import/iis/rewrite.h"

struct ecma {
    enum rewrite_syntax syntax;
    const char *text;
    bool has_line_ends; /* the input may hold line ends: it was decoded */
    const char *base;   /* the input is the path below this one, without "/"; NULL: it is whole */
};

/* The regex for the whole input (base NULL) or for the whole path "/base/...". NULL with
 * *ret_reason, a text in the arena, for what cannot be said. */
const char *ecma_translate(struct arena *arena, const struct ecma *ecma, const char **ret_reason);

/* Does the pattern match every input? Errs on the side of "no". */
bool ecma_is_always(struct arena *arena, const struct ecma *ecma);

/* Is group 0 (or group 1) of the pattern always the whole input? */
bool ecma_captures_all(const struct ecma *ecma, unsigned group);

bool ecma_compiles(const char *regex);

/* Does regex match subject, as the engine would say? False for one that does not compile. */
bool ecma_matches(const char *regex, bool is_sensitive, struct slice subject);

/* Some text that a translated regex matches, or nearly: callers check. Variants differ in the
 * alternatives they take. "" when none was found. */
const char *ecma_example(struct arena *arena, const char *regex, unsigned variant);
