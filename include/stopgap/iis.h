/* Import of IIS URL Rewrite rules: a web.config or applicationHost.config becomes rule files.
 *
 * For tools and tests, never for the path of a request. What Stopgap cannot say in IIS's meaning
 * is refused with its line and the reason; no rule is written half. */
#pragma once

#include "stopgap/err.h"
#include "stopgap/slice.h"

struct iis_import;

struct iis_options {
    const char *file; /* its name, for messages and comments */
    const char *site; /* of applicationHost.config: the site to import; NULL: the only one */
    const char *base; /* of a web.config: where it lies, such as "/owa"; NULL: the site's root */
};

/* What became of a rule of the file. */
enum iis_fate {
    IIS_TRANSLATED = 0, /* there is a rule file */
    IIS_UNPROVEN,       /* there is one, but its samples have to be written by hand */
    IIS_IDLE,           /* it does nothing here: disabled, removed, without effect */
    IIS_REFUSED,        /* it cannot be expressed */
};

struct iis_outcome {
    enum iis_fate fate;
    const char *name;  /* of the rule, printable */
    unsigned line;     /* where it, or what is refused of it, stands */
    const char *text;  /* why, or what to know; "" for nothing */
    const char *file;  /* name of the rule file; NULL without */
    struct slice yaml; /* its content */
};

/* Read and translate. Returns NULL with err (E_IIS_XML, E_IIS_DTD, E_IIS_LIMIT, E_IIS_SITE,
 * E_IIS_EMPTY, E_MEMORY) where the file cannot be read or holds no rewrite rules at all.
 *
 * xml      borrowed; UTF-8 or UTF-16, with or without a byte-order mark
 * options  borrowed for the call */
struct iis_import *iis_import_read(struct slice xml, const struct iis_options *options,
                                   struct err *err);
void iis_import_free(struct iis_import *import); /* NULL is allowed */

size_t iis_import_n_outcomes(const struct iis_import *import);
const struct iis_outcome *iis_import_outcome(const struct iis_import *import, size_t index);
size_t iis_import_count(const struct iis_import *import, enum iis_fate fate);

/* Write the rule files into directory, all or none of them, also when the power goes. It is made,
 * or is there and empty (else E_IIS_EXISTS); on failure nothing is left behind. */
MUST_USE bool iis_import_write(const struct iis_import *import, const char *directory,
                               struct err *err);
