/* Helpers of the log tests: a folder of their own and whole files as text. */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* All tests of a program run in one new folder, which main removes. */
static char test_folder[] = "/tmp/stopgap-log-XXXXXX";

static inline void test_folder_enter(void)
{
    assert_non_null(mkdtemp(test_folder));
    assert_int_equal(chdir(test_folder), 0);
}

static inline void test_folder_leave(void)
{
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(test_folder), 0);
}

/* The file's bytes and a NUL; the caller frees. The file is removed. */
static inline char *take_file(const char *path, size_t *ret_len)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct stat st;
    assert_int_equal(fstat(fileno(file), &st), 0);
    char *text = malloc((size_t)st.st_size + 1);
    assert_non_null(text);
    size_t len = fread(text, 1, (size_t)st.st_size, file);
    assert_int_equal(len, st.st_size);
    text[len] = '\0';
    (void)fclose(file);
    assert_int_equal(unlink(path), 0);
    if (ret_len != NULL)
        *ret_len = len;
    return text;
}
