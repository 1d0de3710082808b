/* A raw request in which every '#' stands for a random hex digit, so that no two are equal: a
 * proxy that keeps results by subject (HAProxy's pattern cache) would look free otherwise. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct form {
    char *bytes;
    size_t len;
    size_t *marks; /* places of the digits */
    size_t n_marks;
};

/* False, with a message on standard error: the file cannot be read or is empty. */
bool form_read(struct form *form, const char *path);
void form_done(struct form *form);

/* New digits into a copy of the bytes. random: state of the generator, not 0. */
void form_fill(const struct form *form, uint64_t *random, char *copy);
