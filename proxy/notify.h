/* systemd's readiness protocol: one datagram, so that libsystemd need not be linked. */
#pragma once

#include <stdint.h>

/* Send state ("READY=1", "RELOADING=1\nMONOTONIC_USEC=...", "STOPPING=1") to $NOTIFY_SOCKET.
 * Does nothing without one (sd_notify(3)). */
void notify_state(const char *state);

/* How long systemd waits for a "WATCHDOG=1" before it takes us for hung (sd_watchdog_enabled(3)),
 * in microseconds; 0: no watchdog. Forgets whom it is meant for: a program that replaces us is
 * watched as we were. Main thread. */
uint64_t notify_watchdog_us(void);
