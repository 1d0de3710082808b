/* `stopgap publish`: the folder that any web server shows as a feed. */
#include "cli/cmd_publish.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "trust/file.h"
#include "trust/utc.h"
#include "trust/walk.h"

#include "stopgap/banned.h"

static const char verb[] = "publish";

static const char help[] =
    "stopgap publish DIR [--roots FOLDER] [--add BUNDLE]... [--pulse-key KEY]... [--check]\n\n"
    "Writes the folder that a web server shows as a feed: the roots, the bundles under their\n"
    "hashes, and a pulse that says what is newest. Old files stay. Without --add only the pulse "
    "is\n"
    "made anew: do that once an hour or once a day, so that installs see that the feed is alive.\n"
    "What a root withdraws is not offered any more.\n\n"
    "  --roots FOLDER    the chain of 'stopgap root', needed the first time and for each new "
    "root;\n"
    "                    default: that in DIR\n"
    "  --add BUNDLE      a signed bundle; it replaces the one of its name and min-engine\n"
    "  --pulse-key KEY   private key of the role pulse; repeat for several. An encrypted one "
    "needs\n"
    "                    STOPGAP_PASSIN=file:PATH, env:NAME or fd:N where nobody can be asked\n"
    "  --check           first: verify at +1, +3 and +10 years and without each family of keys,\n"
    "                    lint, compile, test all samples, show what changes\n"
    "  --engine PROGRAM  with --check: an older stopgap that must be able to verify; repeat\n"
    "  --yes             publish in spite of warnings of --check\n"
    "  --allow-test      roots with 'usage test'\n\n"
    "  stopgap publish www/ --roots roots/ --add my-rules.sgb --pulse-key pulse.key --check\n"
    "  stopgap publish www/ --pulse-key pulse.key\n\n"
    "Exit status: 0 published, 1 refused, 2 usage.\n";

/* ---- a client */

struct trust_store *publish_open_client(const struct publish *publish, int64_t now, struct err *err)
{
    char path[sizeof(publish->roots_path) + 16];
    (void)snprintf(path, sizeof(path), "%s/%010llu", publish->roots_path,
                   (unsigned long long)publish->chain.roots[0]->version);
    const struct trust_options options = {
        .root_path = path, .now = now, .allow_test_root = publish->allows_test};
    struct trust_store *store = trust_open(&options, err);
    if (store != NULL && walk_archive(store, &publish->chain.view, err))
        return store;
    trust_close(store);
    return NULL;
}

struct bundle *publish_verify(const struct publish_item *item, struct trust_store *store,
                              struct err *err)
{
    struct buf copy;
    buf_init(&copy, LIMIT_BUNDLE_BYTES);
    if (buf_append(&copy, buf_slice(&item->bytes)))
        return bundle_open_bytes(store, item->path, &copy, err);
    (void)err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    return NULL;
}

/* ---- reading */

bool publish_path(const struct publish *publish, const char *name, char *out, size_t size,
                  struct err *err)
{
    int len = snprintf(out, size, "%s/%s", publish->folder, name);
    return (len > 0 && (size_t)len < size) ||
           err_set(err, ERR_USAGE, "E_PUBLISH_WRITE", "the path is too long");
}

static bool read_chain(struct publish *publish, struct err *err)
{
    char *path = publish->roots_path;
    size_t size = sizeof(publish->roots_path);
    if (publish->roots == NULL) {
        if (!publish_path(publish, "root", path, size, err))
            return false;
    } else if ((size_t)snprintf(path, size, "%s", publish->roots) >= size) {
        return err_set(err, ERR_USAGE, "E_PUBLISH_WRITE", "the path is too long");
    }
    if (!chain_read(path, CHAIN_PUBLISHER, &publish->chain, err))
        return false;
    if (chain_newest(&publish->chain) != NULL)
        return true;
    (void)err_set(err, ERR_USAGE, "E_ROOT_NONE",
                  "there is no root here; give the folder of 'stopgap root' with --roots");
    return err_at(err, path, 0, 0);
}

static bool read_old_pulse(struct publish *publish, struct err *err)
{
    static const struct file_codes codes = {.read = "E_PULSE_READ", .size = "E_PULSE_SYNTAX"};
    char path[4096];
    struct buf bytes;
    if (!publish_path(publish, "pulse", path, sizeof(path), err))
        return false;
    if (access(path, F_OK) != 0)
        return true;
    buf_init(&bytes, LIMIT_PULSE_FILE_BYTES);
    publish->has_old =
        file_read(AT_FDCWD, path, &codes, &bytes, err) &&
        (pulse_parse(buf_slice(&bytes), &publish->old, err) || err_at(err, path, 0, 0));
    buf_done(&bytes);
    return publish->has_old;
}

static bool read_item(struct publish_item *item, struct trust_store *store, struct err *err)
{
    static const struct file_codes codes = {.read = "E_BUNDLE_READ", .size = "E_BUNDLE_SIZE"};
    buf_init(&item->bytes, LIMIT_BUNDLE_BYTES);
    if (!file_read(AT_FDCWD, item->path, &codes, &item->bytes, err))
        return false;
    if (!bundle_read_facts(buf_slice(&item->bytes), &item->facts, err))
        return err_at(err, item->path, 0, 0);
    struct bundle *bundle = publish_verify(item, store, err);
    if (bundle == NULL)
        return false;
    item->entry = (struct pulse_entry){
        .epoch = bundle_epoch(bundle), .serial = bundle_serial(bundle), .size = item->bytes.len};
    (void)snprintf(item->entry.name, sizeof(item->entry.name), "%s", bundle_name(bundle));
    (void)snprintf(item->entry.sha256, sizeof(item->entry.sha256), "%s", bundle_hash(bundle));
    (void)snprintf(item->entry.lane, sizeof(item->entry.lane), "%s", item->facts.min_engine);
    bundle_close(bundle);
    return true;
}

/* ---- the next offer */

static bool is_same_lane(const struct pulse_entry *a, const struct pulse_entry *b)
{
    unsigned lanes[2][3] = {{0}, {0}};
    return strcmp(a->name, b->name) == 0 && text_version(slice_str(a->lane), lanes[0]) &&
           text_version(slice_str(b->lane), lanes[1]) &&
           text_version_compare(lanes[0], lanes[1]) == 0;
}

/* No install would go back, so nothing older may be offered. */
static bool check_newer(const struct pulse_entry *before, const struct publish_item *item,
                        struct err *err)
{
    const struct pulse_entry *entry = &item->entry;
    bool is_newer = entry->epoch > before->epoch ||
                    (entry->epoch == before->epoch && entry->serial > before->serial);
    bool is_same = entry->epoch == before->epoch && entry->serial == before->serial &&
                   strcmp(entry->sha256, before->sha256) == 0;
    if (is_newer || is_same)
        return true;
    (void)err_set(
        err, ERR_TRUST, entry->serial == before->serial ? "E_SERIAL_REUSED" : "E_ROLLBACK",
        "%s %llu.%llu is on offer already, and installs go forward only: give this "
        "bundle a higher serial",
        before->name, (unsigned long long)before->epoch, (unsigned long long)before->serial);
    return err_at(err, item->path, 0, 0);
}

static bool offer_item(struct publish *publish, const struct publish_item *item, struct err *err)
{
    struct pulse *pulse = &publish->pulse;
    for (size_t i = 0; i < pulse->n_entries; i++) {
        if (!is_same_lane(&pulse->entries[i], &item->entry))
            continue;
        if (!check_newer(&pulse->entries[i], item, err))
            return false;
        pulse->entries[i] = item->entry;
        return true;
    }
    if (pulse->n_entries == PULSE_MAX_ENTRIES)
        return err_set(err, ERR_LIMIT, "E_PULSE_WRITE", "more than %d bundles on offer",
                       PULSE_MAX_ENTRIES);
    pulse->entries[pulse->n_entries++] = item->entry;
    return true;
}

/* What was on offer and still counts. */
static bool keep_old_offer(struct publish *publish, struct err *err)
{
    const struct root *root = chain_newest(&publish->chain);
    for (size_t i = 0; i < publish->old.n_entries; i++) {
        const struct pulse_entry *entry = &publish->old.entries[i];
        char name[128];
        char path[4096];
        struct stat st;
        if (entry->epoch != root->epoch ||
            root_is_withdrawn(root, slice_str(entry->name), entry->epoch, entry->serial)) {
            (void)printf("withdrawn %s %llu.%llu is not offered any more\n", entry->name,
                         (unsigned long long)entry->epoch, (unsigned long long)entry->serial);
            continue;
        }
        (void)snprintf(name, sizeof(name), "bundles/%s.sgb", entry->sha256);
        if (!publish_path(publish, name, path, sizeof(path), err))
            return false;
        if (stat(path, &st) != 0 || (uint64_t)st.st_size != entry->size) {
            (void)err_set(err, ERR_IO, "E_PUBLISH_MISSING",
                          "the pulse offers this bundle, and it is not there whole: put it back, "
                          "or publish a newer one of its name into a new folder");
            return err_at(err, path, 0, 0);
        }
        publish->pulse.entries[publish->pulse.n_entries++] = *entry;
    }
    return true;
}

/* Time goes forward for installs, too. */
static bool set_time(struct publish *publish, struct err *err)
{
    char when[UTC_TIME_CHARS + 1];
    int64_t now = time(NULL);
    publish->pulse.created = now;
    if (!publish->has_old || publish->old.created < now)
        return true;
    publish->pulse.created = publish->old.created + 1;
    if (publish->old.created - now < UTC_DAY_SECONDS)
        return true;
    utc_format_time(publish->old.created, when);
    return err_set(err, ERR_TRUST, "E_PUBLISH_CLOCK",
                   "the pulse in the folder is of %s, which is ahead of this machine's clock: set "
                   "the clock",
                   when);
}

static bool make_pulse(struct publish *publish, struct err *err)
{
    const struct root *root = chain_newest(&publish->chain);
    struct pulse again;
    bool has_role = root->thresholds[ROLE_PULSE] != 0;
    if (has_role && publish->n_keys == 0)
        return err_set(err, ERR_USAGE, "E_PULSE_SIG",
                       "root %llu has the role pulse: give its key with --pulse-key",
                       (unsigned long long)root->version);
    publish->pulse.root_version = root->version;
    memcpy(publish->pulse.root_hash, root->hash, sizeof(publish->pulse.root_hash));
    if (!keep_old_offer(publish, err) || !set_time(publish, err))
        return false;
    for (size_t i = 0; i < publish->n_items; i++)
        if (!offer_item(publish, &publish->items[i], err))
            return false;
    if (!pulse_write(&publish->pulse, publish->keys, publish->n_keys, &publish->pulse_bytes, err))
        return false;
    struct trust_store *store = publish_open_client(publish, 0, err);
    bool done = store != NULL && pulse_read(store, buf_slice(&publish->pulse_bytes), &again, err);
    trust_close(store);
    return done;
}

/* ---- the work */

static bool read_all(struct publish *publish, struct err *err)
{
    if (!read_chain(publish, err) || !read_old_pulse(publish, err))
        return false;
    struct trust_store *store = publish_open_client(publish, 0, err);
    bool done = store != NULL;
    for (size_t i = 0; done && i < publish->n_items; i++)
        done = read_item(&publish->items[i], store, err);
    trust_close(store);
    return done;
}

static void print_offer(const struct publish *publish)
{
    char when[UTC_TIME_CHARS + 1];
    utc_format_time(publish->pulse.created, when);
    for (size_t i = 0; i < publish->pulse.n_entries; i++) {
        const struct pulse_entry *entry = &publish->pulse.entries[i];
        (void)printf("offer     %s %llu.%llu for stopgap %s and newer, %s\n", entry->name,
                     (unsigned long long)entry->epoch, (unsigned long long)entry->serial,
                     entry->lane, entry->sha256);
    }
    (void)printf("pulse     of %s under root %llu, %s\npublished %s\n", when,
                 (unsigned long long)publish->pulse.root_version,
                 publish->n_keys != 0 ? "signed"
                                      : "not signed: installs will not see how fresh it is",
                 publish->folder);
}

static bool run(struct publish *publish, struct err *err)
{
    bool done = read_all(publish, err);
    if (done && publish->checks)
        done = publish_check_chain(publish, err);
    for (size_t i = 0; done && publish->checks && i < publish->n_items; i++)
        done = publish_check(publish, &publish->items[i], err);
    done = done && make_pulse(publish, err) && publish_write(publish, err);
    if (done)
        print_offer(publish);
    return done;
}

static bool add_key(struct publish *publish, const char *path, struct err *err)
{
    bool is_private;
    if (publish->n_keys == LIMIT_KEYS_PER_ROOT)
        return err_set(err, ERR_USAGE, "E_KEY_READ", "more than %d keys", LIMIT_KEYS_PER_ROOT);
    EVP_PKEY *key = key_read(path, true, &is_private, err);
    if (key == NULL)
        return false;
    publish->keys[publish->n_keys++] = key;
    return true;
}

/* EXIT_FINE to go on. */
static int read_option(struct publish *publish, int option, char **argv)
{
    struct err err = {0};
    switch (option) {
    case 'r':
        publish->roots = optarg;
        return EXIT_FINE;
    case 'a':
        if (publish->n_items == PUBLISH_MAX_FILES)
            return cli_usage_error(verb, "more than %d bundles", PUBLISH_MAX_FILES);
        publish->items[publish->n_items++].path = optarg;
        return EXIT_FINE;
    case 'k':
        return add_key(publish, optarg, &err) ? EXIT_FINE : cli_error(&err);
    case 'e':
        if (publish->n_engines == PUBLISH_MAX_ENGINES)
            return cli_usage_error(verb, "more than %d engines", PUBLISH_MAX_ENGINES);
        publish->engines[publish->n_engines++] = optarg;
        return EXIT_FINE;
    case 'c':
        publish->checks = true;
        return EXIT_FINE;
    case 'y':
        publish->is_sure = true;
        return EXIT_FINE;
    case 'T':
        publish->allows_test = true;
        return EXIT_FINE;
    default:
        return cli_option_error(verb, option, argv);
    }
}

static int parse(int argc, char **argv, struct publish *publish, bool *ret_help)
{
    static const struct option options[] = {{"roots", required_argument, NULL, 'r'},
                                            {"add", required_argument, NULL, 'a'},
                                            {"pulse-key", required_argument, NULL, 'k'},
                                            {"engine", required_argument, NULL, 'e'},
                                            {"check", no_argument, NULL, 'c'},
                                            {"yes", no_argument, NULL, 'y'},
                                            {"allow-test", no_argument, NULL, 'T'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int option;
    opterr = 0;
    optind = 0; /* getopt starts anew, behind the verb */
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option == 'h') {
            *ret_help = true;
            return EXIT_FINE;
        }
        int code = read_option(publish, option, argv);
        if (code != EXIT_FINE)
            return code;
    }
    if (optind + 1 != argc)
        return cli_usage_error(verb, "give one folder");
    if (publish->n_engines != 0 && !publish->checks)
        return cli_usage_error(verb, "--engine belongs to --check");
    publish->folder = argv[optind];
    return EXIT_FINE;
}

int cmd_publish(int argc, char **argv)
{
    struct err err = {0};
    bool wants_help = false;
    struct publish *publish = calloc(1, sizeof(*publish));
    if (publish == NULL) {
        (void)err_set(&err, ERR_MEMORY, "E_MEMORY", "out of memory");
        return cli_error(&err);
    }
    buf_init(&publish->pulse_bytes, LIMIT_PULSE_FILE_BYTES);
    int code = parse(argc, argv, publish, &wants_help);
    if (wants_help)
        (void)fputs(help, stdout);
    else if (code == EXIT_FINE && !run(publish, &err))
        code = cli_error(&err);
    for (size_t i = 0; i < publish->n_keys; i++)
        EVP_PKEY_free(publish->keys[i]);
    for (size_t i = 0; i < publish->n_items; i++)
        buf_done(&publish->items[i].bytes);
    buf_done(&publish->pulse_bytes);
    chain_done(&publish->chain);
    free(publish);
    return code;
}
