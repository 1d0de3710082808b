/* `stopgap bundle show`: the facts of a bundle, without any judgement. */
#include "cli/cmd_bundle.h"

#include <getopt.h>
#include <jansson.h>

#include "trust/utc.h"

#include "stopgap/banned.h"

static const char *count_text(const struct bundle_parts *parts, enum role role, char *out,
                              size_t size)
{
    struct signature_tally tally;
    if (parts->root == NULL)
        return "no root in the bundle";
    bundle_parts_count(parts, role, &tally);
    signature_describe(&tally, out, size);
    return out;
}

static void print_time(const char *field, int64_t seconds)
{
    char when[UTC_TIME_CHARS + 1];
    utc_format_time(seconds, when);
    (void)printf("%s %s\n", field, when);
}

static void print_text(const struct bundle_parts *parts, const char *hash)
{
    const struct manifest *manifest = &parts->manifest;
    char counts[400];
    (void)printf("sha256 %s\nname " SLICE_FMT "\nchannel %s\nepoch %llu\nserial %llu\n", hash,
                 SLICE_ARG(manifest->name), manifest->is_lab ? "lab" : "production",
                 (unsigned long long)manifest->epoch, (unsigned long long)manifest->serial);
    print_time("created", manifest->created);
    print_time("stable-after", manifest->stable_after);
    print_time("expires", manifest->expires);
    (void)printf("root %llu " SLICE_FMT "\nurgency %s\nmin-engine " SLICE_FMT "\n",
                 (unsigned long long)manifest->root_version, SLICE_ARG(manifest->root_hash),
                 manifest->is_critical ? "critical" : "normal", SLICE_ARG(manifest->min_engine));
    for (size_t i = 0; i < manifest->n_features; i++)
        (void)printf("feature " SLICE_FMT "\n", SLICE_ARG(manifest->features[i]));
    for (size_t i = 0; i < parts->archive.n_members; i++) {
        const struct ustar_member *member = &parts->archive.members[i];
        (void)printf("member %8zu %s\n", member->data.len, member->name);
    }
    (void)printf("signatures of role rules by the root in the bundle: %s\n",
                 count_text(parts, ROLE_RULES, counts, sizeof(counts)));
    (void)printf("signatures of that root by itself: %s\n",
                 count_text(parts, ROLE_ROOT, counts, sizeof(counts)));
    (void)puts("nothing was verified; use 'stopgap bundle verify'");
}

static json_t *json_slice(struct slice text)
{
    return json_stringn(text.ptr, text.len);
}

static json_t *json_time(int64_t seconds)
{
    char when[UTC_TIME_CHARS + 1];
    utc_format_time(seconds, when);
    return json_string(when);
}

static json_t *make_members(const struct ustar *archive)
{
    json_t *members = json_array();
    for (size_t i = 0; i < archive->n_members; i++)
        (void)json_array_append_new(members,
                                    json_pack("{s:s, s:I}", "name", archive->members[i].name,
                                              "size", (json_int_t)archive->members[i].data.len));
    return members;
}

static json_t *make_signatures(const struct bundle_parts *parts)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < parts->archive.n_members; i++) {
        const char *name = parts->archive.members[i].name;
        if (strncmp(name, "sig/", 4) == 0)
            (void)json_array_append_new(ids, json_string(name + 4));
    }
    return ids;
}

static int print_json(const struct bundle_parts *parts, const char *hash)
{
    const struct manifest *manifest = &parts->manifest;
    char rules_counts[400];
    char root_counts[400];
    json_t *all = json_pack(
        "{s:s, s:o, s:s, s:I, s:I, s:o, s:o, s:o, s:I, s:o, s:s, s:o}", "sha256", hash, "name",
        json_slice(manifest->name), "channel", manifest->is_lab ? "lab" : "production", "epoch",
        (json_int_t)manifest->epoch, "serial", (json_int_t)manifest->serial, "created",
        json_time(manifest->created), "stable_after", json_time(manifest->stable_after), "expires",
        json_time(manifest->expires), "root_version", (json_int_t)manifest->root_version,
        "root_sha256", json_slice(manifest->root_hash), "urgency",
        manifest->is_critical ? "critical" : "normal", "min_engine",
        json_slice(manifest->min_engine));
    bool done =
        all != NULL && json_object_set_new(all, "members", make_members(&parts->archive)) == 0 &&
        json_object_set_new(all, "signed_by", make_signatures(parts)) == 0 &&
        json_object_set_new(
            all, "rules_signatures",
            json_string(count_text(parts, ROLE_RULES, rules_counts, sizeof(rules_counts)))) == 0 &&
        json_object_set_new(
            all, "root_signatures",
            json_string(count_text(parts, ROLE_ROOT, root_counts, sizeof(root_counts)))) == 0 &&
        json_dumpf(all, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
    json_decref(all);
    return done ? EXIT_FINE : EXIT_FAILED;
}

int bundle_show(int argc, char **argv)
{
    static const char verb[] = "bundle show";
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    bool wants_json = false;
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option != 'j')
            return cli_option_end(option, verb, bundle_show_help);
        wants_json = true;
    }
    if (optind + 1 != argc)
        return cli_usage_error(verb, "give one bundle");
    struct err err = {0};
    struct bundle_parts parts;
    char hash[HASH_SIZE];
    int result = EXIT_FINE;
    if (!bundle_parts_read(&parts, argv[optind], &err) || !hash_hex(buf_slice(&parts.bytes), hash))
        result = cli_error(&err);
    else if (wants_json)
        result = print_json(&parts, hash);
    else
        print_text(&parts, hash);
    bundle_parts_done(&parts);
    return result;
}
