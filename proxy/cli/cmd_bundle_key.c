/* `stopgap bundle keygen` and `stopgap bundle root`. */
#include "cli/cmd_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "trust/file.h"
#include "trust/utc.h"

#include "stopgap/banned.h"

enum {
    ROOT_LIFE_DAYS = 5 * 365, /* long: people must meet to make the next one */
    KEY_NOTICE_DAYS = 180     /* sunset before the end, so that proxies can warn in time */
};

int bundle_keygen(int argc, char **argv)
{
    static const char verb[] = "bundle keygen";
    static const struct option options[] = {
        {"alg", required_argument, NULL, 'a'},
        {"out", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *out = NULL;
    enum key_algorithm algorithm = KEY_UNKNOWN;
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'a')
            algorithm = key_algorithm_find(slice_str(optarg));
        else if (option == 'o')
            out = optarg;
        else
            return bundle_option_end(option, verb, bundle_keygen_help);
    }
    if (algorithm == KEY_UNKNOWN)
        return cli_usage_error(verb, "--alg must be ed25519, ecdsa-p256 or rsa-pss");
    if (out == NULL || optind != argc)
        return cli_usage_error(verb, "give --out FILE and nothing else");
    struct err err = {0};
    char id[HASH_SIZE];
    EVP_PKEY *pkey = key_generate(algorithm, &err);
    bool done = pkey != NULL && key_id(pkey, id, &err) && key_write(pkey, out, &err);
    EVP_PKEY_free(pkey);
    if (!done)
        return cli_error(&err);
    (void)printf("key %s\nalgorithm %s\nprivate %s\npublic %s.pub\n", id,
                 key_algorithm_word(algorithm), out, out);
    return EXIT_FINE;
}

struct root_options {
    struct root_draft draft;
    struct root_draft_key keys[LIMIT_KEYS_PER_ROOT];
    EVP_PKEY *pkeys[LIMIT_KEYS_PER_ROOT];
    bool is_private[LIMIT_KEYS_PER_ROOT];
    const char *out;
};

static const char root_verb[] = "bundle root";

/* "FILE" or "FILE:root,rules". */
static int add_key(struct root_options *options, const char *text)
{
    size_t index = options->draft.n_keys;
    if (index == LIMIT_KEYS_PER_ROOT)
        return cli_usage_error(root_verb, "more than %d keys", LIMIT_KEYS_PER_ROOT);
    char path[4096];
    const char *colon = strrchr(text, ':');
    /* A colon within a folder's name is no list of roles. */
    bool has_roles = colon != NULL && strpbrk(colon, "/.") == NULL;
    size_t len = has_roles ? (size_t)(colon - text) : strlen(text);
    unsigned roles =
        has_roles ? role_parse_list(slice_str(colon + 1)) : (1u << ROLE_ROOT) | (1u << ROLE_RULES);
    if (roles == 0)
        return cli_usage_error(root_verb, "roles are root, rules and pulse, not '%s'", colon + 1);
    if (len == 0 || len >= sizeof(path))
        return cli_usage_error(root_verb, "--key wants FILE or FILE:ROLES");
    memcpy(path, text, len);
    path[len] = '\0';
    struct err err = {0};
    options->pkeys[index] = key_read(path, false, &options->is_private[index], &err);
    if (options->pkeys[index] == NULL)
        return cli_error(&err);
    options->keys[index] = (struct root_draft_key){.pkey = options->pkeys[index], .roles = roles};
    if ((roles & (1u << ROLE_PULSE)) != 0)
        options->draft.thresholds[ROLE_PULSE] = 1;
    options->draft.n_keys++;
    return EXIT_FINE;
}

static int read_threshold(struct root_options *options, enum role role, const char *option)
{
    uint64_t threshold;
    if (!bundle_option_number(root_verb, option, optarg, LIMIT_KEYS_PER_ROOT, &threshold))
        return EXIT_USAGE;
    options->draft.thresholds[role] = (unsigned)threshold;
    return EXIT_FINE;
}

static int read_usage(struct root_options *options)
{
    options->draft.is_test = strcmp(optarg, "test") == 0;
    if (options->draft.is_test || strcmp(optarg, "production") == 0)
        return EXIT_FINE;
    return cli_usage_error(root_verb, "--usage must be production or test");
}

static int read_root_option(struct root_options *options, int option)
{
    struct root_draft *draft = &options->draft;
    bool done = true;
    switch (option) {
    case 'k':
        return add_key(options, optarg);
    case 'R':
        return read_threshold(options, ROLE_ROOT, "--threshold-root");
    case 'r':
        return read_threshold(options, ROLE_RULES, "--threshold-rules");
    case 'u':
        return read_usage(options);
    case 'E':
        done = bundle_option_number(root_verb, "--epoch", optarg, TEXT_NUMBER_MAX, &draft->epoch);
        break;
    case 'c':
        done = cli_option_time(root_verb, "--created", optarg, &draft->created);
        break;
    case 'e':
        done = cli_option_time(root_verb, "--expires", optarg, &draft->expires);
        break;
    case 'o':
        options->out = optarg;
        break;
    default:
        return bundle_option_end(option, root_verb, bundle_root_help);
    }
    return done ? EXIT_FINE : EXIT_USAGE;
}

/* Taking away one whole algorithm must leave both thresholds reachable: algorithms get retired. */
static void warn_families(const struct root *root)
{
    for (int role = ROLE_ROOT; role <= ROLE_RULES; role++)
        for (int family = KEY_ED25519; family < KEY_ALGORITHMS; family++) {
            unsigned left = root_count_keys(root, (enum role)role, (enum key_algorithm)family);
            if (left < root->thresholds[role])
                (void)fprintf(stderr,
                              "warning: without %s only %u keys of role %s are left of the %u "
                              "needed; add keys of another algorithm\n",
                              key_algorithm_word((enum key_algorithm)family), left,
                              role_word((enum role)role), root->thresholds[role]);
        }
}

/* ROOTFILE.sig/ID */
static bool write_signature(const struct root_options *options, size_t index, struct slice text,
                            struct err *err)
{
    char path[4096];
    char id[HASH_SIZE];
    struct buf signature;
    buf_init(&signature, LIMIT_SIGNATURE_BYTES);
    bool done = key_id(options->pkeys[index], id, err) &&
                key_sign(options->pkeys[index], text, &signature, err);
    int len = snprintf(path, sizeof(path), "%s.sig", options->out);
    if (done && (len < 0 || (size_t)len >= sizeof(path) - HASH_SIZE - 8))
        done = err_set(err, ERR_IO, "E_ROOT_WRITE", "the path is too long");
    if (done && mkdir(path, 0755) != 0 && errno != EEXIST)
        done = err_set(err, ERR_IO, "E_ROOT_WRITE", "cannot create %s: %s", path, strerror(errno));
    if (done) {
        (void)snprintf(path + len, sizeof(path) - (size_t)len, "/%s", id);
        done = file_replace(AT_FDCWD, path, buf_slice(&signature), "E_ROOT_WRITE", err);
    }
    buf_done(&signature);
    return done;
}

static bool write_root(struct root_options *options, struct err *err)
{
    struct root_draft *draft = &options->draft;
    if (draft->created == 0)
        draft->created = time(NULL);
    if (draft->expires == 0)
        draft->expires = draft->created + (int64_t)ROOT_LIFE_DAYS * UTC_DAY_SECONDS;
    int64_t sunset = draft->expires - (int64_t)KEY_NOTICE_DAYS * UTC_DAY_SECONDS;
    for (size_t i = 0; i < draft->n_keys; i++) {
        options->keys[i].from = draft->created;
        options->keys[i].sunset = sunset > draft->created ? sunset : draft->created;
        options->keys[i].end = draft->expires;
    }
    draft->keys = options->keys;
    struct buf text;
    buf_init(&text, LIMIT_ROOT_BYTES);
    struct root *root = NULL;
    bool done = root_write(draft, &text, err);
    if (done && faccessat(AT_FDCWD, options->out, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        done = err_set(err, ERR_USAGE, "E_ROOT_WRITE",
                       "%s exists; a root is never overwritten, choose another name", options->out);
    for (size_t i = 0; done && i < draft->n_keys; i++)
        if (options->is_private[i] && (options->keys[i].roles & (1u << ROLE_ROOT)) != 0)
            done = write_signature(options, i, buf_slice(&text), err);
    done = done && file_replace(AT_FDCWD, options->out, buf_slice(&text), "E_ROOT_WRITE", err);
    if (done)
        root = root_parse(buf_slice(&text), err);
    if (root != NULL) {
        warn_families(root);
        (void)printf("root %s\nsha256 %s\n", options->out, root->hash);
    }
    done = root != NULL;
    root_free(root);
    buf_done(&text);
    return done;
}

int bundle_root(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"key", required_argument, NULL, 'k'},
        {"threshold-root", required_argument, NULL, 'R'},
        {"threshold-rules", required_argument, NULL, 'r'},
        {"usage", required_argument, NULL, 'u'},
        {"epoch", required_argument, NULL, 'E'},
        {"created", required_argument, NULL, 'c'},
        {"expires", required_argument, NULL, 'e'},
        {"out", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct root_options options = {.draft = {.version = 1, .epoch = 1, .thresholds = {1, 1, 0}}};
    struct err err = {0};
    int result = EXIT_FINE;
    int option = 0;
    while (result == EXIT_FINE &&
           (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        result = read_root_option(&options, option);
        if (option == 'h')
            goto out;
    }
    if (result != EXIT_FINE)
        goto out;
    if (options.draft.n_keys == 0 || options.out == NULL || optind != argc)
        result = cli_usage_error(root_verb, "give at least one --key, and --out");
    else if (!write_root(&options, &err))
        result = cli_error(&err);
out:
    for (size_t i = 0; i < options.draft.n_keys; i++)
        EVP_PKEY_free(options.pkeys[i]);
    return result;
}
