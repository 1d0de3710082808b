/* The name in a TLS ClientHello, read before anybody has decided who answers it.
 *
 * Only that: what it finds chooses between two ends of the connection, and whichever it is reads
 * the same bytes again from the first one. */
#pragma once

#include "stopgap/slice.h"

enum client_hello {
    CLIENT_HELLO_MORE = 0, /* it is not whole */
    CLIENT_HELLO_NAME,     /* it asks for a name */
    CLIENT_HELLO_OTHER,    /* no name, no ClientHello, or longer than LIMIT_CLIENT_HELLO_BYTES */
};

enum { CLIENT_HELLO_NAME_BYTES = 256 };

/* bytes     from the first byte of the connection; split over records or not
 * ret_name  in lower case, without a final dot; "" for the other results
 *
 * Pure. What is not exactly a ClientHello (RFC 8446 4.1.2, RFC 6066 3) is CLIENT_HELLO_OTHER. */
enum client_hello client_hello_read(struct slice bytes,
                                    char ret_name[static CLIENT_HELLO_NAME_BYTES]);
