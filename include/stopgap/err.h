/* What went wrong on a slow path (start, config, rules, trust), for one line to a person. */
#pragma once

#include "stopgap/slice.h"

#include <stdarg.h>
#include <stdio.h>

enum err_kind {
    ERR_NONE = 0,
    ERR_USAGE,   /* the command line or a config file says something we cannot do */
    ERR_SYNTAX,  /* a text does not follow its grammar */
    ERR_LIMIT,   /* larger than limits.h allows */
    ERR_IO,      /* the operating system refused */
    ERR_TRUST,   /* a signature, a threshold, a version */
    ERR_COMPILE, /* a rule that the engine cannot take */
    ERR_TEST,    /* a rule that fails its own samples */
    ERR_MEMORY,
};

struct err {
    enum err_kind kind;
    char code[32];   /* stable word for machines, such as E_SIG_THRESHOLD; may be empty */
    char file[256];  /* where it stands; may be empty */
    unsigned line;   /* from 1; 0 = unknown */
    unsigned column; /* from 1; 0 = unknown */
    char text[768];  /* cause and remedy, one line, no newline */
};

/* Fill err and return false, so that "return err_set(...)" ends a function. err may be NULL. */
__attribute__((format(printf, 4, 5))) static inline bool
err_set(struct err *err, enum err_kind kind, const char *code, const char *format, ...)
{
    if (err == NULL)
        return false;
    va_list args;
    va_start(args, format);
    err->kind = kind;
    (void)snprintf(err->code, sizeof(err->code), "%s", code != NULL ? code : "");
    (void)vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    return false;
}

/* Say where it stands. Returns false, as err_set does. */
static inline bool err_at(struct err *err, const char *file, unsigned line, unsigned column)
{
    if (err == NULL)
        return false;
    (void)snprintf(err->file, sizeof(err->file), "%s", file != NULL ? file : "");
    err->line = line;
    err->column = column;
    return false;
}

/* "file:line:column: CODE: text" in the usual compiler form, leaving out what is not known. */
static inline void err_format(const struct err *err, char *out, size_t size)
{
    char place[300] = "";
    if (err->file[0] != '\0' && err->line != 0 && err->column != 0)
        (void)snprintf(place, sizeof(place), "%s:%u:%u: ", err->file, err->line, err->column);
    else if (err->file[0] != '\0' && err->line != 0)
        (void)snprintf(place, sizeof(place), "%s:%u: ", err->file, err->line);
    else if (err->file[0] != '\0')
        (void)snprintf(place, sizeof(place), "%s: ", err->file);
    (void)snprintf(out, size, "%s%s%s%s", place, err->code, err->code[0] != '\0' ? ": " : "",
                   err->text);
}
