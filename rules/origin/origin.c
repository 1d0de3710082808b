/* Lists of origins: made, counted, copied, written and read. */
#include "origin/origin.h"

#include <stdlib.h>

#include "origin/wire.h"
#include "stopgap/limits.h"

#include "stopgap/banned.h"

enum { MAX_ORIGINS = 1024 }; /* bundles of one operator; there are two or three */

struct origins *origins_new(void)
{
    struct origins *origins = calloc(1, sizeof(*origins));
    if (origins != NULL)
        origins->n_references = 1;
    return origins;
}

struct origins *origins_ref(struct origins *origins)
{
    if (origins != NULL)
        (void)__atomic_add_fetch(&origins->n_references, 1, __ATOMIC_RELAXED);
    return origins;
}

static void origin_done(struct origin *origin)
{
    for (size_t i = 0; i < origin->n_files; i++) {
        free(origin->files[i].place);
        free(origin->files[i].text);
    }
    free(origin->files);
    free(origin->source);
    free(origin->label);
    free(origin->hash);
}

void origins_unref(struct origins *origins)
{
    if (origins == NULL || __atomic_sub_fetch(&origins->n_references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (size_t i = 0; i < origins->n; i++)
        origin_done(&origins->items[i]);
    free(origins->items);
    free(origins);
}

struct origin *origins_add(struct origins *origins, const struct origin *like)
{
    if (origins->n == MAX_ORIGINS)
        return NULL;
    struct origin *items = realloc(origins->items, (origins->n + 1) * sizeof(*items));
    if (items == NULL)
        return NULL;
    origins->items = items;
    struct origin *added = &items[origins->n];
    *added = *like;
    added->files = NULL;
    added->n_files = 0;
    added->source = strdup(like->source);
    added->label = strdup(like->label);
    added->hash = strdup(like->hash);
    if (added->source == NULL || added->label == NULL || added->hash == NULL) {
        origin_done(added);
        return NULL;
    }
    origins->n++;
    return added;
}

bool origin_add_file(struct origin *origin, const char *place, struct slice text)
{
    struct origin_file *files = realloc(origin->files, (origin->n_files + 1) * sizeof(*files));
    if (files == NULL)
        return false;
    origin->files = files;
    struct origin_file *file = &files[origin->n_files];
    *file =
        (struct origin_file){.place = strdup(place), .text = malloc(text.len + 1), .len = text.len};
    if (file->place == NULL || file->text == NULL) {
        free(file->place);
        free(file->text);
        return false;
    }
    if (text.len != 0)
        memcpy(file->text, text.ptr, text.len);
    file->text[text.len] = '\0';
    origin->n_files++;
    return true;
}

bool origins_add_copy(struct origins *origins, const struct origin *from)
{
    struct origin *added = origins_add(origins, from);
    for (size_t i = 0; added != NULL && i < from->n_files; i++)
        if (!origin_add_file(added, from->files[i].place,
                             slice_make(from->files[i].text, from->files[i].len)))
            return false;
    return added != NULL;
}

const struct origin *origins_find(const struct origins *origins, enum origin_kind kind,
                                  const char *source)
{
    for (size_t i = 0; origins != NULL && i < origins->n; i++)
        if (origins->items[i].kind == kind && strcmp(origins->items[i].source, source) == 0)
            return &origins->items[i];
    return NULL;
}

/* ---- between processes */

static bool write_origin(const struct origin *origin, struct buf *to)
{
    bool fits = wire_put_number(to, origin->kind) && wire_put_text(to, origin->source) &&
                wire_put_text(to, origin->label) && wire_put_text(to, origin->hash) &&
                wire_put_number(to, origin->is_tried) && wire_put_number(to, origin->is_critical) &&
                wire_put_number(to, origin->is_marked) &&
                wire_put_number(to, (uint64_t)origin->expires_unix) &&
                wire_put_number(to, (uint64_t)origin->created_unix) &&
                wire_put_number(to, origin->max_cost) && wire_put_number(to, origin->n_files);
    for (size_t i = 0; i < origin->n_files && fits; i++)
        fits = wire_put_text(to, origin->files[i].place) &&
               wire_put_bytes(to, slice_make(origin->files[i].text, origin->files[i].len));
    return fits;
}

bool origins_write(const struct origins *origins, struct buf *to)
{
    bool fits = wire_put_number(to, origins->n);
    for (size_t i = 0; i < origins->n && fits; i++)
        fits = write_origin(&origins->items[i], to);
    return fits;
}

static bool read_properties(struct slice *from, struct origin *origin)
{
    size_t kind = 0;
    uint64_t expires = 0;
    uint64_t created = 0;
    bool is_read =
        wire_get_count(from, ORIGIN_KIND_COUNT, &kind) && wire_get_text(from, &origin->source) &&
        wire_get_text(from, &origin->label) && wire_get_text(from, &origin->hash) &&
        origin->source != NULL && origin->label != NULL && origin->hash != NULL &&
        wire_get_bool(from, &origin->is_tried) && wire_get_bool(from, &origin->is_critical) &&
        wire_get_bool(from, &origin->is_marked) && wire_get_number(from, &expires) &&
        wire_get_number(from, &created) && wire_get_number(from, &origin->max_cost);
    origin->kind = (enum origin_kind)kind;
    origin->expires_unix = (int64_t)expires;
    origin->created_unix = (int64_t)created;
    return is_read;
}

static bool read_file(struct slice *from, struct origin *origin)
{
    char *place = NULL;
    struct slice text;
    bool is_read = wire_get_text(from, &place) && place != NULL && wire_get_bytes(from, &text) &&
                   origin_add_file(origin, place, text);
    free(place);
    return is_read;
}

static bool read_origin(struct slice *from, struct origins *origins)
{
    struct origin like = {.kind = ORIGIN_BUNDLE};
    size_t n_files = 0;
    struct origin *origin = NULL;
    if (read_properties(from, &like) && wire_get_count(from, LIMIT_RULES + 1, &n_files))
        origin = origins_add(origins, &like);
    bool is_read = origin != NULL;
    for (size_t i = 0; i < n_files && is_read; i++)
        is_read = read_file(from, origin);
    origin_done(&like);
    return is_read;
}

struct origins *origins_read(struct slice *from)
{
    struct origins *origins = origins_new();
    size_t n = 0;
    bool is_read = origins != NULL && wire_get_count(from, MAX_ORIGINS + 1, &n);
    for (size_t i = 0; i < n && is_read; i++)
        is_read = read_origin(from, origins);
    if (is_read)
        return origins;
    origins_unref(origins);
    return NULL;
}
