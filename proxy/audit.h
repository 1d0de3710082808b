/* The file that tells who changed what at run time. */
#pragma once

#include "stopgap/slice.h"

#include <stdbool.h>

/* Append one line to DIRECTORY/mitigations.audit, safe from a power cut when it returns. A full
 * file (LIMIT_AUDIT_BYTES) becomes mitigations.audit.1, in place of the one before. False with
 * errno: it is not written. Blocks. */
bool audit_append(const char *directory, struct slice line);
