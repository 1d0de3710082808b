/* What a text of a rule may look like: pure checks of NUL-terminated strings. Private to this
 * folder. */
#pragma once

#include "stopgap/slice.h"

bool text_is_id(const char *text);          /* letters, digits, ".", "_", "-"; 1 to 63 */
bool text_is_token(const char *text);       /* token of RFC 9110 5.6.2: a field's name, a method */
bool text_is_printable(const char *text);   /* not empty, no control characters; UTF-8 is allowed */
bool text_is_field_value(const char *text); /* no control characters except HTAB */
bool text_is_cve(const char *text);         /* CVE-2021-26855 */
bool text_is_build(const char *text);       /* 15.2.1118.20: one to four numbers */
bool text_is_url(const char *text);         /* http or https */
bool text_is_target(const char *text);      /* starts with "/", "http" or "*", has no blank */
bool text_is_address(const char *text);     /* IPv4 or IPv6 */
bool text_is_network(const char *text);     /* an address with or without "/bits" */
bool text_is_header_line(const char *text); /* "Name: value" */

/* Fields that frame a message or belong to one connection: a rule that changes them would let two
 * readers of the response disagree. */
bool text_is_framing_field(const char *name);

/* The first of A, z, Z, G that is used as an anchor (\A ...) in a pattern, or '\0'. Quoted text
 * (\\A, \Q...\E) and character classes are not anchors. */
char text_forbidden_anchor(const char *pattern);

/* Folded YAML texts end in a newline and may hold some: one line, in place. */
void text_join_lines(char *text);
