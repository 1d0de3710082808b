/* Linked into the program where ThreadSanitizer watches it.
 *
 * libuv closes descriptors by syscall(SYS_close), which the sanitizer does not see: the next owner
 * of the number then looks like a race with the last one. This syscall() comes before that of the C
 * library and sends those closes through close(), which the sanitizer knows. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SYSCALL_ARGUMENTS 6

typedef long syscall_fn(long number, ...);

static syscall_fn *find_next(void)
{
    static _Atomic(syscall_fn *) found;
    syscall_fn *next = atomic_load(&found);
    if (next == NULL) {
        *(void **)&next = dlsym(RTLD_NEXT, "syscall");
        atomic_store(&found, next);
    }
    return next;
}

long syscall(long number, ...)
{
    long with[SYSCALL_ARGUMENTS];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < SYSCALL_ARGUMENTS; i++)
        with[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_close)
        return close((int)with[0]);
    return find_next()(number, with[0], with[1], with[2], with[3], with[4], with[5]);
}
