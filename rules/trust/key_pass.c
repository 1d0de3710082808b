/* From a file, the environment, a descriptor, or a person. A passphrase on the command line would
 * stand in the list of processes; it is not taken. */
#include "key_pass.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

#include "stopgap/slice.h"

#include "stopgap/banned.h"

/* One line, byte by byte: what follows is the line of the next key. -1: there is none. */
static int read_line(int fd, char *out, int size)
{
    int len = 0;
    char c = '\0';
    ssize_t n = 0;
    while (len < size - 1) {
        n = read(fd, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || c == '\n')
            break;
        out[len++] = c;
    }
    if (len != 0 && out[len - 1] == '\r')
        len--;
    out[len] = '\0';
    return len != 0 && len < size - 1 ? len : -1;
}

static int read_file(const char *path, char *out, int size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int len = read_line(fd, out, size);
    (void)close(fd);
    return len;
}

static int read_variable(const char *name, char *out, int size)
{
    const char *value = getenv(name);
    size_t len = value != NULL ? strlen(value) : 0;
    if (len == 0 || len >= (size_t)size)
        return -1;
    memcpy(out, value, len + 1);
    return (int)len;
}

/* Without a terminal the library would read from standard input, and hang. */
static int ask(const char *path, char *out, int size)
{
    char prompt[300];
    int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0)
        return -1;
    (void)close(terminal);
    (void)snprintf(prompt, sizeof(prompt), "Passphrase of %.200s: ", path);
    return EVP_read_pw_string_min(out, 1, size - 1, prompt, 0) == 0 ? (int)strlen(out) : -1;
}

int key_pass_give(char *out, int size, int rwflag, void *ctx)
{
    struct key_pass *pass = ctx;
    const char *source = getenv(KEY_PASS_VARIABLE);
    uint64_t fd;
    int len = -1;
    (void)rwflag; /* keys are only read */
    pass->was_asked = true;
    if (source == NULL)
        len = ask(pass->path, out, size);
    else if (strncmp(source, "file:", 5) == 0)
        len = read_file(source + 5, out, size);
    else if (strncmp(source, "env:", 4) == 0)
        len = read_variable(source + 4, out, size);
    else if (strncmp(source, "fd:", 3) == 0 && slice_to_u64(slice_str(source + 3), &fd) &&
             fd < INT32_MAX)
        len = read_line((int)fd, out, size);
    pass->is_there = len > 0;
    return len;
}
