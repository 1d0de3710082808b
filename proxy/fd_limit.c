/* What RLIMIT_NOFILE leaves for clients. */
#include "fd_limit.h"

#include "log/log.h"
#include "proxy_limits.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>

#include "stopgap/banned.h"

enum { FDS_OF_CLIENT = 2 }; /* its own and the upstream's */

static uint64_t reserve_of(const struct config *config)
{
    struct slice vdirs[LIMIT_HEALTH_VDIRS];
    uint64_t n_checks = 0;
    if (config_checks_health(config))
        n_checks =
            config_n_servers(config) * config_health_vdirs(config, vdirs, LIMIT_HEALTH_VDIRS);
    return LIMIT_FD_RESERVE + n_checks;
}

/* The kernel gives the lowest number, so nothing is above. */
static uint64_t open_descriptors(void)
{
    uint64_t n = 0;
    for (int fd = 0; fd < LIMIT_FD_OWN; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

void fd_limit_raise(const struct config *config)
{
    struct rlimit limit;
    rlim_t wanted =
        (rlim_t)(config->limits.connections * FDS_OF_CLIENT + LIMIT_FD_OWN + reserve_of(config));
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* fd_limit_fit sees what came of it */
}

bool fd_limit_fit(const struct config *config, unsigned *ret_connections, struct err *err)
{
    struct rlimit limit;
    uint64_t wanted = config->limits.connections;
    uint64_t own = open_descriptors() + reserve_of(config);
    *ret_connections = (unsigned)wanted;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return true;
    uint64_t allowed = limit.rlim_cur;
    uint64_t fit = allowed > own ? (allowed - own) / FDS_OF_CLIENT : 0;
    uint64_t needed = wanted * FDS_OF_CLIENT + own;
    if (fit == 0)
        return err_set(
            err, ERR_LIMIT, "E_FD_LIMIT",
            "%" PRIu64 " file descriptors are allowed, but %" PRIu64
            " are needed before the first client: raise LimitNOFILE of the systemd unit, "
            "or ulimit -n, to %" PRIu64,
            allowed, own, needed);
    if (fit >= wanted)
        return true;
    *ret_connections = (unsigned)fit;
    log_event("warn", "fd_limit",
              "%" PRIu64 " file descriptors allow %" PRIu64 " client connections, not the %" PRIu64
              " of limits.connections: raise LimitNOFILE "
              "of the systemd unit, or ulimit -n, to %" PRIu64 ", or lower limits.connections",
              allowed, fit, wanted, needed);
    return true;
}
