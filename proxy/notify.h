/* systemd's readiness protocol: one datagram, so that libsystemd need not be linked. */
#pragma once

/* Send state ("READY=1", "RELOADING=1\nMONOTONIC_USEC=...", "STOPPING=1") to $NOTIFY_SOCKET.
 * Does nothing without one (sd_notify(3)). */
void notify_state(const char *state);
