/* The program: finds the verb and calls it. */
#include "cli/cli.h"
#include "jail.h"

#include <stdio.h>
#include <string.h>

#include "stopgap/banned.h"

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct verb verbs[] = {
    {"run", cmd_run, "run the proxy in the foreground"},
    {"verify", cmd_verify, "send harmless probes through a live listener: what is protected"},
    {"check", cmd_check, "check a configuration; --print shows the effective one"},
    {"status", cmd_status, "show what a running proxy does"},
    {"reload", cmd_reload, "make a running proxy load its rules again"},
    {"drain", cmd_drain, "end a running proxy gracefully; --wait until it has ended"},
    {"cert", cmd_cert, "parity: are Exchange's certificates those that clients see here?"},
    {"upgrade", cmd_upgrade, "replace a running proxy by its new program file, losing nothing"},
    {"bundle", cmd_bundle, "keygen, build, sign, verify, show signed rule sets"},
    {"root", cmd_root, "the keys that may sign rule sets: begin, rotate, retire, revoke"},
    {"trust", cmd_trust, "what an installation trusts and for how long; start it by hand"},
    {"mitigations", cmd_mitigations, "list, block, unblock, switch, export mitigations"},
    {"rules", cmd_rules,
     "test, list, lint, show, diff, cost: look at rules before they are in force"},
    {"bench", cmd_bench, "rules: what a rule set costs on given traffic, without a network"},
    {"explain", cmd_explain, "why a request is blocked, or not: every rule and condition"},
    {"doctor", cmd_doctor, "look at servers, certificates, rules: what is wrong, what to do"},
    {"feed", cmd_feed, "test, fetch, import: where signed rules come from"},
    {"publish", cmd_publish, "write the folder that a web server shows as a feed"},
    {"eocs", cmd_eocs, "verify, show, import Microsoft's signed mitigation feed"},
};

static void print_help(FILE *out)
{
    (void)fputs("stopgap " STOPGAP_VERSION
                ": a filtering reverse proxy in front of Microsoft Exchange\n\n"
                "  stopgap run --listen https://0.0.0.0:443 --cert cert.pem --key key.pem \\\n"
                "              --upstream https://exchange.example.com\n\nVerbs:\n",
                out);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        (void)fprintf(out, "  %-11s %s\n", verbs[i].name, verbs[i].help);
    (void)fputs("\n'stopgap VERB --help' says more.\n"
                "Exit status: 0 fine, 1 failed, 2 usage, 3 not reachable.\n",
                out);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return EXIT_FINE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0) {
        (void)puts("stopgap " STOPGAP_VERSION);
        return EXIT_FINE;
    }
    if (!__builtin_cpu_supports("sse4.2")) {
        (void)fputs("stopgap: this processor lacks SSE4.2, which this build needs\n", stderr);
        return EXIT_FAILED;
    }
    if (strcmp(argv[1], JAIL_VERB) == 0 && argc == 2)
        return jail_main();
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    (void)fprintf(stderr, "stopgap: unknown verb '%s'\n\n", argv[1]);
    print_help(stderr);
    return EXIT_USAGE;
}
