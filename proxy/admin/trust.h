/* The part of status.json about trust. Private to proxy/admin. */
#pragma once

#include "admin/admin.h"

#include <jansson.h>

/* The object that the other one makes, in the whole of status.json. */
void trust_render_text(const json_t *root, FILE *out);
/* A new reference; NULL: no memory. */
json_t *trust_render_json(const struct trust_status *status);
