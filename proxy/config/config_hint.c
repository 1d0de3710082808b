/* Helps with a mistyped key. */
#include "config/config_internal.h"

#include "stopgap/banned.h"

enum { MAX_WORD_BYTES = 24, MAX_DISTANCE = 2 };

/* Levenshtein distance; words that are too long are far away. */
static size_t word_distance(struct slice a, struct slice b)
{
    size_t row[MAX_WORD_BYTES + 1];
    if (a.len > MAX_WORD_BYTES || b.len > MAX_WORD_BYTES)
        return MAX_DISTANCE + 1;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 0; i < a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.len; j++) {
            size_t best = diagonal + (ascii_lower(a.ptr[i]) != b.ptr[j]);
            diagonal = row[j + 1];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (diagonal + 1 < best)
                best = diagonal + 1;
            row[j + 1] = best;
        }
    }
    return row[b.len];
}

/* The word that path has right below section, or an empty slice. */
static struct slice child_word(const char *path, struct slice section)
{
    const char *word = path + section.len;
    if (!slice_starts_with(slice_str(path), section))
        return slice_make(NULL, 0);
    if (section.len != 0 && *word++ != '.')
        return slice_make(NULL, 0);
    return slice_make(word, strcspn(word, ".["));
}

void config_hint_key(struct slice section, struct slice key, char *out, size_t size)
{
    struct slice nearest = {0};
    struct slice before = {0};
    size_t nearest_distance = MAX_DISTANCE + 1;
    char known[384] = "";
    size_t len = 0;
    for (size_t i = 0; i < config_n_keys; i++) {
        struct slice word = child_word(config_keys[i].path, section);
        if (word.len == 0 || slice_equal(word, before))
            continue;
        int n = snprintf(known + len, sizeof(known) - len, "%s" SLICE_FMT, len != 0 ? ", " : "",
                         SLICE_ARG(word));
        if (n > 0 && (size_t)n < sizeof(known) - len)
            len += (size_t)n;
        size_t distance = word_distance(key, word);
        if (distance < nearest_distance) {
            nearest_distance = distance;
            nearest = word;
        }
        before = word;
    }
    if (nearest.len != 0)
        (void)snprintf(out, size, "did you mean '" SLICE_FMT "'? Known here: %s",
                       SLICE_ARG(nearest), known);
    else
        (void)snprintf(out, size, "known here: %s", known);
}
