/* From a rules_source to the bytes of its rules. */
#pragma once

#include "origin/origin.h"
#include "stopgap/ruleset.h"

/* Read and verify everything that the source names. With one reference; NULL with err. */
struct origins *rules_gather(const struct rules_source *source, struct err *err);
