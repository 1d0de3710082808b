/* Making the workers: sockets, certificates, leases. For control.c only. */
#pragma once

#include "control_internal.h"

/* Look for listening sockets that were made for us. */
bool control_inherit(struct control *control, struct err *err);
/* Close those that nobody took, and say so. */
void control_inherit_end(struct control *control);
/* Bind everything, read certificates, make the workers. Nothing runs yet. */
bool control_make_workers(struct control *control, struct err *err);
/* control_handover.c: borrow the sockets of the program that this one replaces, if there is one. */
bool control_take_sockets(struct control *control, struct err *err);
/* control_handover.c: this program serves; the one before may drain. */
void control_say_taken(struct control *control);
/* Start their threads; what could fail before did. */
bool control_start_workers(struct control *control, struct err *err);
