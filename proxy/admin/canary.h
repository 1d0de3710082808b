/* New rules on trial, or under watch, in the status. */
#pragma once

#include "admin/admin.h"

#include <jansson.h>
#include <stdio.h>

/* The object "new_rules"; NULL: no memory. */
json_t *canary_render_json(const struct canary_status *status);
/* Lines of the status page, out of the JSON; nothing where there is nothing to tell. */
void canary_render_text(const json_t *root, FILE *out);
