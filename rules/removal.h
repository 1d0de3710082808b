/* Sets that take many rules of the one before them away: more often a slip, or a stolen key, than
 * meant. */
#pragma once

#include "origin/origin.h"
#include "stopgap/ruleset.h"

/* More than this share of the rules that act may not go, or act on less, without notice. */
#define REMOVAL_MAX_PERCENT 20

/* May these sources take the place of source->before? Bundles that came by themselves may not take
 * too much away, unless their publisher says that it is urgent or the trust store allows it; such a
 * one is held in the store, and err is E_REMOVES. */
MUST_USE bool removal_check(const struct rules_source *source, const struct origins *origins,
                            struct err *err);
