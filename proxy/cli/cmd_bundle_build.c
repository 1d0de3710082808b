/* `stopgap bundle build`: a folder of rules becomes an unsigned bundle. */
#include "cli/cmd_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <getopt.h>
#include <sys/stat.h>
#include <time.h>

#include "language/rule.h"
#include "trust/chain.h"
#include "trust/file.h"
#include "trust/utc.h"

#include "stopgap/banned.h"

enum {
    LIFE_DAYS = 90,        /* well above the distance of two releases */
    RING_SECONDS = 86400,  /* careful installs wait a day, */
    URGENT_SECONDS = 3600, /* or an hour when it burns */
    MAX_DEPTH = 8,         /* folders below DIR; a name has 99 bytes anyway */
};

static const char verb[] = "bundle build";

struct build {
    struct manifest facts; /* name, min_engine, channel, epoch, serial, times, urgency */
    const char *folder;
    const char *root_path;
    const char *out;
    struct chain chain;
    const struct root *root; /* the newest of the chain */
    struct draft draft;
    struct rule_list rules; /* parsed only to find mistakes before anyone signs them */
};

/* One rule file: parse it, and take its bytes in as rules/RELATIVE. */
static bool add_rule(struct build *build, const char *path, const char *relative, struct err *err)
{
    static const struct file_codes codes = {.read = "E_RULE_READ", .size = "E_LIMIT"};
    char name[4096];
    struct buf text;
    buf_init(&text, LIMIT_RULE_FILE_BYTES);
    (void)snprintf(name, sizeof(name), "rules/%s", relative);
    bool done = file_read(AT_FDCWD, path, &codes, &text, err) &&
                rules_parse(buf_slice(&text), "bundle", path, &build->rules, err);
    if (done && !ustar_name_is_valid(slice_str(name))) {
        (void)err_set(err, ERR_USAGE, "E_BUNDLE_NAME",
                      "the name '%s' cannot go into a bundle; rename the file or folder to lower "
                      "case letters, digits, '.', '_' and '-'",
                      relative);
        done = err_at(err, path, 0, 0);
    }
    done = done && draft_put(&build->draft, name, buf_slice(&text), err);
    buf_done(&text);
    return done;
}

static bool is_yaml(const char *name)
{
    size_t len = strlen(name);
    return len > 5 && strcmp(name + len - 5, ".yaml") == 0;
}

static bool visit(struct build *build, FTS *tree, FTSENT *entry, const char *base, struct err *err)
{
    switch (entry->fts_info) {
    case FTS_D:
        /* Version control and editors keep their things in hidden folders. */
        if (entry->fts_level > MAX_DEPTH || (entry->fts_level > 0 && entry->fts_name[0] == '.'))
            (void)fts_set(tree, entry, FTS_SKIP);
        return true;
    case FTS_F:
        if (entry->fts_name[0] == '.' || !is_yaml(entry->fts_name))
            return true;
        return add_rule(build, entry->fts_path, entry->fts_path + strlen(base) + 1, err);
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        (void)err_set(err, ERR_IO, "E_RULE_READ", "cannot read: %s", strerror(entry->fts_errno));
        return err_at(err, entry->fts_path, 0, 0);
    default:
        return true;
    }
}

static bool add_rules(struct build *build, struct err *err)
{
    char base[4096];
    struct stat st;
    int len = snprintf(base, sizeof(base), "%s/rules", build->folder);
    if (len < 0 || (size_t)len >= sizeof(base))
        return err_set(err, ERR_USAGE, "E_RULE_READ", "the path is too long");
    if (stat(base, &st) != 0 || !S_ISDIR(st.st_mode))
        (void)snprintf(base, sizeof(base), "%s", build->folder);
    for (size_t end = strlen(base); end > 1 && base[end - 1] == '/'; end--)
        base[end - 1] = '\0';
    char *paths[] = {base, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (tree == NULL)
        return err_set(err, ERR_IO, "E_RULE_READ", "cannot read: %s", strerror(errno));
    bool done = true;
    FTSENT *entry;
    while (done && (entry = fts_read(tree)) != NULL)
        done = visit(build, tree, entry, base, err);
    (void)fts_close(tree);
    if (done && build->draft.n_members == 0) {
        (void)err_set(err, ERR_USAGE, "E_RULE_READ", "there is no *.yaml file here");
        done = err_at(err, build->folder, 0, 0);
    }
    return done;
}

/* The whole chain but its draft, with all signatures: installs of any age walk along it. */
static bool add_roots(struct build *build, struct err *err)
{
    const struct root *draft = build->chain.draft;
    char prefix[64] = "";
    if (draft != NULL)
        (void)snprintf(prefix, sizeof(prefix), "root/%010llu", (unsigned long long)draft->version);
    bool done = true;
    for (size_t i = 0; done && i < build->chain.view.n_members; i++) {
        const struct ustar_member *member = &build->chain.view.members[i];
        if (draft == NULL || strncmp(member->name, prefix, strlen(prefix)) != 0)
            done = draft_put(&build->draft, member->name, member->data, err);
    }
    if (draft != NULL)
        (void)fprintf(stderr,
                      "warning: root %llu is a draft that is not signed yet and stays out\n",
                      (unsigned long long)draft->version);
    return done;
}

static bool read_chain(struct build *build, struct err *err)
{
    if (!chain_read(build->root_path, CHAIN_PUBLISHER, &build->chain, err))
        return false;
    build->root = chain_newest(&build->chain);
    if (build->root != NULL)
        return true;
    (void)err_set(err, ERR_USAGE, "E_ROOT_NONE",
                  build->chain.draft != NULL
                      ? "the root is a draft; sign it first: stopgap root sign %s --key KEY"
                      : "there is no root in %s; make one: stopgap root init DIR --key KEY",
                  build->root_path);
    return err_at(err, build->root_path, 0, 0);
}

/* What was not given follows from the rest. */
static bool complete_facts(struct build *build, struct err *err)
{
    struct manifest *facts = &build->facts;
    if (!read_chain(build, err))
        return false;
    if (facts->epoch == 0)
        facts->epoch = build->root->epoch;
    if (facts->epoch != build->root->epoch)
        return err_set(err, ERR_USAGE, "E_EPOCH",
                       "root %llu opens epoch %llu, so no proxy would take epoch %llu",
                       (unsigned long long)build->root->version,
                       (unsigned long long)build->root->epoch, (unsigned long long)facts->epoch);
    if (facts->created == 0)
        facts->created = time(NULL);
    if (facts->expires == 0)
        facts->expires = facts->created + (int64_t)LIFE_DAYS * UTC_DAY_SECONDS;
    facts->stable_after = facts->created + (facts->is_critical ? URGENT_SECONDS : RING_SECONDS);
    facts->root_version = build->root->version;
    facts->root_hash = slice_str(build->root->hash);
    return true;
}

static bool run_build(struct build *build, struct err *err)
{
    struct buf bytes;
    char hash[HASH_SIZE];
    buf_init(&bytes, LIMIT_BUNDLE_BYTES);
    bool done = complete_facts(build, err) && add_rules(build, err) && add_roots(build, err) &&
                draft_put_manifest(&build->draft, &build->facts, err) &&
                draft_write(&build->draft, &bytes, err) && hash_hex(buf_slice(&bytes), hash) &&
                file_replace(AT_FDCWD, build->out, buf_slice(&bytes), "E_BUNDLE_WRITE", err);
    if (done)
        (void)printf("bundle %s\nname " SLICE_FMT "\nepoch %llu\nserial %llu\nrules %zu\n"
                     "sha256 %s\nnot signed yet: stopgap bundle sign %s --key KEY\n",
                     build->out, SLICE_ARG(build->facts.name),
                     (unsigned long long)build->facts.epoch,
                     (unsigned long long)build->facts.serial, build->rules.n, hash, build->out);
    buf_done(&bytes);
    return done;
}

static int read_word(const char *option, const char *plain, const char *special, bool *ret_special)
{
    *ret_special = strcmp(optarg, special) == 0;
    if (*ret_special || strcmp(optarg, plain) == 0)
        return EXIT_FINE;
    return cli_usage_error(verb, "%s must be %s or %s", option, plain, special);
}

static int read_option(struct build *build, int option)
{
    struct manifest *facts = &build->facts;
    bool done = true;
    switch (option) {
    case 'n':
        facts->name = slice_str(optarg);
        break;
    case 's':
        done = cli_option_number(verb, "--serial", optarg, TEXT_NUMBER_MAX, &facts->serial);
        break;
    case 'E':
        done = cli_option_number(verb, "--epoch", optarg, TEXT_NUMBER_MAX, &facts->epoch);
        break;
    case 'C':
        return read_word("--channel", "production", "lab", &facts->is_lab);
    case 'u':
        return read_word("--urgency", "normal", "critical", &facts->is_critical);
    case 'c':
        done = cli_option_time(verb, "--created", optarg, &facts->created);
        break;
    case 'e':
        done = cli_option_time(verb, "--expires", optarg, &facts->expires);
        break;
    case 'm':
        facts->min_engine = slice_str(optarg);
        break;
    case 'r':
        build->root_path = optarg;
        break;
    case 'o':
        build->out = optarg;
        break;
    default:
        return cli_option_end(option, verb, bundle_build_help);
    }
    return done ? EXIT_FINE : EXIT_USAGE;
}

static int check_options(struct build *build, int argc, char **argv)
{
    if (optind + 1 != argc)
        return cli_usage_error(verb, "give one folder of rules");
    build->folder = argv[optind];
    if (!text_is_name(build->facts.name))
        return cli_usage_error(verb, "--name wants 1 to 63 of [a-z0-9._-], not starting with '.' "
                                     "or '-'");
    if (build->facts.serial == 0 || build->root_path == NULL || build->out == NULL)
        return cli_usage_error(verb, "--serial, --root and --out are needed");
    return EXIT_FINE;
}

int bundle_build(int argc, char **argv)
{
    static const struct option options[] = {
        {"name", required_argument, NULL, 'n'},    {"serial", required_argument, NULL, 's'},
        {"epoch", required_argument, NULL, 'E'},   {"channel", required_argument, NULL, 'C'},
        {"urgency", required_argument, NULL, 'u'}, {"created", required_argument, NULL, 'c'},
        {"expires", required_argument, NULL, 'e'}, {"min-engine", required_argument, NULL, 'm'},
        {"root", required_argument, NULL, 'r'},    {"out", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},          {0},
    };
    struct build build = {.facts = {.min_engine = SLICE("1.0.0")}};
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        int result = read_option(&build, option);
        if (result != EXIT_FINE || option == 'h')
            return result;
    }
    int result = check_options(&build, argc, argv);
    if (result != EXIT_FINE)
        return result;
    struct err err = {0};
    if (!run_build(&build, &err))
        result = cli_error(&err);
    rule_list_done(&build.rules);
    draft_done(&build.draft);
    chain_done(&build.chain);
    return result;
}
