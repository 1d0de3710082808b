/* Writing pulses: the publisher's side. Reading is in stopgap/pulse.h.
 *
 *   stopgap-pulse 1
 *   created TIME
 *   root VERSION SHA256            the newest of the publisher
 *   newest NAME EPOCH SERIAL SHA256 SIZE lane VERSION      ascending by name, then by lane
 *   x-ANYTHING free text           ignored, anywhere after line 2
 *
 * The file is a container with the members pulse and pulse.sig/ID. */
#pragma once

#include "key.h"

#include "stopgap/pulse.h"

/* Append the file of a pulse, signed by each key; its entries are put in order first. Without keys
 * it is a hint for installs whose root has no role pulse. False with err. */
MUST_USE bool pulse_write(struct pulse *pulse, EVP_PKEY *const *keys, size_t n_keys,
                          struct buf *out, struct err *err);
