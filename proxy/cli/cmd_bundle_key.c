/* `stopgap bundle keygen`. */
#include "cli/cmd_bundle.h"

#include <getopt.h>

#include "stopgap/banned.h"

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
            return cli_option_end(option, verb, bundle_keygen_help);
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
