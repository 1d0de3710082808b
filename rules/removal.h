/* Sets that take many rules of the one before them away: more often a slip, or a stolen key, than
 * meant. */
#pragma once

#include "drift/drift.h"
#include "origin/origin.h"
#include "stopgap/ruleset.h"

/* What becomes of the rules of the set before. */
struct removal_count {
    size_t n_before;  /* rules that act; counted by the caller */
    size_t n_gone;    /* of them: not there any more, or acting on less */
    const char *kept; /* id of a rule with `keep: true` that is gone; borrowed; NULL: none */
};

/* Take in what becomes of one of them. True: it is gone, or looser. */
bool removal_note(struct removal_count *count, const struct rule *old_rule, enum drift drift);
/* More than a fifth of them are gone, or one that should be kept: not without notice. */
bool removal_is_conspicuous(const struct removal_count *count);

/* May these sources take the place of source->before? Bundles that came by themselves may not take
 * too much away, unless their publisher says that it is urgent or the trust store allows it; such a
 * one is held in the store, and err is E_REMOVES. */
MUST_USE bool removal_check(const struct rules_source *source, const struct origins *origins,
                            struct err *err);
