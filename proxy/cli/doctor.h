/* Shared by doctor_*.c and cmd_doctor.c: what was found, in the words of an admin. */
#pragma once

#include "config/config.h"

#include <stdio.h>

enum { DOCTOR_MAX_FINDINGS = 256 }; /* 16 servers with eight directories each, and the rest */

enum doctor_verdict {
    DOCTOR_FINE = 0,
    DOCTOR_NOTE, /* to know, nothing to do */
    DOCTOR_WARN, /* to be done, not today */
    DOCTOR_BAD,  /* to be done now */
};

struct doctor_finding {
    enum doctor_verdict verdict;
    char area[24];   /* "build", "certificate", "clock", ... */
    char where[128]; /* the server; "" when it is about the proxy */
    char text[600];
    const char *remedy; /* constant text; NULL: none needed */
};

struct doctor {
    struct doctor_finding findings[DOCTOR_MAX_FINDINGS];
    size_t n;
    size_t n_unreachable; /* servers that did not answer at all */
    size_t n_asked;
    unsigned timeout_ms; /* of one request */
};

__attribute__((format(printf, 6, 7))) void doctor_add(struct doctor *doctor,
                                                      enum doctor_verdict verdict, const char *area,
                                                      const char *where, const char *remedy,
                                                      const char *format, ...);

/* One server or name to look at. */
struct doctor_target {
    const char *url;        /* scheme, name and port, no path */
    const char *connect_to; /* HOST:PORT, or NULL */
    const char *ca_path;    /* or NULL */
    bool skips_verify;
    bool is_behind; /* a server of the configuration: its health checks matter */
};

/* Ask it by HTTP: build, support, certificate, clock, directories, health checks. */
void doctor_ask(struct doctor *doctor, const struct doctor_target *target);

/* Everything that the configuration leads to: its servers, certificates, the running proxy. */
void doctor_examine(struct doctor *doctor, const struct config *config);

const char *doctor_word(enum doctor_verdict verdict);
void doctor_print_text(const struct doctor *doctor, FILE *out);
bool doctor_print_json(const struct doctor *doctor, FILE *out);
