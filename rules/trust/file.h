/* Whole files: read once into memory, or replaced so that a power cut leaves the old or the new. */
#pragma once

#include "stopgap/buf.h"
#include "stopgap/err.h"

/* Read a regular file; ret_bytes.max is the largest size, checked before anything is read.
 *
 * directory  file descriptor, or AT_FDCWD
 * code       of the error when the file cannot be read; size_code when it is too large */
struct file_codes {
    const char *read;
    const char *size;
};
MUST_USE bool file_read(int directory, const char *path, const struct file_codes *codes,
                        struct buf *ret_bytes, struct err *err);

/* Write PATH.tmp, fsync, rename, fsync the folder. code names the error. */
MUST_USE bool file_replace(int directory, const char *path, struct slice bytes, const char *code,
                           struct err *err);
