/* What llhttp 8.1 in strict mode lets through and two parsers could read differently. One table
 * for requests, one for responses; each line names its source. */
#pragma once

#include "http/parse.h"

/* The request or status line, from its first byte to its CRLF. PARSE_HEAD: it is complete and
 * parser->fed stands behind it. */
enum parse_result strict_scan_start_line(struct http_parser *parser, struct slice bytes);
/* Between the fields of the raw head nothing but ": " and CRLF may stand. False: refused. */
bool strict_check_layout(struct http_parser *parser);
/* The parsed head: Host, framing, versions. Fills framing and content_length. False: refused. */
bool strict_check_head(struct http_parser *parser);
