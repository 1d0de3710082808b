/* Every step of the verifier: good documents pass, each attack is refused by its own code. */
#include "eocs/eocs_test.h"

#include "eocs/attack_table.h"

#include <sys/stat.h>

static struct bench bench;

static int open_bench(void **state)
{
    (void)state;
    bench_open(&bench);
    return 0;
}

static int close_bench(void **state)
{
    (void)state;
    bench_close(&bench);
    return 0;
}

static void expect_refusal(const struct eocs_options *options, struct slice bytes, const char *code,
                           const char *name)
{
    struct err err = {0};
    struct eocs_document *document = NULL;
    bool is_accepted = eocs_verify(bytes, options, &document, &err);
    eocs_document_free(document);
    if (is_accepted)
        fail_msg("%s: accepted, %s was expected", name, code);
    if (strcmp(err.code, code) != 0)
        fail_msg("%s: refused with %s (%s), %s was expected", name, err.code, err.text, code);
}

static struct eocs_options options_now(void)
{
    return (struct eocs_options){.trust = bench.trust, .now = FORGE_NOW};
}

static void refuses_every_attack_with_its_own_code(void **state)
{
    (void)state;
    const struct eocs_options options = options_now();
    for (size_t i = 0; i < N_ATTACKS; i++) {
        struct buf text = {0};
        forge_make(&bench.forge, &attacks[i].recipe, &text);
        expect_refusal(&options, buf_slice(&text), attacks[i].code, attacks[i].name);
        buf_done(&text);
    }
    print_message("%d attacks refused\n", N_ATTACKS);
}

static void accepts_a_good_document_long_after_its_certificate_ended(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf text = {0};
    forge_make(&bench.forge, &(struct forge_recipe){0}, &text);
    struct eocs_document *document = bench_verify(&bench, buf_slice(&text), &err);
    if (document == NULL)
        fail_msg("%s: %s", err.code, err.text);
    assert_int_equal(document->signed_at, FORGE_STAMPED);
    assert_string_equal(document->version, "9.1");
    assert_string_equal(document->signer, "CN=Signer");
    assert_string_equal(document->issuer, "CN=Issuer");
    assert_string_equal(document->stamper, "CN=Stamper");
    assert_int_equal(strlen(document->signer_sha256), 64);
    assert_int_equal(document->n_mitigations, 1);
    assert_string_equal(document->mitigations[0].id, "PING1");
    assert_int_equal(document->mitigations[0].actions[0].kind, EOCS_NOTHING);
    eocs_document_free(document);
    buf_done(&text);
}

static void accepts_a_document_without_stamp_while_its_certificate_is_valid(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf text = {0};
    forge_make(&bench.forge, &(struct forge_recipe){.who = WHO_CURRENT, .stamp = STAMP_NONE},
               &text);
    struct eocs_document *document = bench_verify(&bench, buf_slice(&text), &err);
    assert_non_null(document);
    assert_int_equal(document->signed_at, 0);
    eocs_document_free(document);
    struct eocs_options options = options_now();
    options.now = FORGE_NOW + 2 * 366 * 86400LL;
    expect_refusal(&options, buf_slice(&text), "E_EOCS_CHAIN", "two years later");
    buf_done(&text);
}

static void ignores_a_bare_key_beside_the_certificate(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf text = {0};
    const struct forge_recipe recipe = {.after = {{"<Modulus>", "<Modulus>AAAA"}}};
    forge_make(&bench.forge, &recipe, &text);
    struct eocs_document *document = bench_verify(&bench, buf_slice(&text), &err);
    assert_non_null(document);
    eocs_document_free(document);
    buf_done(&text);
}

static void accepts_the_other_digests_of_the_family(void **state)
{
    (void)state;
    /* The forge signs with SHA-256 only: another name is refused by the signature, not before. */
    const struct eocs_options options = options_now();
    static const char *const names[] = {"http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
                                        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"};
    for (size_t i = 0; i < 2; i++) {
        struct buf text = {0};
        const struct forge_recipe recipe = {.before = {{SIG_URI, names[i]}}};
        forge_make(&bench.forge, &recipe, &text);
        expect_refusal(&options, buf_slice(&text), "E_EOCS_DSIG", names[i]);
        buf_done(&text);
    }
}

/* ---- sizes */

static void repeat(struct buf *text, const char *part, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_true(buf_append(text, slice_str(part)));
}

static void expect_content(const char *first, size_t n, const char *last, const char *code)
{
    struct buf configs;
    struct buf text = {0};
    const struct eocs_options options = options_now();
    buf_init(&configs, 4UL * 1024 * 1024);
    repeat(&configs, first, n);
    repeat(&configs, last, n);
    assert_true(buf_append(&configs, slice_make("", 1)));
    forge_make(&bench.forge, &(struct forge_recipe){.configs = configs.ptr}, &text);
    expect_refusal(&options, buf_slice(&text), code, first);
    buf_done(&text);
    buf_done(&configs);
}

static void refuses_what_is_too_much(void **state)
{
    (void)state;
    const struct eocs_options options = options_now();
    static char large[EOCS_MAX_BYTES + 1];
    memset(large, ' ', sizeof(large));
    expect_refusal(&options, slice_make(large, sizeof(large)), "E_EOCS_SIZE", "too large");
    expect_refusal(&options, slice_make(large, 0), "E_EOCS_SIZE", "empty");
    expect_refusal(&options, slice_make("<EOCS/>\0", 8), "E_EOCS_XML", "NUL");
    expect_refusal(&options, slice_make("\xff\xfe<\0E\0/\0>\0", 10), "E_EOCS_XML", "UTF-16");
    expect_content("<Config>", 40, "</Config>", "E_EOCS_DEPTH");
    expect_content("<Config/>", 20000, "", "E_EOCS_NODES");
    expect_content("<Config/>", 201, "", "E_EOCS_CONTENT");
}

static void refuses_too_many_certificates(void **state)
{
    (void)state;
    const struct eocs_options options = options_now();
    struct buf text = {0};
    const struct forge_recipe recipe = {
        .before = {{"@CERTIFICATES@", "@CERTIFICATES@</X509Data><X509Data>@CERTIFICATES@"},
                   {"</X509Data></KeyInfo>",
                    "</X509Data><X509Data>@CERTIFICATES@</X509Data><X509Data>@CERTIFICATES@"
                    "</X509Data><X509Data>@CERTIFICATES@</X509Data></KeyInfo>"}}};
    forge_make(&bench.forge, &recipe, &text);
    expect_refusal(&options, buf_slice(&text), "E_EOCS_CERT", "ten certificates");
    buf_done(&text);
    const struct forge_recipe twice = {
        .before = {{"@CERTIFICATES@", "@CERTIFICATES@</X509Data><X509Data>@CERTIFICATES@"}}};
    forge_make(&bench.forge, &twice, &text);
    expect_refusal(&options, buf_slice(&text), "E_EOCS_NOCERT", "two signers");
    buf_done(&text);
}

/* ---- order, anchors, deny list */

static void refuses_a_document_older_than_one_accepted_before(void **state)
{
    (void)state;
    struct eocs_options options = options_now();
    struct eocs_document *document = NULL;
    struct err err = {0};
    struct buf old = {0};
    struct buf newer = {0};
    struct buf unstamped = {0};
    forge_make(&bench.forge, &(struct forge_recipe){0}, &old);
    forge_make(&bench.forge, &(struct forge_recipe){.stamp = STAMP_NEWER}, &newer);
    forge_make(&bench.forge, &(struct forge_recipe){.who = WHO_CURRENT, .stamp = STAMP_NONE},
               &unstamped);
    options.newest = FORGE_STAMPED;
    assert_true(eocs_verify(buf_slice(&old), &options, &document, &err));
    eocs_document_free(document);
    assert_true(eocs_verify(buf_slice(&newer), &options, &document, &err));
    options.newest = document->signed_at;
    eocs_document_free(document);
    expect_refusal(&options, buf_slice(&old), "E_EOCS_ROLLBACK", "the older one");
    expect_refusal(&options, buf_slice(&unstamped), "E_EOCS_ROLLBACK", "one without a stamp");
    buf_done(&old);
    buf_done(&newer);
    buf_done(&unstamped);
}

static void a_new_anchor_cures_a_new_issuer(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf text = {0};
    char path[96];
    struct eocs_options options = options_now();
    forge_make(&bench.forge, &(struct forge_recipe){.who = WHO_STRANGER}, &text);
    expect_refusal(&options, buf_slice(&text), "E_EOCS_CHAIN", "unknown issuer");
    (void)snprintf(path, sizeof(path), "%s/new.pem", bench.folder);
    forge_write_cert(&bench.forge, WHO_STRANGER_ROOT, path);
    const struct eocs_trust_options both = {.sign_anchors = bench.folder,
                                            .ts_anchors = bench.stamp};
    struct eocs_trust *trust = eocs_trust_open(&both, &err);
    assert_non_null(trust);
    options.trust = trust;
    struct eocs_document *document = NULL;
    assert_true(eocs_verify(buf_slice(&text), &options, &document, &err));
    eocs_document_free(document);
    eocs_trust_close(trust);
    (void)unlink(path);
    buf_done(&text);
}

/* mode 0: as sha256sum prints it, 1: as openssl prints it */
static void write_deny(enum forge_who who, int with_colons)
{
    unsigned char hash[32];
    unsigned len = 0;
    FILE *file = fopen(bench.deny, "we");
    assert_non_null(file);
    assert_int_equal(X509_digest(bench.forge.certs[who], EVP_sha256(), hash, &len), 1);
    (void)fputs("# stolen\n\n", file);
    for (unsigned i = 0; i < len; i++)
        (void)fprintf(file, with_colons ? "%s%02X" : "%s%02x", with_colons && i != 0 ? ":" : "",
                      hash[i]);
    (void)fputs("  # key was lost\r\n", file);
    assert_int_equal(fclose(file), 0);
}

static void refuses_certificates_on_the_deny_list(void **state)
{
    (void)state;
    static const enum forge_who denied[] = {WHO_SIGNER, WHO_ISSUER, WHO_TSA};
    struct err err = {0};
    struct buf text = {0};
    forge_make(&bench.forge, &(struct forge_recipe){0}, &text);
    for (int i = 0; i < 3; i++) {
        write_deny(denied[i], i % 2);
        const struct eocs_trust_options with_list = {
            .sign_anchors = bench.sign, .ts_anchors = bench.stamp, .deny = bench.deny};
        struct eocs_trust *trust = eocs_trust_open(&with_list, &err);
        if (trust == NULL)
            fail_msg("%s:%u %s: %s", err.file, err.line, err.code, err.text);
        const struct eocs_options options = {.trust = trust, .now = FORGE_NOW};
        expect_refusal(&options, buf_slice(&text), "E_EOCS_DENY", "denied certificate");
        eocs_trust_close(trust);
    }
    buf_done(&text);
}

static void names_what_is_wrong_with_the_files_of_the_admin(void **state)
{
    (void)state;
    struct err err = {0};
    FILE *file = fopen(bench.deny, "we");
    assert_non_null(file);
    (void)fputs("# fine\nnot a hash\n", file);
    assert_int_equal(fclose(file), 0);
    assert_null(eocs_trust_open(&(struct eocs_trust_options){.deny = bench.deny}, &err));
    assert_string_equal(err.code, "E_EOCS_DENYLIST");
    assert_int_equal(err.line, 2);
    assert_null(eocs_trust_open(&(struct eocs_trust_options){.sign_anchors = bench.deny}, &err));
    assert_string_equal(err.code, "E_EOCS_ANCHOR");
    assert_null(eocs_trust_open(&(struct eocs_trust_options){.ts_anchors = "/nowhere"}, &err));
    assert_string_equal(err.code, "E_EOCS_ANCHOR");
}

/* ---- the published document */

static bool read_published(struct buf *text)
{
    FILE *file = fopen(SOURCE_DIR "/../shared/domain/eocs-1.0.4.xml", "re");
    buf_init(text, EOCS_MAX_BYTES);
    if (file == NULL)
        return false;
    assert_true(buf_reserve(text, 64UL * 1024));
    text->len = fread(text->ptr, 1, 64UL * 1024, file);
    assert_int_equal(fclose(file), 0);
    return true;
}

static void accepts_the_published_document_years_later_by_its_stamp(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf text;
    if (!read_published(&text)) {
        print_message("skipped: the published document is not there\n");
        skip();
    }
    struct eocs_trust *trust = eocs_trust_open(&(struct eocs_trust_options){0}, &err);
    assert_non_null(trust);
    const struct eocs_options options = {.trust = trust, .now = FORGE_NOW};
    struct eocs_document *document = NULL;
    if (!eocs_verify(buf_slice(&text), &options, &document, &err))
        fail_msg("%s: %s", err.code, err.text);
    assert_int_equal(document->signed_at, 1631724128);
    assert_int_equal(document->n_mitigations, 1);
    eocs_document_free(document);
    /* One bit of each byte of the signed content is enough. */
    for (size_t i = 60; i < 560; i += 7) {
        text.ptr[i] ^= 1;
        assert_false(eocs_verify(buf_slice(&text), &options, &document, &err));
        text.ptr[i] ^= 1;
    }
    expect_refusal(&(struct eocs_options){.trust = bench.trust, .now = FORGE_NOW}, buf_slice(&text),
                   "E_TS_CHAIN", "with other anchors");
    eocs_trust_close(trust);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_every_attack_with_its_own_code),
        cmocka_unit_test(accepts_a_good_document_long_after_its_certificate_ended),
        cmocka_unit_test(accepts_a_document_without_stamp_while_its_certificate_is_valid),
        cmocka_unit_test(ignores_a_bare_key_beside_the_certificate),
        cmocka_unit_test(accepts_the_other_digests_of_the_family),
        cmocka_unit_test(refuses_what_is_too_much),
        cmocka_unit_test(refuses_too_many_certificates),
        cmocka_unit_test(refuses_a_document_older_than_one_accepted_before),
        cmocka_unit_test(a_new_anchor_cures_a_new_issuer),
        cmocka_unit_test(refuses_certificates_on_the_deny_list),
        cmocka_unit_test(names_what_is_wrong_with_the_files_of_the_admin),
        cmocka_unit_test(accepts_the_published_document_years_later_by_its_stamp),
    };
    return cmocka_run_group_tests(tests, open_bench, close_bench);
}
