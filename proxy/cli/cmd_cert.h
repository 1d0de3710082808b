/* Shared by cmd_cert*.c only. */
#pragma once

#include "parity.h"
#include "proxy_limits.h"

#include <stdio.h>

struct leaf_check;

/* What one server showed. */
struct cert_answer {
    X509 *leaf; /* NULL: error says why, or it speaks no TLS */
    char error[128];
};

struct cert_report {
    const struct config *config;
    struct tls_material materials[LIMIT_LISTENERS];
    struct parity_faces faces;
    struct leaf_check *leaf_check;
    size_t n_open; /* servers that have not answered */
    struct cert_answer answers[LIMIT_SERVERS];
};

/* Read our certificates and ask every server for theirs. report->config is set, the rest is zero;
 * cert_report_done is due in any case. False with err: nothing can be compared. */
bool cert_report_make(struct cert_report *report, struct err *err);
void cert_report_done(struct cert_report *report);

bool cert_report_text(const struct cert_report *report, FILE *out);
bool cert_report_json(const struct cert_report *report, FILE *out);
