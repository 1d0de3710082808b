/* Writer of bundles. */
#include "bundle_write.h"

#include <stdlib.h>

#include "utc.h"

#include "stopgap/banned.h"

static bool fail_memory(struct err *err)
{
    return err_set(err, ERR_MEMORY, "E_BUNDLE_WRITE", "no memory for the bundle");
}

void draft_done(struct draft *draft)
{
    for (size_t i = 0; i < draft->n_members; i++) {
        free(draft->members[i].name);
        buf_done(&draft->members[i].data);
    }
    free(draft->members);
    *draft = (struct draft){0};
}

static struct draft_member *find_member(const struct draft *draft, const char *name)
{
    for (size_t i = 0; i < draft->n_members; i++)
        if (strcmp(draft->members[i].name, name) == 0)
            return &draft->members[i];
    return NULL;
}

const struct draft_member *draft_find(const struct draft *draft, const char *name)
{
    return find_member(draft, name);
}

/* A new empty member, or NULL with err. */
static struct draft_member *add_member(struct draft *draft, const char *name, struct err *err)
{
    if (draft->n_members == LIMIT_BUNDLE_MEMBERS) {
        (void)err_set(err, ERR_LIMIT, "E_BUNDLE_COUNT", "more than %d members",
                      LIMIT_BUNDLE_MEMBERS);
        return NULL;
    }
    if (draft->members == NULL)
        draft->members = calloc(LIMIT_BUNDLE_MEMBERS, sizeof(draft->members[0]));
    char *copy = strdup(name);
    if (draft->members == NULL || copy == NULL) {
        free(copy);
        (void)fail_memory(err);
        return NULL;
    }
    struct draft_member *member = &draft->members[draft->n_members++];
    *member = (struct draft_member){.name = copy};
    buf_init(&member->data, LIMIT_MEMBER_BYTES);
    return member;
}

bool draft_put(struct draft *draft, const char *name, struct slice data, struct err *err)
{
    if (!ustar_name_is_valid(slice_str(name)))
        return err_set(err, ERR_SYNTAX, "E_BUNDLE_NAME",
                       "'%s' cannot be a member's name; use [a-z0-9._-] only, no leading dot, at "
                       "most 99 bytes",
                       name);
    if (data.len > LIMIT_MEMBER_BYTES)
        return err_set(err, ERR_LIMIT, "E_BUNDLE_MEMBER_SIZE", "%s has more than %d bytes", name,
                       LIMIT_MEMBER_BYTES);
    struct draft_member *member = find_member(draft, name);
    if (member == NULL)
        member = add_member(draft, name, err);
    if (member == NULL)
        return false;
    member->data.len = 0;
    return buf_append(&member->data, data) || fail_memory(err);
}

bool draft_put_all(struct draft *draft, const struct ustar *archive, struct err *err)
{
    for (size_t i = 0; i < archive->n_members; i++)
        if (!draft_put(draft, archive->members[i].name, archive->members[i].data, err))
            return false;
    return true;
}

static int compare_members(const void *a, const void *b)
{
    return strcmp(((const struct draft_member *)a)->name, ((const struct draft_member *)b)->name);
}

static void sort_members(struct draft *draft)
{
    if (draft->n_members != 0)
        qsort(draft->members, draft->n_members, sizeof(draft->members[0]), compare_members);
}

static bool write_time(struct buf *text, const char *field, int64_t seconds)
{
    char when[UTC_TIME_CHARS + 1];
    utc_format_time(seconds, when);
    return buf_printf(text, "%s %s\n", field, when);
}

static bool write_facts(struct buf *text, const struct manifest *facts)
{
    bool done = buf_printf(text,
                           "stopgap-manifest 1\nmin-engine " SLICE_FMT "\nname " SLICE_FMT
                           "\nchannel %s\nepoch %llu\nserial %llu\n",
                           SLICE_ARG(facts->min_engine), SLICE_ARG(facts->name),
                           facts->is_lab ? "lab" : "production", (unsigned long long)facts->epoch,
                           (unsigned long long)facts->serial) &&
                write_time(text, "created", facts->created);
    if (done && facts->stable_after != 0)
        done = write_time(text, "stable-after", facts->stable_after);
    done = done && write_time(text, "expires", facts->expires) &&
           buf_printf(text, "root %llu " SLICE_FMT "\n", (unsigned long long)facts->root_version,
                      SLICE_ARG(facts->root_hash));
    if (done && facts->supersedes != 0)
        done = buf_printf(text, "supersedes %llu\n", (unsigned long long)facts->supersedes);
    done = done && buf_printf(text, "urgency %s\n", facts->is_critical ? "critical" : "normal");
    if (done && facts->max_cost != 0)
        done = buf_printf(text, "max-cost %llu\n", (unsigned long long)facts->max_cost);
    for (size_t i = 0; done && i < facts->n_features; i++)
        done = buf_printf(text, "feature " SLICE_FMT "\n", SLICE_ARG(facts->features[i]));
    return done;
}

static bool write_files(struct buf *text, const struct draft *draft)
{
    bool done = true;
    for (size_t i = 0; done && i < draft->n_members; i++) {
        const struct draft_member *member = &draft->members[i];
        char hash[HASH_SIZE];
        if (strncmp(member->name, "rules/", 6) != 0 && strncmp(member->name, "tests/", 6) != 0)
            continue;
        done = hash_hex(buf_slice(&member->data), hash) &&
               buf_printf(text, "file %s %zu %s\n", hash, member->data.len, member->name);
    }
    return done;
}

bool draft_put_manifest(struct draft *draft, const struct manifest *facts, struct err *err)
{
    struct buf text;
    buf_init(&text, LIMIT_MANIFEST_BYTES);
    struct manifest again;
    bool done = false;
    sort_members(draft);
    if (!write_facts(&text, facts) || !write_files(&text, draft))
        (void)err_set(err, ERR_LIMIT, "E_BUNDLE_MEMBER_SIZE",
                      "the manifest would have more than %d bytes", LIMIT_MANIFEST_BYTES);
    else if (manifest_parse(buf_slice(&text), &again, err)) {
        manifest_done(&again);
        done = draft_put(draft, USTAR_MANIFEST, buf_slice(&text), err);
    }
    buf_done(&text);
    return done;
}

bool draft_sign(struct draft *draft, const char *message_name, const char *prefix, EVP_PKEY *pkey,
                struct err *err)
{
    char id[HASH_SIZE];
    char name[USTAR_NAME_MAX + 1];
    const struct draft_member *message = draft_find(draft, message_name);
    if (message == NULL)
        return err_set(err, ERR_SYNTAX, "E_SIGN", "there is no %s to sign", message_name);
    if (!key_id(pkey, id, err))
        return false;
    (void)snprintf(name, sizeof(name), "%s%s", prefix, id);
    struct buf signature;
    buf_init(&signature, LIMIT_SIGNATURE_BYTES);
    bool done = key_sign(pkey, buf_slice(&message->data), &signature, err) &&
                draft_put(draft, name, buf_slice(&signature), err);
    buf_done(&signature);
    return done;
}

bool draft_view(struct draft *draft, struct ustar *ret_view, struct err *err)
{
    struct ustar view = {.n_members = draft->n_members};
    view.members = calloc(draft->n_members + 1, sizeof(view.members[0]));
    if (view.members == NULL)
        return fail_memory(err);
    sort_members(draft);
    for (size_t i = 0; i < draft->n_members; i++)
        view.members[i] = (struct ustar_member){.name = draft->members[i].name,
                                                .data = buf_slice(&draft->members[i].data)};
    *ret_view = view;
    return true;
}

bool draft_write(struct draft *draft, struct buf *out, struct err *err)
{
    sort_members(draft);
    bool done = true;
    for (size_t i = 0; done && i < draft->n_members; i++)
        done = ustar_append(out, draft->members[i].name, buf_slice(&draft->members[i].data));
    if (!done || !ustar_finish(out))
        return err_set(err, ERR_LIMIT, "E_BUNDLE_SIZE", "the bundle would have more than %zu bytes",
                       out->max);
    struct ustar archive;
    if (!ustar_read(buf_slice(out), &archive, err))
        return false;
    ustar_done(&archive);
    return true;
}
