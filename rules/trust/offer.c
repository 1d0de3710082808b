/* What a feed offers, compared with what this installation has. */
#include <fcntl.h>
#include <stdlib.h>

#include "file.h"
#include "store.h"
#include "utc.h"
#include "walk.h"

#include "stopgap/pulse.h"
#include "stopgap/trust.h"

#include "stopgap/banned.h"

enum {
    INSTALL_ID_CHARS = 32, /* 128 bits: no two installs have one */
    CLOCK_SLACK_S = 3600,  /* clocks of two machines that are both right enough */
};

uint64_t trust_root_version(const struct trust_store *store)
{
    return store->root->version;
}

bool trust_walk_file(struct trust_store *store, struct slice bytes, struct err *err)
{
    struct ustar archive;
    struct err why = {0};
    if (!ustar_read_form(bytes, USTAR_ROOTS, &archive, &why))
        return err_set(err, why.kind, "E_ROOT_SYNTAX", "this is not a file of roots: %s", why.text);
    bool done = walk_archive(store, &archive, err);
    ustar_done(&archive);
    return done;
}

void trust_list_values(const struct trust_store *store, const char *field,
                       bool (*each)(void *ctx, struct slice value), void *ctx)
{
    struct slice rest = buf_slice(&store->root->text);
    struct slice line;
    size_t len = strlen(field);
    while (slice_next(&rest, '\n', &line))
        if (slice_starts_with(line, slice_str(field)) && line.len > len && line.ptr[len] == ' ' &&
            !each(ctx, slice_from(line, len + 1)))
            return;
}

bool bundle_hash_bytes(struct slice bytes, char ret_hash[65], struct err *err)
{
    return hash_hex(bytes, ret_hash) ||
           err_set(err, ERR_MEMORY, "E_BUNDLE_READ", "SHA-256 is not available");
}

enum trust_news trust_news(const struct trust_store *store, const char *name, uint64_t epoch,
                           uint64_t serial)
{
    const struct state_floor *floor = state_find(&store->state, slice_str(name), false);
    if (floor == NULL || epoch > floor->epoch)
        return TRUST_NEWS_NEWER;
    if (epoch < floor->epoch || serial < floor->serial)
        return TRUST_NEWS_OLDER;
    return serial == floor->serial ? TRUST_NEWS_SAME : TRUST_NEWS_NEWER;
}

bool bundle_read_facts(struct slice bytes, struct bundle_facts *ret_facts, struct err *err)
{
    struct ustar archive;
    struct manifest manifest;
    if (!ustar_read(bytes, &archive, err))
        return false;
    bool done = manifest_parse(archive.members[0].data, &manifest, err);
    if (done) {
        *ret_facts = (struct bundle_facts){.is_lab = manifest.is_lab,
                                           .epoch = manifest.epoch,
                                           .serial = manifest.serial,
                                           .created = manifest.created,
                                           .stable_after = manifest.stable_after,
                                           .is_critical = manifest.is_critical};
        memcpy(ret_facts->name, manifest.name.ptr, manifest.name.len);
        memcpy(ret_facts->min_engine, manifest.min_engine.ptr, manifest.min_engine.len);
        manifest_done(&manifest);
    }
    ustar_done(&archive);
    return done;
}

/* A full disk or a lack of memory is not the bundle's fault, and a newer program may take it. */
bool trust_is_about_content(const struct err *why)
{
    return why->kind != ERR_IO && strcmp(why->code, TRUST_HELD_CODE) != 0 &&
           why->kind != ERR_MEMORY && why->kind != ERR_USAGE && strncmp(why->code, "E_", 2) == 0 &&
           strncmp(why->code, "E_ENGINE_TOO_OLD", strlen("E_ENGINE_TOO_OLD")) != 0;
}

bool trust_fail_candidate(struct trust_store *store, const struct err *why)
{
    struct err ignored; /* without a disk it is refused again the next time */
    for (size_t i = 0; i < store->state.n_sets && trust_is_about_content(why); i++) {
        const struct state_set *candidate = &store->state.sets[i];
        if (!candidate->is_candidate || strstr(why->file, candidate->set.file) == NULL)
            continue;
        const struct trust_set set = candidate->set; /* the list changes */
        return trust_fail(store, &set, why->code, &ignored);
    }
    return false;
}

/* ---- when */

/* Made once; it never leaves this machine. False: there is none, and none can be kept. */
static bool install_id(const struct trust_store *store, char ret_id[INSTALL_ID_CHARS + 1])
{
    static const struct file_codes codes = {.read = "E_STATE_OPEN", .size = "E_STATE_OPEN"};
    static const char name[] = "install-id";
    unsigned char bytes[INSTALL_ID_CHARS / 2];
    struct buf text;
    buf_init(&text, INSTALL_ID_CHARS);
    bool done = store->folder >= 0 && file_read(store->folder, name, &codes, &text, NULL) &&
                text.len == INSTALL_ID_CHARS;
    if (done)
        memcpy(ret_id, text.ptr, INSTALL_ID_CHARS);
    ret_id[INSTALL_ID_CHARS] = '\0';
    buf_done(&text);
    if (done || store->folder < 0)
        return done;
    arc4random_buf(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(ret_id + 2 * i, 3, "%02x", bytes[i]);
    return file_replace(store->folder, name, slice_str(ret_id), "E_STATE_WRITE", NULL);
}

/* The same at every look, and another one for the next bundle: nobody is always the first. */
static uint64_t spread(const struct trust_store *store, const char *sha256, uint64_t spread_s)
{
    char text[INSTALL_ID_CHARS + 1 + HASH_SIZE];
    char hash[HASH_SIZE];
    if (spread_s == 0 || !install_id(store, text))
        return 0;
    (void)snprintf(text + INSTALL_ID_CHARS, sizeof(text) - INSTALL_ID_CHARS, " %s", sha256);
    if (!hash_hex(slice_str(text), hash))
        return 0;
    hash[15] = '\0'; /* 60 bits are enough */
    return strtoull(hash, NULL, 16) % spread_s;
}

int64_t trust_due(struct trust_store *store, const struct bundle_facts *facts, const char *sha256,
                  const struct trust_ring *ring, int64_t signed_now)
{
    int64_t now = store_now(store);
    bool is_behind = now < store->state.signed_time || now + CLOCK_SLACK_S < signed_now ||
                     now + CLOCK_SLACK_S < facts->created;
    int64_t due = ring->is_early ? facts->created : facts->stable_after;
    if (!facts->is_critical)
        due += (int64_t)spread(store, sha256, ring->spread_s);
    return !ring->has_rules || is_behind || due <= now ? 0 : due;
}
