#include "form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stopgap/banned.h"

enum { MAX_BYTES = 64 * 1024 * 1024 }; /* each connection has a copy */

static bool read_whole(struct form *form, FILE *file)
{
    size_t room = 0;
    size_t n = 1;
    while (n != 0 && form->len <= MAX_BYTES) {
        if (form->len == room) {
            room = room != 0 ? room * 2 : 4096;
            char *bytes = realloc(form->bytes, room);
            if (bytes == NULL)
                return false;
            form->bytes = bytes;
        }
        n = fread(form->bytes + form->len, 1, room - form->len, file);
        form->len += n;
    }
    return ferror(file) == 0 && form->len != 0 && form->len <= MAX_BYTES;
}

static bool find_marks(struct form *form)
{
    for (size_t i = 0; i < form->len; i++)
        form->n_marks += form->bytes[i] == '#';
    form->marks = calloc(form->n_marks + 1, sizeof(*form->marks));
    if (form->marks == NULL)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < form->len; i++)
        if (form->bytes[i] == '#')
            form->marks[n++] = i;
    return true;
}

bool form_read(struct form *form, const char *path)
{
    *form = (struct form){0};
    FILE *file = fopen(path, "rbe");
    bool is_read = file != NULL && read_whole(form, file) && find_marks(form);
    if (file != NULL)
        (void)fclose(file);
    if (!is_read)
        (void)fprintf(stderr, "load-generator: %s: cannot be read, is empty, or over %d bytes\n",
                      path, (int)MAX_BYTES);
    return is_read;
}

void form_done(struct form *form)
{
    free(form->bytes);
    free(form->marks);
}

void form_fill(const struct form *form, uint64_t *random, char *copy)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = 0;
    for (size_t i = 0; i < form->n_marks; i++) {
        if (i % 16 == 0) { /* xorshift64 */
            *random ^= *random << 13;
            *random ^= *random >> 7;
            *random ^= *random << 17;
            bits = *random;
        }
        copy[form->marks[i]] = digits[bits & 15];
        bits >>= 4;
    }
}
