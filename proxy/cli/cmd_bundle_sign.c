/* `stopgap bundle sign` and `stopgap bundle verify`. */
#include "cli/cmd_bundle.h"

#include <fcntl.h>
#include <getopt.h>

#include "stopgap/bundle.h"
#include "trust/file.h"

#include "stopgap/banned.h"

static const char sign_verb[] = "bundle sign";
static const char verify_verb[] = "bundle verify";

/* The signer sees what the signature will say. */
static bool print_subject(const struct bundle_parts *parts, struct err *err)
{
    const struct manifest *manifest = &parts->manifest;
    char hash[HASH_SIZE];
    if (!hash_hex(parts->archive.members[0].data, hash))
        return err_set(err, ERR_MEMORY, "E_CRYPTO", "SHA-256 is not available");
    (void)printf("signing\n  name " SLICE_FMT "\n  channel %s\n  epoch %llu\n  serial %llu\n"
                 "  files %zu\n  sha256 of the manifest %s\n",
                 SLICE_ARG(manifest->name), manifest->is_lab ? "lab" : "production",
                 (unsigned long long)manifest->epoch, (unsigned long long)manifest->serial,
                 manifest->n_files, hash);
    return true;
}

static bool may_sign_rules(const struct root *root, const char *id)
{
    for (size_t i = 0; i < root->n_keys; i++)
        if (strcmp(root->keys[i].id, id) == 0)
            return (root->keys[i].roles & (1u << ROLE_RULES)) != 0 && !root->keys[i].is_revoked;
    return false;
}

static bool add_signature(struct draft *draft, const struct bundle_parts *parts, const char *path,
                          struct err *err)
{
    bool is_private = false;
    char id[HASH_SIZE];
    EVP_PKEY *pkey = key_read(path, true, &is_private, err);
    bool done = pkey != NULL && key_id(pkey, id, err) &&
                draft_sign(draft, USTAR_MANIFEST, "sig/", pkey, err);
    EVP_PKEY_free(pkey);
    if (!done)
        return false;
    (void)printf("signed by %s\n", id);
    if (parts->root != NULL && !may_sign_rules(parts->root, id))
        (void)fprintf(stderr,
                      "warning: root %llu does not let %s sign rules; this signature will not "
                      "count\n",
                      (unsigned long long)parts->root->version, path);
    return true;
}

/* After writing, from the file: what a proxy with this root would count. */
static bool print_count(const char *path, struct err *err)
{
    struct bundle_parts parts;
    bool done = bundle_parts_read(&parts, path, err);
    if (done && parts.root != NULL) {
        struct signature_tally tally;
        char counts[400];
        bundle_parts_count(&parts, ROLE_RULES, &tally);
        signature_describe(&tally, counts, sizeof(counts));
        (void)printf("signatures that count: %s\n", counts);
    }
    bundle_parts_done(&parts);
    return done;
}

/* PUBLIC_KEY:FILE, where a token or another machine has signed the manifest. */
static bool add_detached(struct draft *draft, const struct bundle_parts *parts, const char *option,
                         struct err *err)
{
    static const struct file_codes codes = {.read = "E_SIGN", .size = "E_SIGN"};
    char key_path[4096];
    char id[HASH_SIZE];
    char name[HASH_SIZE + 8];
    const char *colon = strrchr(option, ':');
    struct buf signature;
    bool is_private;
    if (colon == NULL || colon == option || (size_t)(colon - option) >= sizeof(key_path))
        return err_set(err, ERR_USAGE, "E_SIGN", "--signature is PUBLIC_KEY:FILE");
    (void)snprintf(key_path, sizeof(key_path), "%.*s", (int)(colon - option), option);
    buf_init(&signature, LIMIT_SIGNATURE_BYTES);
    EVP_PKEY *pkey = key_read(key_path, false, &is_private, err);
    bool done = pkey != NULL && key_id(pkey, id, err) &&
                file_read(AT_FDCWD, colon + 1, &codes, &signature, err);
    if (done && !key_verify(pkey, parts->archive.members[0].data, buf_slice(&signature)))
        done = err_set(err, ERR_TRUST, "E_SIGN",
                       "%s is no signature of this key on the manifest; sign the bytes of "
                       "'tar -xOf FILE.sgb 0manifest'",
                       colon + 1);
    if (done) {
        (void)snprintf(name, sizeof(name), "sig/%s", id);
        done = draft_put(draft, name, buf_slice(&signature), err);
    }
    if (done)
        (void)printf("signed by %s\n", id);
    EVP_PKEY_free(pkey);
    buf_done(&signature);
    return done;
}

/* What is given with --key and --signature. */
struct signers {
    char *items[LIMIT_KEYS_PER_ROOT];
    bool is_detached[LIMIT_KEYS_PER_ROOT];
    size_t n;
};

static bool sign_bundle(const char *path, const struct signers *signers, struct err *err)
{
    struct bundle_parts parts;
    struct draft draft = {0};
    struct buf bytes;
    buf_init(&bytes, LIMIT_BUNDLE_BYTES);
    bool done = bundle_parts_read(&parts, path, err) && print_subject(&parts, err) &&
                draft_put_all(&draft, &parts.archive, err);
    for (size_t i = 0; done && i < signers->n; i++)
        done = signers->is_detached[i] ? add_detached(&draft, &parts, signers->items[i], err)
                                       : add_signature(&draft, &parts, signers->items[i], err);
    done = done && draft_write(&draft, &bytes, err) &&
           file_replace(AT_FDCWD, path, buf_slice(&bytes), "E_BUNDLE_WRITE", err) &&
           print_count(path, err);
    buf_done(&bytes);
    draft_done(&draft);
    bundle_parts_done(&parts);
    return done;
}

int bundle_sign(int argc, char **argv)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},
        {"signature", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct signers signers = {.n = 0};
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option != 'k' && option != 's')
            return cli_option_end(option, sign_verb, bundle_sign_help);
        if (signers.n == LIMIT_KEYS_PER_ROOT)
            return cli_usage_error(sign_verb, "more than %d keys", LIMIT_KEYS_PER_ROOT);
        signers.is_detached[signers.n] = option == 's';
        signers.items[signers.n++] = optarg;
    }
    if (optind + 1 != argc || signers.n == 0)
        return cli_usage_error(sign_verb, "give one bundle and at least one --key or --signature");
    struct err err = {0};
    return sign_bundle(argv[optind], &signers, &err) ? EXIT_FINE : cli_error(&err);
}

static void print_accepted(const struct bundle *bundle)
{
    (void)printf(
        "OK %s %llu.%llu, %zu rules, sha256 %s, expires %s%s%s\n", bundle_name(bundle),
        (unsigned long long)bundle_epoch(bundle), (unsigned long long)bundle_serial(bundle),
        bundle_n_rules(bundle), bundle_hash(bundle), bundle_expires(bundle),
        bundle_is_expired(bundle) ? " (EXPIRED: look for a newer one; this one stays good)" : "",
        bundle_is_marked(bundle) ? " (FORMER KEYS: accepted before; look for a newer one)" : "");
}

static int verify_bundle(const struct trust_options *options, const char *path)
{
    struct err err = {0};
    struct bundle *bundle = NULL;
    struct trust_store *store = trust_open(options, &err);
    if (store != NULL && trust_state_was_lost(store))
        (void)fprintf(stderr,
                      "stopgap: %s: E_STATE_LOST: the state was damaged; protection against older "
                      "bundles begins anew\n",
                      options->state_dir);
    if (store != NULL)
        bundle = bundle_open(store, path, &err);
    int result = EXIT_FINE;
    if (bundle != NULL)
        print_accepted(bundle);
    else
        result = cli_error(&err);
    bundle_close(bundle);
    trust_close(store);
    return result;
}

int bundle_verify(int argc, char **argv)
{
    static const struct option options[] = {
        {"trust", required_argument, NULL, 't'}, {"state", required_argument, NULL, 's'},
        {"at", required_argument, NULL, 'a'},    {"allow-test", no_argument, NULL, 'T'},
        {"help", no_argument, NULL, 'h'},        {0},
    };
    struct trust_options trust = {0};
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 't')
            trust.root_path = optarg;
        else if (option == 's')
            trust.state_dir = optarg;
        else if (option == 'T')
            trust.allow_test_root = true;
        else if (option != 'a')
            return cli_option_end(option, verify_verb, bundle_verify_help);
        else if (!cli_option_time(verify_verb, "--at", optarg, &trust.now))
            return EXIT_USAGE;
    }
    if (optind + 1 != argc)
        return cli_usage_error(verify_verb, "give one bundle");
    if (trust.root_path == NULL && trust.state_dir == NULL)
        return cli_usage_error(verify_verb, "--trust ROOTFILE is needed");
    return verify_bundle(&trust, argv[optind]);
}
