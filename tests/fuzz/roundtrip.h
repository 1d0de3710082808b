/* What must hold of every head the proxy accepts and writes anew. All functions abort where it
 * does not. */
#pragma once

#include "http/message.h"
#include "http/write.h"

/* The flags choose what the rewrite says: any byte of the input will do. */
struct request_rewrite roundtrip_rewrite(const struct http_head *head, unsigned flags);

/* The head as http_write_request writes it; it must fit in what http_request_room says. */
void roundtrip_write(const struct http_head *head, const struct request_rewrite *rewrite,
                     struct buf *out);

/* Write the head and parse that again: same method, target, framing and end-to-end fields. */
void roundtrip_request(const struct http_head *head, unsigned flags);
void roundtrip_response(const struct http_head *head, bool is_head, unsigned flags);

/* Is `written` the origin form of the target that came? */
bool roundtrip_is_origin_form(struct slice target, struct slice written);

/* The message cut at pseudo-random places gives the same as in one piece. */
void roundtrip_check_cuts(const struct message *whole, struct message_spec spec);

/* FNV-1a */
uint64_t roundtrip_hash(struct slice bytes);
