/* The options of the verbs that change a root. */
#include "cli/cmd_root.h"

#include <getopt.h>

#include "stopgap/banned.h"

enum { MAX_OPTIONS = 32 };

/* Which verbs know an option. */
enum {
    INIT = 1 << ROOT_INIT,
    ADD = 1 << ROOT_ADD_KEY,
    RETIRE = 1 << ROOT_RETIRE_KEY,
    REVOKE = 1 << ROOT_REVOKE,
    ROTATE = 1 << ROOT_ROTATE,
    ALL = INIT | ADD | RETIRE | REVOKE | ROTATE
};

static const struct {
    const char *name;
    int has_argument;
    int letter;
    unsigned verbs;
} table[] = {
    {"key", required_argument, 'k', INIT | ADD | RETIRE | REVOKE},
    {"add", required_argument, 'a', REVOKE | ROTATE},
    {"drop", required_argument, 'd', ROTATE},
    {"from", required_argument, 'f', ADD},
    {"sunset", required_argument, 's', ADD | RETIRE},
    {"end", required_argument, 'e', ADD | RETIRE},
    {"reason", required_argument, 'w', REVOKE},
    {"date", required_argument, 'D', REVOKE},
    {"withdraw", required_argument, 'W', REVOKE},
    {"raise-epoch", no_argument, 'E', REVOKE},
    {"threshold-root", required_argument, 'R', ALL},
    {"threshold-rules", required_argument, 'r', ALL},
    {"threshold-pulse", required_argument, 'p', ALL},
    {"mirror", required_argument, 'm', INIT | ROTATE},
    {"drop-mirror", required_argument, 'M', ROTATE},
    {"engine-sunset", required_argument, 'g', ROTATE},
    {"eocs-sign-anchor", required_argument, 'S', ROTATE},
    {"eocs-ts-anchor", required_argument, 'T', ROTATE},
    {"eocs-deny", required_argument, 'X', ROTATE},
    {"announce", required_argument, 'n', RETIRE | ROTATE},
    {"usage", required_argument, 'u', INIT},
    {"epoch", required_argument, 'o', INIT},
    {"created", required_argument, 'c', ALL},
    {"expires", required_argument, 'x', ALL},
    {"both-sets", no_argument, 'b', REVOKE | ROTATE},
    {"dry-run", no_argument, 'N', ALL},
    {"yes", no_argument, 'y', ALL},
    {"help", no_argument, 'h', ALL},
};
_Static_assert(sizeof(table) / sizeof(table[0]) < MAX_OPTIONS, "a zero entry ends the list");

struct reader {
    struct root_change *change;
    char verb[32]; /* "root init" */
};

static bool find_verb(const char *name, enum root_verb *ret_verb)
{
    static const char *const words[] = {"init", "add-key", "retire-key", "revoke", "rotate"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(words[i], name) == 0) {
            *ret_verb = (enum root_verb)i;
            return true;
        }
    return false;
}

static const char *name_of(int letter)
{
    static char text[40];
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].letter == letter)
            (void)snprintf(text, sizeof(text), "--%s", table[i].name);
    return text;
}

/* "FILE" or "FILE:root,rules". */
static int add_key(struct reader *reader, const char *text)
{
    struct root_change *change = reader->change;
    char path[4096];
    if (change->n_added == LIMIT_KEYS_PER_ROOT)
        return cli_usage_error(reader->verb, "more than %d keys", LIMIT_KEYS_PER_ROOT);
    const char *colon = strrchr(text, ':');
    /* A colon within a folder's name is no list of roles. */
    bool has_roles = colon != NULL && strpbrk(colon, "/.") == NULL;
    size_t len = has_roles ? (size_t)(colon - text) : strlen(text);
    unsigned roles =
        has_roles ? role_parse_list(slice_str(colon + 1)) : (1u << ROLE_ROOT) | (1u << ROLE_RULES);
    if (roles == 0)
        return cli_usage_error(reader->verb, "roles are root, rules and pulse, not '%s'",
                               colon + 1);
    if (len == 0 || len >= sizeof(path))
        return cli_usage_error(reader->verb, "a new key is FILE or FILE:ROLES");
    memcpy(path, text, len);
    path[len] = '\0';
    struct err err = {0};
    bool is_private;
    EVP_PKEY *pkey = key_read(path, false, &is_private, &err);
    if (pkey == NULL)
        return cli_error(&err);
    change->added[change->n_added++] = (struct root_new_key){.pkey = pkey, .roles = roles};
    return EXIT_FINE;
}

static int name_key(struct reader *reader)
{
    struct root_change *change = reader->change;
    if (change->n_named == LIMIT_KEYS_PER_ROOT)
        return cli_usage_error(reader->verb, "more than %d keys", LIMIT_KEYS_PER_ROOT);
    change->named[change->n_named++] = optarg;
    return EXIT_FINE;
}

static int add_line(struct reader *reader, const char *field)
{
    struct root_change *change = reader->change;
    if (change->n_lines == ROOT_MAX_LINES)
        return cli_usage_error(reader->verb, "more than %d lines at once", ROOT_MAX_LINES);
    change->lines[change->n_lines] = field;
    change->values[change->n_lines++] = optarg;
    return EXIT_FINE;
}

static int drop_mirror(struct reader *reader)
{
    struct root_change *change = reader->change;
    if (change->n_dropped_mirrors == ROOT_MAX_LINES)
        return cli_usage_error(reader->verb, "more than %d mirrors at once", ROOT_MAX_LINES);
    change->dropped_mirrors[change->n_dropped_mirrors++] = optarg;
    return EXIT_FINE;
}

static int read_threshold(struct reader *reader, enum role role, int letter)
{
    uint64_t number;
    if (!cli_option_number(reader->verb, name_of(letter), optarg, LIMIT_KEYS_PER_ROOT, &number))
        return EXIT_USAGE;
    reader->change->thresholds[role] = (unsigned)number;
    return EXIT_FINE;
}

static int read_time(struct reader *reader, int letter)
{
    struct root_change *change = reader->change;
    int64_t *to = letter == 'c'   ? &change->created
                  : letter == 'x' ? &change->expires
                  : letter == 'f' ? &change->from
                  : letter == 's' ? &change->sunset
                  : letter == 'e' ? &change->end
                                  : &change->date;
    return cli_option_time(reader->verb, name_of(letter), optarg, to) ? EXIT_FINE : EXIT_USAGE;
}

static int read_usage(struct reader *reader)
{
    reader->change->is_test = strcmp(optarg, "test") == 0;
    if (reader->change->is_test || strcmp(optarg, "production") == 0)
        return EXIT_FINE;
    return cli_usage_error(reader->verb, "--usage must be production or test");
}

static int read_flag(struct root_change *change, int letter)
{
    bool *flag = letter == 'E'   ? &change->raises_epoch
                 : letter == 'b' ? &change->both_sets
                 : letter == 'N' ? &change->is_dry_run
                                 : &change->is_sure;
    *flag = true;
    return EXIT_FINE;
}

static int read_option(struct reader *reader, int letter)
{
    struct root_change *change = reader->change;
    bool names = change->verb == ROOT_RETIRE_KEY || change->verb == ROOT_REVOKE;
    switch (letter) {
    case 'k':
        return names ? name_key(reader) : add_key(reader, optarg);
    case 'a':
        return add_key(reader, optarg);
    case 'd':
        return name_key(reader);
    case 'W':
        return add_line(reader, "withdraw");
    case 'm':
        return add_line(reader, "mirror");
    case 'g':
        return add_line(reader, "engine-sunset");
    case 'n':
        return add_line(reader, "announce");
    case 'S':
        return add_line(reader, "eocs-sign-anchor");
    case 'T':
        return add_line(reader, "eocs-ts-anchor");
    case 'X':
        return add_line(reader, "eocs-deny");
    case 'M':
        return drop_mirror(reader);
    case 'R':
        return read_threshold(reader, ROLE_ROOT, letter);
    case 'r':
        return read_threshold(reader, ROLE_RULES, letter);
    case 'p':
        return read_threshold(reader, ROLE_PULSE, letter);
    case 'u':
        return read_usage(reader);
    case 'w':
        change->reason = optarg;
        return EXIT_FINE;
    case 'o':
        return cli_option_number(reader->verb, "--epoch", optarg, TEXT_NUMBER_MAX, &change->epoch)
                   ? EXIT_FINE
                   : EXIT_USAGE;
    case 'E':
    case 'b':
    case 'N':
    case 'y':
        return read_flag(change, letter);
    default:
        return read_time(reader, letter);
    }
}

/* What each verb cannot do without. */
static int check_options(const struct reader *reader)
{
    const struct root_change *change = reader->change;
    bool has_emergency = change->n_named != 0 || change->n_lines != 0 || change->raises_epoch;
    switch (change->verb) {
    case ROOT_INIT:
    case ROOT_ADD_KEY:
        if (change->n_added == 0)
            return cli_usage_error(reader->verb, "give at least one --key FILE");
        break;
    case ROOT_RETIRE_KEY:
        if (change->n_named == 0 || change->sunset == 0)
            return cli_usage_error(reader->verb, "give --key KEY and --sunset DATE");
        break;
    case ROOT_REVOKE:
        if (!has_emergency)
            return cli_usage_error(reader->verb,
                                   "say what: --key KEY, --withdraw NAME:EPOCH:SERIAL or "
                                   "--raise-epoch");
        if (change->n_named != 0 && change->reason == NULL)
            return cli_usage_error(reader->verb, "give --reason WORD, such as lost or stolen");
        break;
    case ROOT_ROTATE:
        break;
    }
    return EXIT_FINE;
}

int root_read_options(int argc, char **argv, struct root_change *change, bool *ret_over)
{
    struct reader reader = {.change = change};
    struct option options[MAX_OPTIONS] = {0};
    size_t n = 0;
    *ret_over = true;
    if (!find_verb(argv[0], &change->verb))
        return EXIT_USAGE; /* not reached: the verbs come from one list */
    (void)snprintf(reader.verb, sizeof(reader.verb), "root %s", argv[0]);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if ((table[i].verbs & (1u << change->verb)) != 0)
            options[n++] =
                (struct option){table[i].name, table[i].has_argument, NULL, table[i].letter};
    int letter;
    while ((letter = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (letter == 'h' || letter == '?')
            return cli_option_end(letter, reader.verb, root_help(argv[0]));
        int result = read_option(&reader, letter);
        if (result != EXIT_FINE)
            return result;
    }
    if (optind + 1 != argc)
        return cli_usage_error(reader.verb, "give the folder of the roots, and nothing else");
    change->folder = argv[optind];
    *ret_over = false;
    return check_options(&reader);
}
