/* What to do about a refusal code. Private to proxy/admin. */
#pragma once

/* One sentence for the operator, or NULL for a code without one. */
const char *remedy_of_code(const char *code);
