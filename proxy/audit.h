/* The files that tell who changed what at run time. */
#pragma once

#include "stopgap/slice.h"

#include <stdbool.h>

#define AUDIT_MITIGATIONS "mitigations.audit"
#define AUDIT_TRUST "trust.audit"

/* Append one line to DIRECTORY/NAME, safe from a power cut when it returns. A full file
 * (LIMIT_AUDIT_BYTES) becomes NAME.1, in place of the one before. False with errno: it is not
 * written. Blocks. */
bool audit_append(const char *directory, const char *name, struct slice line);
