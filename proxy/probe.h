/* Health checks of others: a balancer in front, or monitoring, asks for /VDIR/healthcheck.htm.
 *
 * If a rule blocked them, the balancer would take the server out for everybody. So they are not
 * inspected - but only what cannot carry an attack: the literal target, GET or HEAD, no body, no
 * query, and no field beyond a short list whose values are short. A request with a cookie, an
 * Authorization or any other field goes to the rules like every other. */
#pragma once

#include "http/parse.h"

/* Is this request such a check? vdirs: the directories that have the page. */
bool probe_is_exempt(const struct http_parser *request, const struct slice *vdirs, size_t n_vdirs);
