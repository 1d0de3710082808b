/* Making the workers: sockets, certificates, leases. For control.c only. */
#pragma once

#include "control_internal.h"

/* Bind everything, read certificates, make and start the workers. False: nothing runs. */
bool control_start_workers(struct control *control, struct err *err);
