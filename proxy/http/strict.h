/* Start line and field lines, and what of a head two parsers could read differently: one table for
 * requests, one for responses; each line names its source. */
#pragma once

#include "http/parse.h"

/* The request or status line, from its first byte to its CRLF. PARSE_HEAD: it is complete and
 * parser->fed stands behind it. */
enum parse_result strict_scan_start_line(struct http_parser *parser, struct slice bytes);
/* The field lines, from parser->fed on: complete ones are kept in parser->raw. PARSE_HEAD: the
 * empty line was read, and parser->fed stands behind it. */
enum parse_result strict_scan_fields(struct http_parser *parser, struct slice bytes);
/* The parsed head: Host, framing, versions. Fills framing and content_length. False: refused. */
bool strict_check_head(struct http_parser *parser);
