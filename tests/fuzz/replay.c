/* Runs a fuzz target over files and folders without libFuzzer: the same seeds in every build. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t n_replayed;

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    enum { MAX = 16 * 1024 * 1024 };
    uint8_t *data = malloc(MAX);
    if (data == NULL)
        exit(1);
    size_t size = fread(data, 1, MAX, file);
    (void)fclose(file);
    /* An exact copy, so that a sanitizer sees a read behind the end. */
    uint8_t *exact = malloc(size != 0 ? size : 1);
    if (exact == NULL)
        exit(1);
    for (size_t i = 0; i < size; i++)
        exact[i] = data[i];
    free(data);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    n_replayed++;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) != 0) {
            perror(argv[i]);
            return 1;
        }
        if (!S_ISDIR(st.st_mode)) {
            replay_file(argv[i]);
            continue;
        }
        DIR *dir = opendir(argv[i]);
        struct dirent *entry;
        while (dir != NULL && (entry = readdir(dir)) != NULL) {
            char path[4096];
            if (entry->d_name[0] == '.')
                continue;
            (void)snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
            replay_file(path);
        }
        if (dir != NULL)
            (void)closedir(dir);
    }
    (void)printf("%zu inputs replayed\n", n_replayed);
    return n_replayed != 0 ? 0 : 1; /* an empty corpus is a mistake */
}
