/* From what the pulse offers of a name to a candidate in the state folder. */
#include "feed/own_feed_internal.h"

#include <stdlib.h>
#include <time.h>

#include "stopgap/banned.h"

/* What one entry came to. */
enum taking {
    TAKING_DONE = 0,
    TAKING_TOO_OLD, /* the bundle is for a newer engine than its lane says: the lane below, then */
    TAKING_FAILED,
};

/* ---- what is here */

/* Is this very file in force here, or about to be? */
static bool is_here(struct own_feed_run *run, const char *sha256)
{
    struct trust_paths paths = {0};
    bool found = false;
    if (!trust_find_paths(run->store, TRUST_NEWEST, &paths, NULL))
        return false;
    for (size_t i = 0; i < paths.n; i++)
        found = found || strstr(paths.items[i], sha256) != NULL;
    trust_paths_done(&paths);
    return found;
}

/* Does a set of this name stand beside the one that is offered? */
static bool has_rules(struct own_feed_run *run, const struct pulse_entry *entry)
{
    return trust_news(run->store, entry->name, 1, 1) != TRUST_NEWS_NEWER;
}

/* ---- the bytes */

/* By the hash in its name: any mirror will do. */
static bool fetch_from(struct own_feed_run *run, struct feed_mirror *mirror,
                       const struct pulse_entry *entry, struct buf *ret_bytes, struct err *err)
{
    char path[128];
    char hash[PULSE_HASH_BYTES];
    struct fetch_response response;
    uint64_t now = own_feed_now_ms();
    (void)snprintf(path, sizeof(path), "bundles/%s.sgb", entry->sha256);
    const struct own_feed_get get = {
        .mirror = mirror, .path = path, .deadline_ms = now + run->visit->config->timeout_ms};
    ret_bytes->max = entry->size; /* it is not longer, so nothing longer is read */
    bool done = own_feed_get(run, &get, ret_bytes, &response, err) &&
                bundle_hash_bytes(buf_slice(ret_bytes), hash, err) &&
                (strcmp(hash, entry->sha256) == 0 ||
                 err_set(err, ERR_TRUST, "E_HASH",
                         "%s is not the file that the pulse means: it has SHA-256 %s", path, hash));
    if (done)
        return true;
    feed_tell(&run->visit->steps, "failed", "%s%s: %s: %s", mirror->url, path, err->code,
              err->text);
    feed_mirror_note(mirror, err, now);
    return false;
}

static bool fetch_bundle(struct own_feed_run *run, const struct pulse_entry *entry,
                         struct buf *ret_bytes, struct err *err)
{
    const struct feed_mirrors *mirrors = &run->visit->mirrors;
    size_t order[LIMIT_FEED_MIRRORS];
    size_t n_skipped;
    if (fetch_from(run, run->pulse_mirror, entry, ret_bytes, err))
        return true;
    size_t n = feed_mirrors_order(mirrors, run->pulse_mirror->is_plain, own_feed_now_ms(), order,
                                  &n_skipped);
    for (size_t i = 0; i < n && !own_feed_is_cancelled(run); i++) {
        struct feed_mirror *mirror = mirrors->items[order[i]];
        struct err why = {0};
        if (mirror != run->pulse_mirror && fetch_from(run, mirror, entry, ret_bytes, &why))
            return true;
    }
    return false;
}

/* ---- judging */

static bool check_facts(const struct pulse_entry *entry, const struct bundle_facts *facts,
                        struct err *err)
{
    if (strcmp(facts->name, entry->name) == 0 && facts->epoch == entry->epoch &&
        facts->serial == entry->serial)
        return true;
    return err_set(err, ERR_TRUST, "E_NAME",
                   "the pulse offers %s %llu.%llu, and the file is %s %llu.%llu", entry->name,
                   (unsigned long long)entry->epoch, (unsigned long long)entry->serial, facts->name,
                   (unsigned long long)facts->epoch, (unsigned long long)facts->serial);
}

static void note_waiting(struct own_feed_run *run, struct own_feed_name *name, int64_t due)
{
    struct own_feed_visit *visit = run->visit;
    name->state = OWN_FEED_WAITING;
    name->due_unix = due;
    if (visit->due_unix == 0 || due < visit->due_unix)
        visit->due_unix = due;
    feed_tell(&visit->steps, "bundle", "%s %llu.%llu waits for its turn, %lld s from now",
              name->name, (unsigned long long)name->entry.epoch,
              (unsigned long long)name->entry.serial, (long long)(due - (int64_t)time(NULL)));
}

/* To the state folder, or to whoever looks on. */
static bool hand_on(struct own_feed_run *run, const struct bundle *bundle, bool is_newer,
                    struct err *err)
{
    const struct own_feed_visit *visit = run->visit;
    if (!visit->writes)
        return visit->on_bundle == NULL || visit->on_bundle(visit->on_bundle_ctx, bundle, err);
    return trust_keep_bundle(run->store, bundle, TRUST_FROM_FEED, err) &&
           /* Where no pulse can prove it, a newer bundle shows that the publisher lives. */
           (run->pulse.is_signed || !is_newer || trust_note_contact(run->store, 0, err));
}

/* bytes are taken. */
static bool keep(struct own_feed_run *run, struct own_feed_name *name, struct buf *bytes,
                 struct err *err)
{
    struct own_feed_visit *visit = run->visit;
    /* Judged before its signatures raise the floor. */
    bool is_newer = trust_news(run->store, name->name, name->entry.epoch, name->entry.serial) ==
                    TRUST_NEWS_NEWER;
    struct bundle *bundle = bundle_open_bytes(run->store, name->entry.sha256, bytes, err);
    if (bundle == NULL)
        return false;
    feed_tell(&visit->steps, "bundle", "%s %llu.%llu verified, %zu rules, expires %s%s",
              bundle_name(bundle), (unsigned long long)bundle_epoch(bundle),
              (unsigned long long)bundle_serial(bundle), bundle_n_rules(bundle),
              bundle_expires(bundle), visit->writes ? "" : "; nothing is kept");
    bool done = hand_on(run, bundle, is_newer, err);
    if (done) {
        name->state = OWN_FEED_TAKEN;
        visit->has_new = true;
    }
    bundle_close(bundle);
    return done;
}

/* bytes are taken. */
static enum taking judge(struct own_feed_run *run, struct own_feed_name *name, struct buf *bytes)
{
    const struct feed_config *config = run->visit->config;
    const struct pulse_entry *entry = &name->entry;
    struct bundle_facts facts;
    bool done = bundle_read_facts(buf_slice(bytes), &facts, &name->err);
    bool is_too_old = !done && strcmp(name->err.code, "E_ENGINE_TOO_OLD") == 0;
    if (done && check_facts(entry, &facts, &name->err)) {
        const struct trust_ring ring = {.is_early = config->ring == FEED_EARLY,
                                        .has_rules = has_rules(run, entry),
                                        .spread_s = config->spread_ms / 1000};
        int64_t due = trust_due(run->store, &facts, entry->sha256, &ring, run->pulse.created);
        if (due != 0) {
            note_waiting(run, name, due);
            buf_done(bytes);
            return TAKING_DONE;
        }
        return keep(run, name, bytes, &name->err) ? TAKING_DONE : TAKING_FAILED;
    }
    buf_done(bytes);
    return is_too_old ? TAKING_TOO_OLD : TAKING_FAILED;
}

/* ---- one entry */

/* True: there is nothing to fetch; the name's state says why. */
static bool is_settled(struct own_feed_run *run, struct own_feed_name *name,
                       const struct own_feed_name *before)
{
    const struct pulse_entry *entry = &name->entry;
    enum trust_news news = trust_news(run->store, entry->name, entry->epoch, entry->serial);
    struct trust_set set = {.epoch = entry->epoch, .serial = entry->serial};
    const char *code;
    (void)snprintf(set.name, sizeof(set.name), "%s", entry->name);
    name->state = OWN_FEED_CURRENT;
    if (news == TRUST_NEWS_OLDER || is_here(run, entry->sha256)) {
        feed_tell(&run->visit->steps, "bundle", "%s %llu.%llu is %s", entry->name,
                  (unsigned long long)entry->epoch, (unsigned long long)entry->serial,
                  news == TRUST_NEWS_OLDER ? "older than what was seen here" : "here already");
        return true;
    }
    code = trust_failed_code(run->store, &set);
    if (code[0] != '\0') {
        name->state = OWN_FEED_FAILED;
        return !err_set(&name->err, ERR_TRUST, code,
                        "%s %llu.%llu was refused here before and is not tried again; a newer one "
                        "will be",
                        entry->name, (unsigned long long)entry->epoch,
                        (unsigned long long)entry->serial);
    }
    if (before->state == OWN_FEED_WAITING && strcmp(before->entry.sha256, entry->sha256) == 0 &&
        before->due_unix > (int64_t)time(NULL)) {
        note_waiting(run, name, before->due_unix);
        return true;
    }
    return false;
}

static enum taking take_entry(struct own_feed_run *run, struct own_feed_name *name,
                              const struct own_feed_name *before)
{
    struct buf bytes;
    if (is_settled(run, name, before))
        return name->state == OWN_FEED_FAILED ? TAKING_FAILED : TAKING_DONE;
    buf_init(&bytes, LIMIT_BUNDLE_BYTES);
    if (fetch_bundle(run, &name->entry, &bytes, &name->err))
        return judge(run, name, &bytes);
    buf_done(&bytes);
    return TAKING_FAILED;
}

void own_feed_take(struct own_feed_run *run, struct own_feed_name *name)
{
    struct own_feed_visit *visit = run->visit;
    const struct own_feed_name before = *name;
    const char *below = NULL;
    const struct pulse_entry *entry;
    enum taking taking = TAKING_FAILED;
    *name = (struct own_feed_name){.name = before.name};
    while ((entry = pulse_find(&run->pulse, name->name, below, &name->err)) != NULL) {
        name->entry = *entry;
        taking = take_entry(run, name, &before);
        if (taking != TAKING_TOO_OLD)
            break;
        feed_tell(&visit->steps, "bundle", "%s: %s; the lane below is tried", name->err.code,
                  name->err.text);
        below = entry->lane;
    }
    if (entry != NULL && taking == TAKING_DONE) {
        name->err = (struct err){0};
        return;
    }
    name->state = OWN_FEED_FAILED;
    feed_tell(&visit->steps, "failed", "%s: %s: %s", name->name, name->err.code, name->err.text);
    if (visit->err.kind == ERR_NONE)
        visit->err = name->err;
}
