/* What the tests of the feed share: one forge and its anchors in files of their own. */
#pragma once

#include "eocs/forge.h"
#include "stopgap/eocs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct bench {
    struct forge forge;
    char folder[64];
    char sign[96], stamp[96], deny[96];
    struct eocs_trust *trust;
};

static inline void bench_open(struct bench *bench)
{
    struct err err = {0};
    forge_init(&bench->forge);
    (void)snprintf(bench->folder, sizeof(bench->folder), "/tmp/stopgap-eocs-XXXXXX");
    assert_non_null(mkdtemp(bench->folder));
    (void)snprintf(bench->sign, sizeof(bench->sign), "%s/sign.pem", bench->folder);
    (void)snprintf(bench->stamp, sizeof(bench->stamp), "%s/stamp.pem", bench->folder);
    (void)snprintf(bench->deny, sizeof(bench->deny), "%s/deny", bench->folder);
    forge_write_cert(&bench->forge, WHO_ROOT, bench->sign);
    forge_write_cert(&bench->forge, WHO_TSA_ROOT, bench->stamp);
    const struct eocs_trust_options options = {.sign_anchors = bench->sign,
                                               .ts_anchors = bench->stamp};
    bench->trust = eocs_trust_open(&options, &err);
    if (bench->trust == NULL)
        fail_msg("%s: %s", err.code, err.text);
}

static inline void bench_close(struct bench *bench)
{
    eocs_trust_close(bench->trust);
    (void)unlink(bench->sign);
    (void)unlink(bench->stamp);
    (void)unlink(bench->deny);
    (void)rmdir(bench->folder);
    forge_done(&bench->forge);
}

/* NULL with err, or the document. */
static inline struct eocs_document *bench_verify(const struct bench *bench, struct slice bytes,
                                                 struct err *err)
{
    const struct eocs_options options = {.trust = bench->trust, .now = FORGE_NOW};
    struct eocs_document *document = NULL;
    return eocs_verify(bytes, &options, &document, err) ? document : NULL;
}
