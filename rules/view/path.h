/* The path of a target as http.sys and as a second reader behind it understand it.
 * Private to rules/view. */
#pragma once

#include "stopgap/arena.h"
#include "stopgap/slice.h"

/* True when neither reading would change anything in the path but the case of ASCII letters. */
bool path_is_plain(struct slice raw, bool *ret_has_upper);

/* Decoded once; "\" to "/", dot segments resolved, "//" merged, ASCII lower case.
 *
 * ret_anomalies  bits of enum view_anomaly are added
 * ret_path       starts with "/"; memory of the arena
 *
 * False: no memory. */
MUST_USE bool path_once(struct slice raw, struct arena *arena, uint32_t *ret_anomalies,
                        struct slice *ret_path);

/* Decoded until nothing changes, and read as a Windows file name is: look-alike characters
 * folded, "//" merged before dot segments are resolved, trailing dots and blanks, NTFS stream
 * names and ASP.NET cookieless segments taken off. Parameters as for path_once. */
MUST_USE bool path_stable(struct slice raw, struct arena *arena, uint32_t *ret_anomalies,
                          struct slice *ret_path);

/* First segment of a canonical path, without slashes; empty at the root. */
struct slice path_first_segment(struct slice path);

/* Is segment the first segment of the raw path after one plain decoding of %XX, case aside? */
bool path_raw_begins_with(struct slice raw, struct slice segment);
