/* Reading the command line of `stopgap rules`. */
#include "cli/rules_call.h"

#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "stopgap/banned.h"

static bool take_option(struct rules_call *call, int option, unsigned options)
{
    switch (option) {
    case 't':
        call->trust = optarg;
        return true;
    case 'h':
        call->wants_help = true;
        return true;
    case 'j':
        call->json = true;
        return (options & RULES_OPTION_JSON) != 0;
    case 's':
        call->is_strict = true;
        return (options & RULES_OPTION_STRICT) != 0;
    case 'c':
        call->config = optarg;
        return (options & RULES_OPTION_CONFIG) != 0;
    default:
        return false;
    }
}

int rules_call_parse(int argc, char **argv, unsigned options, struct rules_call *ret_call)
{
    static const struct option table[] = {
        {"trust", required_argument, NULL, 't'},  {"json", no_argument, NULL, 'j'},
        {"strict", no_argument, NULL, 's'},       {"help", no_argument, NULL, 'h'},
        {"config", required_argument, NULL, 'c'}, {0}};
    struct rules_call call = {0};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":hc:", table, NULL)) != -1)
        if (!take_option(&call, option, options))
            return cli_option_error("rules", option == ':' ? ':' : '?', argv);
    for (; optind < argc; optind++) {
        if (call.n_words == RULES_MAX_WORDS)
            return cli_usage_error("rules", "more than %d paths", (int)RULES_MAX_WORDS);
        call.words[call.n_words++] = argv[optind];
    }
    *ret_call = call;
    return EXIT_FINE;
}

int rules_call_paths(const struct rules_call *call, size_t first, size_t n,
                     struct rule_paths *ret_paths)
{
    *ret_paths = (struct rule_paths){.trust = call->trust, .takes_all = true};
    for (size_t i = first; i < first + n; i++) {
        const char *word = call->words[i];
        if (n == 1 && strcmp(word, "builtin") == 0 && access(word, F_OK) != 0)
            continue;
        int status = rule_paths_add(ret_paths, "rules", word);
        if (status != EXIT_FINE)
            return status;
    }
    return rule_paths_check(ret_paths, "rules");
}
