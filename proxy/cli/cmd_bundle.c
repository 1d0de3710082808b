/* `stopgap bundle`: finds the verb; what its verbs share. */
#include "cli/cmd_bundle.h"

#include <fcntl.h>
#include <getopt.h>

#include "trust/file.h"

#include "stopgap/banned.h"

struct bundle_verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct bundle_verb verbs[] = {
    {"keygen", bundle_keygen, "make a signing key"},
    {"build", bundle_build, "make an unsigned bundle of a folder of rules"},
    {"sign", bundle_sign, "add signatures to a bundle"},
    {"verify", bundle_verify, "check a bundle as the proxy does"},
    {"show", bundle_show, "print what a bundle says, without checking signatures"},
};

static void print_help(FILE *out)
{
    (void)fputs("stopgap bundle VERB: signed rule sets (*.sgb)\n\n"
                "  stopgap bundle keygen --alg ed25519 --out a.key\n"
                "  stopgap bundle keygen --alg ecdsa-p256 --out b.key\n"
                "  stopgap root init my-root --key a.key --key b.key\n"
                "  stopgap root sign my-root --key a.key --key b.key\n"
                "  stopgap bundle build rules/ --name my-rules --serial 1 --root my-root "
                "--out my.sgb\n"
                "  stopgap bundle sign my.sgb --key a.key --key b.key\n"
                "  stopgap bundle verify my.sgb --trust my-root/0000000001\n\nVerbs:\n",
                out);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        (void)fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].help);
    (void)fputs("\n'stopgap bundle VERB --help' says more.\n", out);
}

int cmd_bundle(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return EXIT_FINE;
    }
    optind = 0; /* getopt starts anew, behind the verb */
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    return cli_usage_error("bundle", "there is no verb '%s'", argv[1]);
}

bool bundle_parts_read(struct bundle_parts *parts, const char *path, struct err *err)
{
    static const struct file_codes codes = {.read = "E_BUNDLE_READ", .size = "E_BUNDLE_SIZE"};
    *parts = (struct bundle_parts){0};
    buf_init(&parts->bytes, LIMIT_BUNDLE_BYTES);
    if (!file_read(AT_FDCWD, path, &codes, &parts->bytes, err))
        return false;
    if (!ustar_read(buf_slice(&parts->bytes), &parts->archive, err))
        return err_at(err, path, 0, 0);
    if (!manifest_parse(parts->archive.members[0].data, &parts->manifest, err)) {
        unsigned line = err->line;
        (void)err_at(err, path, 0, 0);
        (void)snprintf(err->file, sizeof(err->file), "%.200s(" USTAR_MANIFEST ")", path);
        err->line = line;
        return false;
    }
    char name[USTAR_NAME_MAX + 1];
    (void)snprintf(name, sizeof(name), "root/%010llu",
                   (unsigned long long)parts->manifest.root_version);
    const struct ustar_member *member = ustar_find(&parts->archive, name);
    if (member == NULL)
        return true;
    parts->root = root_parse(member->data, err);
    return parts->root != NULL || err_at(err, path, 0, 0);
}

void bundle_parts_done(struct bundle_parts *parts)
{
    root_free(parts->root);
    manifest_done(&parts->manifest);
    ustar_done(&parts->archive);
    buf_done(&parts->bytes);
}

void bundle_parts_count(const struct bundle_parts *parts, enum role role,
                        struct signature_tally *ret_tally)
{
    char prefix[64] = "sig/";
    struct slice message = parts->archive.members[0].data;
    if (role == ROLE_ROOT) {
        (void)snprintf(prefix, sizeof(prefix), "root/%010llu.sig/",
                       (unsigned long long)parts->root->version);
        message = buf_slice(&parts->root->text);
    }
    const struct signature_request request = {
        .role = role, .message = message, .archive = &parts->archive, .prefix = prefix};
    signature_count(parts->root, &request, ret_tally);
}
