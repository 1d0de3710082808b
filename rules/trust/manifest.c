/* Parser of manifests. */
#include "manifest.h"

#include <stdlib.h>

#include "stopgap/limits.h"
#include "text.h"
#include "ustar.h"
#include "utc.h"

#include "stopgap/banned.h"

static bool fail(struct err *err, const char *field, const char *form)
{
    return err_set(err, ERR_SYNTAX, "E_MANIFEST_SYNTAX", "the manifest's field '%s' must be %s",
                   field, form);
}

static bool read_first(void *ctx, const struct slice *words, struct err *err)
{
    (void)ctx;
    return slice_equal(words[1], SLICE("1")) ||
           err_set(err, ERR_SYNTAX, "E_MANIFEST_SYNTAX",
                   "this build knows manifests of format 1 only");
}

static bool read_min_engine(void *ctx, const struct slice *words, struct err *err)
{
    struct manifest *manifest = ctx;
    unsigned needed[3];
    unsigned ours[3];
    if (!text_version(words[1], needed) || !text_version(SLICE(STOPGAP_VERSION), ours))
        return fail(err, "min-engine", "a version like 1.0.0");
    if (text_version_compare(needed, ours) > 0)
        return err_set(err, ERR_TRUST, "E_ENGINE_TOO_OLD",
                       "this bundle needs stopgap " SLICE_FMT ", this is " STOPGAP_VERSION
                       "; upgrade the program",
                       SLICE_ARG(words[1]));
    manifest->min_engine = words[1];
    return true;
}

static bool read_name(void *ctx, const struct slice *words, struct err *err)
{
    struct manifest *manifest = ctx;
    manifest->name = words[1];
    return text_is_name(words[1]) ||
           fail(err, "name", "1..63 of [a-z0-9._-], starting with a letter or digit");
}

static bool read_channel(void *ctx, const struct slice *words, struct err *err)
{
    struct manifest *manifest = ctx;
    manifest->is_lab = slice_equal(words[1], SLICE("lab"));
    return manifest->is_lab || slice_equal(words[1], SLICE("production")) ||
           fail(err, "channel", "production or lab");
}

static bool read_epoch(void *ctx, const struct slice *words, struct err *err)
{
    struct manifest *manifest = ctx;
    return text_number(words[1], &manifest->epoch) ||
           fail(err, "epoch", "a decimal number without leading zero, 1..2^63-1");
}

static bool read_serial(void *ctx, const struct slice *words, struct err *err)
{
    struct manifest *manifest = ctx;
    return text_number(words[1], &manifest->serial) ||
           fail(err, "serial", "a decimal number without leading zero, 1..2^63-1");
}

static bool read_created(void *ctx, const struct slice *words, struct err *err)
{
    struct manifest *manifest = ctx;
    if (!utc_parse_time(words[1], &manifest->created))
        return fail(err, "created", "a time like 2026-11-24T02:00:00Z");
    manifest->stable_after = manifest->created;
    return true;
}

static bool read_stable_after(void *ctx, const struct slice *words, struct err *err)
{
    struct manifest *manifest = ctx;
    return utc_parse_time(words[1], &manifest->stable_after) ||
           fail(err, "stable-after", "a time like 2026-11-25T02:00:00Z");
}

static bool read_expires(void *ctx, const struct slice *words, struct err *err)
{
    struct manifest *manifest = ctx;
    return utc_parse_time(words[1], &manifest->expires) ||
           fail(err, "expires", "a time like 2027-02-24T00:00:00Z");
}

static bool read_root(void *ctx, const struct slice *words, struct err *err)
{
    struct manifest *manifest = ctx;
    manifest->root_hash = words[2];
    return (text_number(words[1], &manifest->root_version) && text_is_hash(words[2])) ||
           fail(err, "root", "the version and the SHA-256 of a root");
}

static bool read_supersedes(void *ctx, const struct slice *words, struct err *err)
{
    struct manifest *manifest = ctx;
    return text_number(words[1], &manifest->supersedes) || fail(err, "supersedes", "a serial");
}

static bool read_urgency(void *ctx, const struct slice *words, struct err *err)
{
    struct manifest *manifest = ctx;
    manifest->is_critical = slice_equal(words[1], SLICE("critical"));
    return manifest->is_critical || slice_equal(words[1], SLICE("normal")) ||
           fail(err, "urgency", "normal or critical");
}

static bool read_max_cost(void *ctx, const struct slice *words, struct err *err)
{
    struct manifest *manifest = ctx;
    return text_number(words[1], &manifest->max_cost) || fail(err, "max-cost", "a number");
}

static bool read_feature(void *ctx, const struct slice *words, struct err *err)
{
    struct manifest *manifest = ctx;
    if (!text_is_name(words[1]) || manifest->n_features == MANIFEST_MAX_FEATURES)
        return fail(err, "feature", "one lower-case word, at most 32 times");
    manifest->features[manifest->n_features++] = words[1];
    return true;
}

static bool grow_files(struct manifest *manifest, struct err *err)
{
    size_t n = manifest->n_files;
    if (n != 0 && (n & (n - 1)) != 0)
        return true;
    struct manifest_file *files = realloc(manifest->files, (n != 0 ? n * 2 : 1) * sizeof(*files));
    if (files == NULL)
        return err_set(err, ERR_MEMORY, "E_MANIFEST_SYNTAX", "no memory for the list of files");
    manifest->files = files;
    return true;
}

static bool read_file_line(void *ctx, const struct slice *words, struct err *err)
{
    struct manifest *manifest = ctx;
    struct slice name = words[3];
    uint64_t size;
    if (!text_is_hash(words[1]) || !text_size(words[2], &size) || size > LIMIT_MEMBER_BYTES)
        return fail(err, "file", "SHA256 SIZE NAME");
    if (!ustar_name_is_valid(name) ||
        (!slice_starts_with(name, SLICE("rules/")) && !slice_starts_with(name, SLICE("tests/"))))
        return fail(err, "file", "about a member below rules/ or tests/");
    if (manifest->n_files != 0 &&
        text_compare(manifest->files[manifest->n_files - 1].name, name) >= 0)
        return fail(err, "file", "in byte order of the names, each once; sort with LC_ALL=C");
    if (manifest->n_files == LIMIT_BUNDLE_MEMBERS || !grow_files(manifest, err))
        return false;
    manifest->files[manifest->n_files++] =
        (struct manifest_file){.hash = words[1], .size = (size_t)size, .name = name};
    return true;
}

static const struct text_field fields[] = {
    {"stopgap-manifest", TEXT_ONCE, 2, read_first},
    {"min-engine", TEXT_ONCE, 2, read_min_engine},
    {"name", TEXT_ONCE, 2, read_name},
    {"channel", TEXT_ONCE, 2, read_channel},
    {"epoch", TEXT_ONCE, 2, read_epoch},
    {"serial", TEXT_ONCE, 2, read_serial},
    {"created", TEXT_ONCE, 2, read_created},
    {"stable-after", TEXT_OPTIONAL, 2, read_stable_after},
    {"expires", TEXT_ONCE, 2, read_expires},
    {"root", TEXT_ONCE, 3, read_root},
    {"supersedes", TEXT_OPTIONAL, 2, read_supersedes},
    {"urgency", TEXT_OPTIONAL, 2, read_urgency},
    {"max-cost", TEXT_OPTIONAL, 2, read_max_cost},
    {"feature", TEXT_REPEATED, 2, read_feature},
    {"file", TEXT_REPEATED, 4, read_file_line},
};

bool manifest_parse(struct slice text, struct manifest *ret_manifest, struct err *err)
{
    static const struct text_grammar grammar = {
        .what = "manifest",
        .fields = fields,
        .n_fields = sizeof(fields) / sizeof(fields[0]),
        .syntax_code = "E_MANIFEST_SYNTAX",
        .unknown_code = "E_MANIFEST_FIELD",
        .has_extensions = true,
    };
    struct manifest manifest = {0};
    if (!text_parse(&grammar, text, &manifest, err)) {
        manifest_done(&manifest);
        return false;
    }
    *ret_manifest = manifest;
    return true;
}

void manifest_done(struct manifest *manifest)
{
    free(manifest->files);
    *manifest = (struct manifest){0};
}
