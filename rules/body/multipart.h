/* The parts of a multipart body (RFC 2046 5.1, RFC 7578). */
#pragma once

#include "body/values.h"

/* What is done with the content of each part. */
typedef void multipart_part_fn(void *ctx, struct slice content, bool is_cut);

/* Read a window of a multipart body into values: BODY_MULTIPART_NAME, BODY_MULTIPART_FILENAME,
 * BODY_MULTIPART; then hand each content to on_part.
 *
 * Delimiters are found as ASP.NET finds them: at the beginning of a line, whether it ends in CRLF
 * or LF. A line that goes on behind the boundary is a delimiter for some and content for others:
 * then the body is read in both ways. What readers are known to take apart in different ways is
 * BODY_MULTIPART_LOOSE.
 *
 * text, boundary  borrowed: values point into text
 * is_cut          the body goes on behind the window
 *
 * False: there is no delimiter. */
bool multipart_read(struct slice text, struct slice boundary, bool is_cut,
                    struct body_values *values, multipart_part_fn *on_part, void *ctx);

/* The boundary that the first line of text would be a delimiter of; empty without. */
struct slice multipart_guess_boundary(struct slice text);
