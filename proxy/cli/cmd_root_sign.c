/* `stopgap root sign`: puts signatures in place; with enough of them the draft is the next root. */
#include "cli/cmd_root.h"

#include <getopt.h>

#include "cli/trust_report.h"

#include "stopgap/banned.h"

static const char verb[] = "root sign";

struct signing {
    const char *folder;
    char *keys[LIMIT_KEYS_PER_ROOT];
    size_t n_keys;
};

/* The draft, or else the newest root, to which more signatures may be added. */
static const struct root *find_target(const struct chain *chain, size_t n_keys, struct err *err)
{
    const struct root *newest = chain_newest(chain);
    if (chain->draft != NULL)
        return chain->draft;
    if (newest == NULL)
        (void)err_set(err, ERR_USAGE, "E_ROOT_NONE",
                      "there is no root here; 'stopgap root init' makes one");
    else if (n_keys == 0)
        (void)err_set(err, ERR_USAGE, "E_ROOT_NONE",
                      "there is no draft to finish; root %llu is in force",
                      (unsigned long long)newest->version);
    else
        return newest;
    (void)err_at(err, chain->folder, 0, 0);
    return NULL;
}

/* Signers see what they sign, also when it was written by another hand or another program. */
static bool check_target(const struct chain *chain, const struct root *target, struct err *err)
{
    const struct root *old = chain_before(chain, target->version);
    const struct review_request request = {.old = old,
                                           .next = target,
                                           .conditions = report_conditions(target->created),
                                           .both_sets = true};
    struct review review;
    review_root(&request, &review);
    report_diff(stdout, old, target);
    report_families(stdout, target, &request.conditions);
    report_review(stdout, &review);
    (void)printf("sha256 of what is signed: %s\n", target->hash);
    return review_worst(&review) != REVIEW_REFUSAL ||
           err_set(err, ERR_TRUST, "E_ROOT_REFUSED", "not signed, for the reasons above");
}

static bool is_root_key(const struct root *root, const char *id)
{
    const struct root_key *key = root != NULL ? root_find_key(root, id) : NULL;
    return key != NULL && (key->roles & (1u << ROLE_ROOT)) != 0 && !key->is_revoked;
}

static bool add_signature(const struct chain *chain, const struct root *target, const char *path,
                          struct err *err)
{
    bool is_private = false;
    char id[HASH_SIZE];
    struct buf signature;
    buf_init(&signature, LIMIT_SIGNATURE_BYTES);
    EVP_PKEY *pkey = key_read(path, true, &is_private, err);
    bool done = pkey != NULL && key_id(pkey, id, err);
    if (done && !is_root_key(target, id) && !is_root_key(chain_before(chain, target->version), id))
        done = err_set(err, ERR_USAGE, "E_SIGN",
                       "%s (key %.16s) is no root key of this root nor of the one before; its "
                       "signature would not count",
                       path, id);
    done = done && key_sign(pkey, buf_slice(&target->text), &signature, err) &&
           chain_put_signature(chain->folder, target->version, id, buf_slice(&signature), err);
    if (done)
        (void)printf("signed by %s\n", id);
    EVP_PKEY_free(pkey);
    buf_done(&signature);
    return done;
}

/* The family rule for the signatures that are there: whichever algorithm goes, the rest counts. */
static void note_thin(const struct root *judge, const struct root *root,
                      const struct signature_tally *tally)
{
    for (int family = KEY_ED25519; family < KEY_ALGORITHMS; family++) {
        unsigned left = 0;
        for (size_t i = 0; i < judge->n_keys; i++)
            if ((tally->good_keys & (UINT32_C(1) << i)) != 0 &&
                judge->keys[i].algorithm != (enum key_algorithm)family)
                left++;
        if (left < tally->needed)
            (void)printf("note: without %s only %u of the %u signatures needed by root %llu are "
                         "left; let keys of another algorithm sign %010llu, too\n",
                         key_algorithm_word((enum key_algorithm)family), left, tally->needed,
                         (unsigned long long)judge->version, (unsigned long long)root->version);
    }
}

static bool finish(const struct chain *chain, const struct root *root, struct err *err)
{
    const struct root *before = chain_before(chain, root->version);
    struct signature_tally old;
    struct signature_tally own;
    chain_count(chain, root, &old, &own);
    note_thin(root, root, &own);
    if (before != NULL)
        note_thin(before, root, &old);
    if (root == chain->draft && !chain_finish(chain->folder, root->version, err))
        return false;
    (void)printf("root %s/%010llu\n", chain->folder, (unsigned long long)root->version);
    return true;
}

/* Read everything again, from the disk, and finish the draft when it is signed. */
static bool judge(const struct signing *signing, struct err *err)
{
    struct chain chain;
    if (!chain_read(signing->folder, CHAIN_PUBLISHER, &chain, err))
        return false;
    const struct root *root = chain.draft != NULL ? chain.draft : chain_newest(&chain);
    bool done = true;
    report_signatures(stdout, &chain, root);
    if (chain_is_signed(&chain, root))
        done = finish(&chain, root, err);
    else if (signing->n_keys != 0)
        (void)puts("not in force yet: more holders of root keys must sign");
    else
        done = err_set(err, ERR_TRUST, "E_ROOT_UNSIGNED",
                       "%010llu.draft has not enough signatures yet",
                       (unsigned long long)root->version);
    chain_done(&chain);
    return done;
}

static bool sign(const struct signing *signing, struct err *err)
{
    struct chain chain;
    if (!chain_read(signing->folder, CHAIN_PUBLISHER, &chain, err))
        return false;
    const struct root *target = find_target(&chain, signing->n_keys, err);
    bool done = target != NULL && check_target(&chain, target, err);
    for (size_t i = 0; done && i < signing->n_keys; i++)
        done = add_signature(&chain, target, signing->keys[i], err);
    chain_done(&chain);
    return done && judge(signing, err);
}

int root_sign(int argc, char **argv)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct signing signing = {0};
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option != 'k')
            return cli_option_end(option, verb, root_help("sign"));
        if (signing.n_keys == LIMIT_KEYS_PER_ROOT)
            return cli_usage_error(verb, "more than %d keys", LIMIT_KEYS_PER_ROOT);
        signing.keys[signing.n_keys++] = optarg;
    }
    if (optind + 1 != argc)
        return cli_usage_error(verb, "give the folder of the roots");
    signing.folder = argv[optind];
    struct err err = {0};
    return sign(&signing, &err) ? EXIT_FINE : cli_error(&err);
}
