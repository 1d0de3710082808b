/* Which mirror is asked when. */
#include "feed/mirrors.h"

#include <stdlib.h>
#include <time.h>

#include "stopgap/limits.h"

#include "stopgap/banned.h"

enum {
    SKIP_MS = 3600 * 1000, /* a broken mirror is repaired by people */
    FROZEN_S = 86400,      /* mirrors copy once a day at the slowest */
};

void feed_mirrors_begin(struct feed_mirrors *mirrors, struct feed_mirrors *ret_old)
{
    *ret_old = *mirrors;
    *mirrors = (struct feed_mirrors){.all_asked_ms = ret_old->all_asked_ms};
}

static void mirror_free(struct feed_mirror *mirror)
{
    if (mirror == NULL)
        return;
    buf_done(&mirror->pulse);
    free(mirror);
}

static size_t find(const struct feed_mirrors *mirrors, const char *url)
{
    for (size_t i = 0; i < mirrors->n; i++)
        if (mirrors->items[i] != NULL && strcmp(mirrors->items[i]->url, url) == 0)
            return i;
    return SIZE_MAX;
}

static struct feed_mirror *mirror_new(const char *url)
{
    struct feed_mirror *mirror = calloc(1, sizeof(*mirror));
    if (mirror == NULL)
        return NULL;
    (void)snprintf(mirror->url, sizeof(mirror->url), "%s", url);
    mirror->is_plain = strncmp(url, "http://", 7) == 0;
    buf_init(&mirror->pulse, LIMIT_PULSE_FILE_BYTES);
    return mirror;
}

bool feed_mirrors_add(struct feed_mirrors *mirrors, struct feed_mirrors *old, struct slice url)
{
    char text[LIMIT_MIRROR_BYTES + 1];
    bool has_slash = url.len != 0 && url.ptr[url.len - 1] == '/';
    if (mirrors->n == LIMIT_FEED_MIRRORS || url.len + !has_slash >= sizeof(text))
        return true; /* what nobody can ask is no mirror */
    (void)snprintf(text, sizeof(text), SLICE_FMT "%s", SLICE_ARG(url), has_slash ? "" : "/");
    if (find(mirrors, text) != SIZE_MAX)
        return true;
    size_t known = find(old, text);
    struct feed_mirror *mirror = known != SIZE_MAX ? old->items[known] : mirror_new(text);
    if (mirror == NULL)
        return false;
    if (known != SIZE_MAX)
        old->items[known] = NULL;
    mirrors->items[mirrors->n++] = mirror;
    return true;
}

void feed_mirrors_end(struct feed_mirrors *old)
{
    for (size_t i = 0; i < old->n; i++)
        mirror_free(old->items[i]);
    *old = (struct feed_mirrors){.n = 0};
}

size_t feed_mirrors_order(const struct feed_mirrors *mirrors, bool is_plain, uint64_t now_ms,
                          size_t ret_order[LIMIT_FEED_MIRRORS], size_t *ret_n_skipped)
{
    size_t n = 0;
    size_t n_good = 0;
    for (int skipped = 0; skipped < 2; skipped++) {
        size_t from = n;
        for (size_t i = 0; i < mirrors->n; i++) {
            const struct feed_mirror *mirror = mirrors->items[i];
            bool is_skipped = mirror->skipped_until_ms > now_ms;
            if (mirror->is_plain == is_plain && is_skipped == (skipped == 1))
                ret_order[n++] = i;
        }
        for (size_t left = n - from; left > 1; left--) { /* Fisher and Yates */
            size_t pick = from + arc4random_uniform((uint32_t)left);
            size_t last = from + left - 1;
            size_t index = ret_order[pick];
            ret_order[pick] = ret_order[last];
            ret_order[last] = index;
        }
        if (skipped == 0)
            n_good = n;
    }
    *ret_n_skipped = n - n_good;
    return n;
}

/* Content that cannot be right, as against a server that is away or a disk of ours. */
static bool is_bad_content(const struct err *err)
{
    static const char *const prefixes[] = {"E_PULSE_", "E_ROOT_",  "E_BUNDLE_",    "E_MANIFEST_",
                                           "E_SIG_",   "E_HASH",   "E_FETCH_SIZE", "E_NAME",
                                           "E_EPOCH",  "E_SERIAL_"};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (strncmp(err->code, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

void feed_mirror_note(struct feed_mirror *mirror, const struct err *err, uint64_t now_ms)
{
    mirror->asked_unix = (int64_t)time(NULL);
    mirror->err = err != NULL ? *err : (struct err){0};
    mirror->skipped_until_ms = err != NULL && is_bad_content(err) ? now_ms + SKIP_MS : 0;
    if (err == NULL)
        return;
    mirror->pulse_created = 0;
    mirror->etag[0] = '\0';
}

size_t feed_mirrors_compare(const struct feed_mirrors *mirrors)
{
    size_t newest = SIZE_MAX;
    for (size_t i = 0; i < mirrors->n; i++) {
        const struct feed_mirror *mirror = mirrors->items[i];
        if (mirror->pulse_created != 0 &&
            (newest == SIZE_MAX || mirror->pulse_created > mirrors->items[newest]->pulse_created))
            newest = i;
    }
    for (size_t i = 0; i < mirrors->n; i++) {
        struct feed_mirror *mirror = mirrors->items[i];
        mirror->is_frozen =
            mirror->pulse_created != 0 &&
            mirrors->items[newest]->pulse_created - mirror->pulse_created > FROZEN_S;
    }
    return newest;
}
