/* One process at a time, watched through a pidfd. */
#include "successor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "stopgap/banned.h"

bool successor_is_alive(const struct successor *successor)
{
    struct pollfd exit = {.fd = successor->watch, .events = POLLIN};
    if (successor->pid == 0)
        return false;
    if (successor->watch >= 0) /* readable when it has ended, waited for or not */
        return poll(&exit, 1, 0) == 0;
    return kill(successor->pid, 0) == 0 || errno == EPERM;
}

bool successor_is(const struct successor *successor, int pid)
{
    return pid == successor->pid && successor_is_alive(successor);
}

bool successor_begin(struct successor *successor, int pid, uint64_t now_ms)
{
    /* Two that start at once would both serve, and nobody would know which one stays. One that
     * never says that it serves must not keep every later one out. */
    if (pid != successor->pid && successor_is_alive(successor) && now_ms < successor->until_ms)
        return false;
    successor_done(successor);
    *successor = (struct successor){
        .pid = pid, .watch = pidfd_open(pid, 0), .until_ms = now_ms + SUCCESSOR_MS};
    return true;
}

void successor_done(struct successor *successor)
{
    if (successor->pid != 0 && successor->watch >= 0)
        (void)close(successor->watch);
    *successor = (struct successor){.pid = 0};
}
