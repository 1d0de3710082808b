/* sd_notify(3), the stand-alone form. */
#include "notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "stopgap/slice.h"

#include "stopgap/banned.h"

void notify_state(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') ||
        strlen(path) >= sizeof(address.sun_path))
        return;
    size_t len = strlen(path);
    memcpy(address.sun_path, path, len);
    if (path[0] == '@') /* the abstract name space begins with NUL */
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* Nobody can be told that telling failed. */
    (void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    (void)close(fd);
}

uint64_t notify_watchdog_us(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *owner = getenv("WATCHDOG_PID");
    uint64_t us = 0;
    uint64_t pid = 0;
    bool is_ours =
        owner == NULL || (slice_to_u64(slice_str(owner), &pid) && pid == (uint64_t)getpid());
    if (usec == NULL || !is_ours || !slice_to_u64(slice_str(usec), &us))
        us = 0;
    (void)unsetenv("WATCHDOG_PID");
    return us;
}
