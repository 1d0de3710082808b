/* Making the workers: sockets, certificates, leases. For control.c only. */
#pragma once

#include "control_internal.h"

/* Look for listening sockets that were made for us. */
void control_inherit(struct control *control);
/* Close those that nobody took, and say so. */
void control_inherit_end(struct control *control);
/* Bind everything, read certificates, make the workers. Nothing runs yet. */
bool control_make_workers(struct control *control, struct err *err);
/* Start their threads; what could fail before did. */
bool control_start_workers(struct control *control, struct err *err);
