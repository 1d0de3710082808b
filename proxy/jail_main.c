/* The side that judges: takes every right away from itself, then looks at the rules. */
#include "jail.h"

#include "proxy_limits.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stopgap/banned.h"

/* Sanitizers reserve terabytes of addresses, so memory is not limited under them; their builds are
 * for tests. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMITS_MEMORY false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LIMITS_MEMORY false
#endif
#endif
#ifndef LIMITS_MEMORY
#define LIMITS_MEMORY true
#endif

enum {
    REPLY_BYTES = 16 * 1024,
    REQUEST_BYTES = 512 * 1024 * 1024, /* it fits into JAIL_MEMORY_MIB or not */
};

/* ---- limits */

static bool limit(int resource, rlim_t value)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) != 0)
        return false;
    struct rlimit wanted = {.rlim_cur = value, .rlim_max = value};
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < value)
        wanted = (struct rlimit){.rlim_cur = now.rlim_max, .rlim_max = now.rlim_max};
    return setrlimit((__rlimit_resource_t)resource, &wanted) == 0;
}

static bool limit_all(void)
{
    (void)signal(SIGXFSZ, SIG_IGN); /* a database that is too large is not kept, that is all */
    return limit(RLIMIT_CPU, JAIL_CPU_S) &&
           limit(RLIMIT_FSIZE, (rlim_t)JAIL_FILE_MIB * 1024 * 1024) &&
           limit(RLIMIT_NOFILE, JAIL_FILES) && limit(RLIMIT_CORE, 0) &&
           (!LIMITS_MEMORY || limit(RLIMIT_AS, (rlim_t)JAIL_MEMORY_MIB * 1024 * 1024));
}

/* ---- no network, no other program */

/* Calls that a compiler has no use for. The rest is allowed: what libraries need changes with their
 * versions, and the files of this user are protected by nothing but their modes. */
static const int denied[] = {
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_accept,
    SYS_accept4,
    SYS_sendto,
    SYS_sendmsg,
    SYS_execve,
    SYS_execveat,
    SYS_fork,
    SYS_vfork,
    SYS_clone,
    SYS_clone3,
    SYS_kill,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_mount,
    SYS_unshare,
    SYS_setns,
    SYS_bpf,
    SYS_process_vm_writev,
    SYS_io_uring_setup,
    SYS_keyctl,
    SYS_add_key,
    SYS_userfaultfd,
    SYS_perf_event_open,
};

enum {
    N_DENIED = sizeof(denied) / sizeof(denied[0]),
    N_CHECKS = 4, /* in front of them */
    X32_CALLS = 0x40000000,
};

/* A filter of the kernel's: classic BPF over struct seccomp_data. It stays for good. */
static bool filter_calls(void)
{
    struct sock_filter code[N_CHECKS + N_DENIED + 2];
    size_t n = 0;
    const unsigned char to_deny = N_DENIED + 1;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                             (unsigned)offsetof(struct seccomp_data, arch));
    code[n++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, to_deny + 1);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                             (unsigned)offsetof(struct seccomp_data, nr));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_CALLS, to_deny - 1, 0);
    for (size_t i = 0; i < N_DENIED; i++)
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)denied[i],
                                                 (unsigned char)(N_DENIED - i), 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    const struct sock_fprog program = {.len = (unsigned short)n, .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

/* A network of its own has no way out. Many systems allow it to nobody but root, and a service
 * with RestrictNamespaces to nobody; the filter works there. */
static unsigned isolate(void)
{
    unsigned isolation = 0;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0)
        isolation |= RULES_IN_NAMESPACE;
    if (filter_calls())
        isolation |= RULES_BEHIND_FILTER;
    return isolation;
}

/* ---- the work */

static bool read_request(struct buf *request)
{
    for (;;) {
        if (!buf_reserve(request, 1))
            return false;
        ssize_t n =
            read(STDIN_FILENO, request->ptr + request->len, request->capacity - request->len);
        if (n < 0 && errno != EINTR)
            return false;
        if (n == 0)
            return true;
        if (n > 0)
            request->len += (size_t)n;
    }
}

static void write_reply(struct slice reply)
{
    while (reply.len != 0) {
        ssize_t n = write(STDOUT_FILENO, reply.ptr, reply.len);
        if (n < 0 && errno != EINTR)
            return; /* nobody listens any more */
        if (n > 0)
            reply = slice_from(reply, (size_t)n);
    }
}

int jail_main(void)
{
    struct buf request = {.max = REQUEST_BYTES};
    struct buf reply = {.max = REPLY_BYTES};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* who asked is gone: nobody wants the answer */
    (void)close_range(STDERR_FILENO + 1, ~0U, 0);
    if (!limit_all())
        return JAIL_EXIT_UNLIMITED;
    unsigned isolation = isolate();
    /* Without memory for the request there is no answer, and that is the answer. */
    if (read_request(&request) && rules_judge(buf_slice(&request), isolation, &reply))
        write_reply(buf_slice(&reply));
    buf_done(&request);
    buf_done(&reply);
    _exit(0); /* a leak check at the end would need calls that are denied now */
}
