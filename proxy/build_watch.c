/* The worker's side stores two words per build; a reader may see a time that is a second old. */
#include "build_watch.h"

#include "stopgap/banned.h"

enum { REFRESH_S = 60 }; /* how exactly the time of the last sighting must be known */
#define PACKED_UNKNOWN (UINT64_MAX)

static uint64_t pack(const struct build *build)
{
    uint64_t packed = 0;
    for (int i = 0; i < BUILD_PARTS; i++)
        packed = packed << 16 | build->part[i];
    return packed;
}

static const struct header_field *find_field(const struct http_head *head)
{
    static const struct slice name = SLICE_INIT("X-OWA-Version");
    for (size_t i = 0; i < head->n_fields; i++)
        if (slice_equal_nocase(head->fields[i].name, name))
            return &head->fields[i];
    return NULL;
}

static void store(struct build_watch *watch, uint64_t packed, uint64_t now_s)
{
    for (size_t i = 0; i < LIMIT_SEEN_BUILDS; i++) {
        struct build_sighting *item = &watch->items[i];
        bool is_last = i + 1 == LIMIT_SEEN_BUILDS;
        if (item->packed != 0 && item->packed != packed && !is_last)
            continue;
        /* More builds than slots: what does not fit is one that nobody knows, for good. */
        uint64_t stored = is_last ? PACKED_UNKNOWN : packed;
        __atomic_store_n(&item->seen_s, now_s, __ATOMIC_RELAXED);
        __atomic_store_n(&item->packed, stored, __ATOMIC_RELEASE);
        return;
    }
}

void build_watch_note(struct build_watch *watch, size_t server, const struct http_head *head,
                      uint64_t now_s)
{
    const struct header_field *field = find_field(head);
    if (field == NULL)
        return;
    struct build build;
    bool is_same = slice_equal(field->value, slice_make(watch->last, watch->last_len));
    uint64_t *server_seen_s = &watch->server_seen_s[server];
    if (is_same && now_s < watch->last_s + REFRESH_S && now_s < *server_seen_s + REFRESH_S)
        return;
    bool is_build = build_parse(field->value, &build);
    store(watch, is_build ? pack(&build) : PACKED_UNKNOWN, now_s);
    watch->last_len = is_build && field->value.len <= sizeof(watch->last) ? field->value.len : 0;
    if (watch->last_len != 0)
        memcpy(watch->last, field->value.ptr, watch->last_len);
    watch->last_s = now_s;
    __atomic_store_n(server_seen_s, now_s, __ATOMIC_RELEASE); /* its build is there before it */
}

uint64_t build_watch_server(const struct build_watch *watch, size_t server)
{
    return __atomic_load_n(&watch->server_seen_s[server], __ATOMIC_ACQUIRE);
}

bool build_watch_read(const struct build_watch *watch, size_t index, struct build *ret_build,
                      uint64_t *ret_seen_s)
{
    uint64_t packed = __atomic_load_n(&watch->items[index].packed, __ATOMIC_ACQUIRE);
    *ret_seen_s = __atomic_load_n(&watch->items[index].seen_s, __ATOMIC_RELAXED);
    *ret_build = (struct build){{0}};
    for (int i = 0; i < BUILD_PARTS && packed != PACKED_UNKNOWN; i++)
        ret_build->part[i] = (uint16_t)(packed >> (48 - 16 * i));
    return packed != 0;
}
