/* Bytes that a document carries as base64, as remote PowerShell carries its commands. */
#pragma once

#include "body/values.h"

/* Decode text as .NET does: blanks do not count. What stands before the first character that is no
 * base64 is decoded, so a text that was cut shows its beginning.
 *
 * ret_bytes  in the arena. False: there is no memory. */
MUST_USE bool packed_decode(struct slice text, struct arena *arena, struct slice *ret_bytes);

/* Put the fragments of the PowerShell Remoting Protocol (MS-PSRP 2.2.4) together: a name may be cut
 * by the 21 bytes between two of them.
 *
 * ret_joined  in the arena; empty when bytes do not begin as a fragment does. False: no memory. */
MUST_USE bool packed_join(struct slice bytes, struct arena *arena, struct slice *ret_joined);
