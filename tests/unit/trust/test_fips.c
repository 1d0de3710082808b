/* A host whose crypto library lacks an algorithm, as with a FIPS module without Ed25519: roots stay
 * readable, the other algorithms do, and what cannot be checked is not called a forgery. */
#include "publisher.h"

#include <openssl/core_dispatch.h>
#include <openssl/provider.h>

#include "trust/margin.h"

#include "stopgap/banned.h"

/* The library's own provider with some algorithms taken out of its lists. */
static OSSL_LIB_CTX *own;
static OSSL_PROVIDER *whole;
static OSSL_PROVIDER *lacking;
static const char *missing = "nothing"; /* what an algorithm's names must not contain */
static OSSL_ALGORITHM left[512];

static const OSSL_ALGORITHM *query(void *ctx, int operation, int *no_cache)
{
    (void)ctx;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(whole, operation, no_cache);
    size_t n = 0;
    *no_cache = 1;
    for (; all != NULL && all->algorithm_names != NULL; all++)
        if (strstr(all->algorithm_names, missing) == NULL && n + 1 < 512)
            left[n++] = *all;
    left[n] = (OSSL_ALGORITHM){0};
    return left;
}

static int init_provider(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                         const OSSL_DISPATCH **out, void **ctx)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        {0, NULL},
    };
    (void)handle, (void)in;
    *out = functions;
    *ctx = OSSL_PROVIDER_get0_provider_ctx(whole);
    return 1;
}

/* It must be there before the library loads its own by itself. */
static int setup(void **state)
{
    own = OSSL_LIB_CTX_new();
    whole = OSSL_PROVIDER_load(own, "default");
    assert_non_null(whole);
    assert_int_equal(OSSL_PROVIDER_add_builtin(NULL, "lacking", init_provider), 1);
    lacking = OSSL_PROVIDER_load(NULL, "lacking");
    assert_non_null(lacking);
    return publisher_setup(state);
}

static int teardown(void **state)
{
    publisher_teardown(state);
    OSSL_PROVIDER_unload(lacking);
    OSSL_PROVIDER_unload(whole);
    OSSL_LIB_CTX_free(own);
    return 0;
}

/* From here on this process lacks the algorithm; setting properties flushes what was looked up. */
static void lose(const char *algorithm)
{
    missing = algorithm;
    assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
}

static void make_signed(const char *name, int n_signatures)
{
    struct draft draft;
    const struct manifest facts = plain_facts(1);
    make_draft(&draft, &facts);
    for (int i = 0; i < n_signatures; i++)
        sign_draft(&draft, i);
    put_draft(&draft, name);
}

/* Two keys of each of two families, threshold two. */
static void test_whichever_family_is_missing_the_other_meets_the_threshold(void **state)
{
    (void)state;
    static const struct {
        const char *lost;
        enum key_algorithm family;
    } cases[] = {
        {"ED25519", KEY_ED25519},
        {"ECDSA", KEY_ECDSA_P256},          /* keys can be read, signatures not be checked */
        {"id-ecPublicKey", KEY_ECDSA_P256}, /* not even read */
    };
    make_plain_root(2, "");
    make_signed("all.sgb", N_KEYS);
    make_signed("two.sgb", 2);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_code("with all algorithms", open_alone("two.sgb"), "");
        lose(cases[i].lost);
        const struct margin_conditions conditions = {
            .now = T_NOW, .algorithms = key_probe(), .engine = {1, 0, 0}};
        assert_int_equal(conditions.algorithms & (1u << cases[i].family), 0);
        struct root *root = root_parse(buf_slice(&pub.root), NULL);
        assert_non_null(root);
        assert_int_equal(margin_now(root, ROLE_RULES, &conditions), 0);
        root_free(root);
        check_code("signed by all", open_alone("all.sgb"), "");
        check_code("signed by one of each", open_alone("two.sgb"), "E_ENGINE_TOO_OLD_CRYPTO");
        lose("nothing");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whichever_family_is_missing_the_other_meets_the_threshold),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
