#include "usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "stopgap/banned.h"

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t usage_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t usage_cpu_ns(const struct usage_pids *pids)
{
    uint64_t total = 0;
    for (size_t i = 0; i < pids->n; i++) {
        clockid_t clock;
        if (clock_getcpuclockid(pids->pids[i], &clock) == 0)
            total += clock_ns(clock);
    }
    return total;
}

uint64_t usage_machine_ns(void)
{
    unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
    FILE *stat = fopen("/proc/stat", "re");
    if (stat == NULL)
        return 0;
    int n = fscanf(stat, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
                   &idle, &iowait, &irq, &softirq, &steal);
    (void)fclose(stat);
    if (n != 8)
        return 0;
    return (user + nice + system + irq + softirq + steal) *
           (1000000000 / (unsigned long long)sysconf(_SC_CLK_TCK));
}

bool usage_parse_pids(const char *text, struct usage_pids *pids)
{
    char *end;
    do {
        long pid = strtol(text, &end, 10);
        if (end == text || pid <= 0 || pid > INT32_MAX || pids->n == USAGE_MAX_PIDS)
            return false;
        pids->pids[pids->n++] = (pid_t)pid;
        text = end + 1;
    } while (*end == ',');
    return *end == '\0';
}
