/* A list of marks, one a thing. */
#include "expiry.h"

#include "stopgap/slice.h"

#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

void expiry_round_begin(struct expiry_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        list->items[i].is_seen = false;
}

static struct expiry_mark *mark_of(struct expiry_list *list, const char *key)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].key, key) == 0)
            return &list->items[i];
    struct expiry_mark *items = reallocarray(list->items, list->n + 1, sizeof(*items));
    if (items == NULL)
        return NULL;
    list->items = items;
    struct expiry_mark *mark = &items[list->n++];
    *mark = (struct expiry_mark){.stage = EXPIRY_FINE};
    (void)snprintf(mark->key, sizeof(mark->key), "%s", key);
    return mark;
}

enum expiry_stage expiry_note(struct expiry_list *list, const struct expiry_item *item,
                              int64_t now_unix)
{
    enum expiry_stage stage = EXPIRY_FINE;
    if (item->until_unix <= now_unix)
        stage = EXPIRY_OVER;
    else if (item->until_unix - now_unix <= item->soon_s)
        stage = EXPIRY_SOON;
    struct expiry_mark *mark = mark_of(list, item->key);
    if (mark == NULL)
        return stage;
    mark->is_seen = true;
    if (stage <= mark->stage)
        return EXPIRY_FINE;
    mark->stage = stage;
    return stage;
}

void expiry_round_end(struct expiry_list *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].is_seen)
            list->items[kept++] = list->items[i];
    list->n = kept;
}

void expiry_list_done(struct expiry_list *list)
{
    free(list->items);
    *list = (struct expiry_list){0};
}
