/* Writes signed documents and their anchors for the black-box tests and the fuzz corpus.
 *
 * usage: eocs-forge DIR CONFIGS...   each file CONFIGS holds Config elements; DIR gets sign.pem,
 *                                    stamp.pem and for each CONFIGS of the name NAME a NAME.xml
 *        (NAME that begins with "newer" gets a later stamp, "altered" a change after signing) */
#include "eocs/forge.h"

#include <stdio.h>
#include <string.h>

static int read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 1;
    if (!buf_reserve(out, 64UL * 1024)) {
        (void)fclose(file);
        return 1;
    }
    out->len = fread(out->ptr, 1, 64UL * 1024 - 1, file);
    out->ptr[out->len] = '\0';
    return fclose(file);
}

static int write_document(const struct forge *forge, const char *folder, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    struct buf configs;
    struct buf text = {0};
    char out[4096];
    buf_init(&configs, 1024UL * 1024);
    if (read_file(path, &configs) != 0)
        return 1;
    struct forge_recipe recipe = {.configs = configs.ptr};
    if (strncmp(name, "newer", 5) == 0)
        recipe.stamp = STAMP_NEWER;
    if (strncmp(name, "altered", 7) == 0)
        recipe.after[0] = (struct forge_change){"version=\"9.1\"", "version=\"9.2\""};
    forge_make(forge, &recipe, &text);
    (void)snprintf(out, sizeof(out), "%s/%s.xml", folder, name);
    FILE *file = fopen(out, "we");
    int failed = file == NULL || fwrite(text.ptr, 1, text.len, file) != text.len;
    if (file != NULL)
        failed |= fclose(file);
    buf_done(&configs);
    buf_done(&text);
    return failed;
}

int main(int argc, char **argv)
{
    struct forge forge;
    char path[4096];
    if (argc < 3) {
        (void)fputs("usage: eocs-forge DIR CONFIGS...\n", stderr);
        return 2;
    }
    forge_init(&forge);
    (void)snprintf(path, sizeof(path), "%s/sign.pem", argv[1]);
    forge_write_cert(&forge, WHO_ROOT, path);
    (void)snprintf(path, sizeof(path), "%s/stamp.pem", argv[1]);
    forge_write_cert(&forge, WHO_TSA_ROOT, path);
    int failed = 0;
    for (int i = 2; i < argc; i++)
        failed |= write_document(&forge, argv[1], argv[i]);
    forge_done(&forge);
    return failed;
}
