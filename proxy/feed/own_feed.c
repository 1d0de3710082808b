/* The steps of a visit: ask mirrors for the pulse, walk to the root that it names, take what is
 * newer. Contents are believed for their signatures alone. */
#include "feed/own_feed_internal.h"

#include <stdlib.h>
#include <time.h>

#include "stopgap/banned.h"

enum {
    ALL_MS = 24 * 3600 * 1000, /* every mirror is asked once a day, so that a frozen one shows */
    PATH_BYTES = 128,          /* below a mirror: the longest is a bundle's, with 80 */
};

uint64_t own_feed_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool own_feed_get(struct own_feed_run *run, const struct own_feed_get *get, struct buf *ret_bytes,
                  struct fetch_response *ret_response, struct err *err)
{
    char url[sizeof(get->mirror->url) + PATH_BYTES];
    const struct own_feed_visit *visit = run->visit;
    uint64_t now = own_feed_now_ms();
    if (now >= get->deadline_ms)
        return err_set(err, ERR_IO, "E_FETCH_TIMEOUT", "the time for this mirror is over");
    (void)snprintf(url, sizeof(url), "%s%s", get->mirror->url, get->path);
    const struct fetch_request request = {.url = url,
                                          .ca_path = visit->config->ca_path,
                                          .proxy = visit->config->proxy,
                                          .etag = get->etag,
                                          .total_ms = (unsigned)(get->deadline_ms - now),
                                          .cancel = visit->cancel};
    bool done = fetch_get(&request, ret_bytes, ret_response, err);
    if (ret_response->retry_after_s > run->visit->retry_after_s)
        run->visit->retry_after_s = ret_response->retry_after_s;
    if (done)
        feed_tell(&visit->steps, "fetch", "%s: status %ld, %zu bytes from %s in %u ms", get->path,
                  ret_response->status, ret_bytes->len, ret_response->address,
                  ret_response->total_ms);
    return done;
}

/* ---- the mirrors */

static bool add_root_mirror(void *ctx, struct slice url)
{
    struct own_feed_run *run = ctx;
    run->had_memory =
        run->had_memory && feed_mirrors_add(&run->visit->mirrors, &run->old_mirrors, url);
    return true;
}

/* Those of the configuration, then those of the root in force: where a feed moved to. */
static bool list_mirrors(struct own_feed_run *run)
{
    struct own_feed_visit *visit = run->visit;
    run->had_memory = true;
    feed_mirrors_begin(&visit->mirrors, &run->old_mirrors);
    for (size_t i = 0; i < visit->config->urls.n; i++)
        (void)add_root_mirror(run, slice_str(visit->config->urls.items[i]));
    trust_list_values(run->store, "mirror", add_root_mirror, run);
    feed_mirrors_end(&run->old_mirrors);
    return run->had_memory || err_set(&visit->err, ERR_MEMORY, "E_MEMORY", "out of memory");
}

/* ---- roots */

/* One root, and those that the file has behind it. */
static bool walk_step(struct own_feed_run *run, const struct own_feed_get *of, struct err *err)
{
    char path[PATH_BYTES];
    uint64_t version = trust_root_version(run->store);
    struct own_feed_get get = *of;
    struct fetch_response response;
    struct buf bytes;
    (void)snprintf(path, sizeof(path), "root/%010llu.tar", (unsigned long long)version + 1);
    get.path = path;
    get.etag = NULL;
    buf_init(&bytes, LIMIT_ROOT_FILE_BYTES);
    bool done = own_feed_get(run, &get, &bytes, &response, err) &&
                trust_walk_file(run->store, buf_slice(&bytes), err) &&
                (trust_root_version(run->store) > version ||
                 err_set(err, ERR_TRUST, "E_ROOT_SYNTAX", "%s has no root %llu", path,
                         (unsigned long long)version + 1));
    buf_done(&bytes);
    if (done)
        feed_tell(&run->visit->steps, "root", "version %llu, signed by version %llu and itself",
                  (unsigned long long)trust_root_version(run->store), (unsigned long long)version);
    return done;
}

/* To the root that the pulse names, as far as this mirror has it. Where the way ends is no failure
 * of its own: the pulse's signature will tell whether it matters. */
static bool walk(struct own_feed_run *run, const struct own_feed_get *get, uint64_t target,
                 struct err *err)
{
    struct err why = {0};
    int steps = 0;
    while (trust_root_version(run->store) < target && steps++ < LIMIT_ROOT_STEPS) {
        if (walk_step(run, get, &why))
            continue;
        if (strcmp(why.code, "E_FETCH_HTTP") == 0) {
            feed_tell(&run->visit->steps, "root", "%s: %s", why.code, why.text);
            return true;
        }
        if (err != NULL)
            *err = why;
        return false;
    }
    return true;
}

/* ---- the pulse */

/* The file that is on the mirror now: as it was sent, or as it was before when it is the same. */
static bool fetch_pulse(struct own_feed_run *run, struct own_feed_get *get, struct err *err)
{
    struct feed_mirror *mirror = get->mirror;
    struct fetch_response response;
    struct buf bytes;
    buf_init(&bytes, LIMIT_PULSE_FILE_BYTES);
    get->path = "pulse";
    get->etag = mirror->etag;
    bool done = own_feed_get(run, get, &bytes, &response, err);
    if (done && !response.is_unchanged) {
        struct buf before = mirror->pulse;
        mirror->pulse = bytes;
        bytes = before;
        memcpy(mirror->etag, response.etag, sizeof(mirror->etag));
    }
    buf_done(&bytes);
    return done;
}

/* A server that answers "unchanged" is no contact: what was verified before is verified again. */
static bool read_pulse(struct own_feed_run *run, struct own_feed_get *get, struct err *err)
{
    struct slice bytes = buf_slice(&get->mirror->pulse);
    struct pulse pulse;
    char when[32];
    time_t seconds;
    struct tm utc;
    if (!pulse_parse(bytes, &pulse, err) || !walk(run, get, pulse.root_version, err) ||
        !pulse_read(run->store, bytes, &pulse, err))
        return false;
    get->mirror->pulse_created = pulse.created;
    seconds = (time_t)pulse.created;
    (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &utc));
    feed_tell(&run->visit->steps, "pulse", "of %s, %zu bundles on offer, %s", when, pulse.n_entries,
              pulse.is_signed ? "signed by the role pulse" : "a hint: the root has no role pulse");
    if (run->has_pulse && run->pulse.created >= pulse.created)
        return true;
    run->pulse = pulse;
    run->has_pulse = true;
    run->pulse_mirror = get->mirror;
    return true;
}

static void ask(struct own_feed_run *run, struct feed_mirror *mirror)
{
    struct own_feed_visit *visit = run->visit;
    struct err err = {0};
    uint64_t now = own_feed_now_ms();
    struct own_feed_get get = {.mirror = mirror, .deadline_ms = now + visit->config->timeout_ms};
    mirror->is_asked = true;
    feed_tell(&visit->steps, "mirror", "%s", mirror->url);
    bool done = fetch_pulse(run, &get, &err) && read_pulse(run, &get, &err);
    feed_mirror_note(mirror, done ? NULL : &err, now);
    if (done)
        return;
    feed_tell(&visit->steps, "failed", "%s: %s", err.code, err.text);
    visit->err = err;
}

/* asks_all  those that sent nothing bad lately, even when one helped already */
static void ask_kind(struct own_feed_run *run, bool is_plain, bool asks_all)
{
    size_t order[LIMIT_FEED_MIRRORS];
    size_t n_skipped;
    size_t n =
        feed_mirrors_order(&run->visit->mirrors, is_plain, own_feed_now_ms(), order, &n_skipped);
    for (size_t i = 0; i < n && !own_feed_is_cancelled(run); i++) {
        struct feed_mirror *mirror = run->visit->mirrors.items[order[i]];
        run->n_tls += !is_plain;
        if (mirror->is_asked || (run->has_pulse && (!asks_all || i >= n - n_skipped)))
            continue;
        ask(run, mirror);
    }
}

static bool ask_mirrors(struct own_feed_run *run)
{
    struct own_feed_visit *visit = run->visit;
    uint64_t now = own_feed_now_ms();
    bool asks_all = visit->mirrors.all_asked_ms == 0 || now - visit->mirrors.all_asked_ms >= ALL_MS;
    uint64_t version;
    do { /* a new root may name new mirrors */
        version = trust_root_version(run->store);
        if (!list_mirrors(run))
            return false;
        run->n_tls = 0;
        ask_kind(run, false, asks_all);
        if (!run->has_pulse && visit->config->allows_http) {
            ask_kind(run, true, asks_all);
            visit->is_degraded = run->has_pulse && run->n_tls != 0;
        }
    } while (!run->has_pulse && trust_root_version(run->store) != version &&
             !own_feed_is_cancelled(run));
    if (asks_all && run->has_pulse) {
        visit->mirrors.all_asked_ms = now;
        (void)feed_mirrors_compare(&visit->mirrors);
    }
    if (!run->has_pulse && visit->err.kind == ERR_NONE)
        (void)err_set(&visit->err, ERR_USAGE, "E_FETCH_MIRRORS",
                      "there is no mirror to ask: neither feed.urls nor the root names one that "
                      "feed.allow_http permits");
    return run->has_pulse;
}

/* ---- the visit */

static void reset(struct own_feed_visit *visit)
{
    visit->is_good = visit->has_contact = visit->is_degraded = visit->has_new = false;
    visit->pulse_created = visit->due_unix = 0;
    visit->retry_after_s = 0;
    visit->err = (struct err){0};
    visit->n_names = visit->config->names.n;
    for (size_t i = 0; i < visit->n_names; i++)
        visit->names[i].name = visit->config->names.items[i];
    for (size_t i = 0; i < visit->mirrors.n; i++)
        visit->mirrors.items[i]->is_asked = false;
}

static bool note_contact(struct own_feed_run *run)
{
    struct own_feed_visit *visit = run->visit;
    visit->pulse_created = run->pulse.created;
    visit->has_contact = run->pulse.is_signed;
    return !visit->writes || !visit->has_contact ||
           trust_note_contact(run->store, run->pulse.created, &visit->err);
}

void own_feed_run(struct own_feed_visit *visit)
{
    struct own_feed_run run = {.visit = visit};
    /* Opened each time: what other processes brought counts, and this may be any thread. */
    struct trust_options options = visit->trust;
    options.is_read_only = !visit->writes;
    reset(visit);
    run.store = trust_open(&options, &visit->err);
    if (run.store == NULL)
        return;
    uint64_t version = trust_root_version(run.store);
    feed_tell(&visit->steps, "trust", "root %llu", (unsigned long long)version);
    bool done = ask_mirrors(&run);
    visit->root_version = trust_root_version(run.store);
    /* It may withdraw what is in force, which must go at once. */
    visit->has_new = visit->writes && visit->root_version != version;
    if (done) {
        visit->err = (struct err){0}; /* of mirrors that did not help */
        done = note_contact(&run);
    }
    for (size_t i = 0; done && i < visit->n_names && !own_feed_is_cancelled(&run); i++)
        own_feed_take(&run, &visit->names[i]);
    visit->is_good = done && visit->err.kind == ERR_NONE;
    trust_close(run.store);
}

void own_feed_done(struct own_feed_visit *visit)
{
    feed_mirrors_end(&visit->mirrors);
}

const char *own_feed_state_word(enum own_feed_state state)
{
    static const char *const words[] = {[OWN_FEED_UNKNOWN] = "unknown",
                                        [OWN_FEED_CURRENT] = "current",
                                        [OWN_FEED_TAKEN] = "taken",
                                        [OWN_FEED_WAITING] = "waiting",
                                        [OWN_FEED_FAILED] = "failed"};
    return words[state];
}
