/* A small file that is replaced as a whole; waits for the disk. */
#include "refused.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "stopgap/banned.h"

static bool path_of(const char *state_dir, const char *suffix, char *path, size_t size)
{
    int len = state_dir != NULL ? snprintf(path, size, "%s/refused%s", state_dir, suffix) : -1;
    return len > 0 && (size_t)len < size;
}

size_t refused_read(const char *state_dir, char ret_hashes[REFUSED_MAX][TRUST_HASH_BYTES])
{
    char path[4096];
    char line[TRUST_HASH_BYTES + 2];
    size_t n = 0;
    FILE *file = path_of(state_dir, "", path, sizeof(path)) ? fopen(path, "re") : NULL;
    if (file == NULL)
        return 0;
    while (n < REFUSED_MAX && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strspn(line, "0123456789abcdef") == TRUST_HASH_BYTES - 1 &&
            strlen(line) == TRUST_HASH_BYTES - 1)
            memcpy(ret_hashes[n++], line, TRUST_HASH_BYTES);
    }
    (void)fclose(file);
    return n;
}

static bool write_all(const char *path, char hashes[REFUSED_MAX][TRUST_HASH_BYTES], size_t n)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return false;
    bool done = true;
    for (size_t i = 0; i < n; i++)
        done = done && fprintf(file, "%s\n", hashes[i]) > 0;
    done = done && fflush(file) == 0 && fsync(fileno(file)) == 0;
    return fclose(file) == 0 && done;
}

void refused_add(const char *state_dir, const char *hash)
{
    char hashes[REFUSED_MAX][TRUST_HASH_BYTES];
    char path[4096];
    char tmp[4096];
    size_t n = refused_read(state_dir, hashes);
    for (size_t i = 0; i < n; i++)
        if (strncmp(hashes[i], hash, TRUST_HASH_BYTES - 1) == 0)
            return;
    if (n == REFUSED_MAX)
        memmove(hashes[0], hashes[1], --n * sizeof(hashes[0]));
    (void)snprintf(hashes[n++], TRUST_HASH_BYTES, "%s", hash);
    if (path_of(state_dir, "", path, sizeof(path)) &&
        path_of(state_dir, ".tmp", tmp, sizeof(tmp)) &&
        (!write_all(tmp, hashes, n) || rename(tmp, path) != 0))
        (void)unlink(tmp);
}
