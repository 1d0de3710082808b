/* The root parser with its keys, the margins of what it takes, and its lines under an editor. */
#include "trust/margin.h"
#include "trust/root_edit.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_margins(const struct root *root)
{
    const struct margin_conditions conditions = {
        .now = root->created, .algorithms = 0xf, .engine = {1, 0, 0}};
    struct margin_calendar calendar;
    margin_compute(root, &conditions, &calendar);
    assert(calendar.n_days >= 1 && calendar.n_days <= MARGIN_MAX_DAYS);
    assert(calendar.days[0].when == conditions.now && calendar.stranded_on <= calendar.ended_on);
    for (size_t i = 0; i < calendar.n_days; i++) {
        const struct margin_day *day = &calendar.days[i];
        assert(i == 0 || day->when > calendar.days[i - 1].when);
        for (int role = 0; role < ROLE_COUNT; role++)
            assert(day->announced[role] <= day->possible[role]);
    }
}

/* What is put in can be taken out again, and nothing else is lost. */
static void check_edit(const struct root *root)
{
    static const char line[] = "withdraw fuzzed-name 1 1";
    struct buf text;
    buf_init(&text, LIMIT_ROOT_BYTES);
    assert(buf_append(&text, buf_slice(&root->text)));
    size_t before = root_edit_drop(&text, line);
    size_t len = text.len;
    if (root_edit_add(&text, line)) {
        struct root *again = root_parse(buf_slice(&text), NULL);
        assert(again != NULL && root_is_withdrawn(again, SLICE("fuzzed-name"), 1, 1));
        root_free(again);
        assert(root_edit_drop(&text, line) == 1 && text.len == len);
    }
    assert(before != 0 || slice_equal(buf_slice(&text), buf_slice(&root->text)));
    for (size_t i = 0; i < root->n_keys; i++)
        assert(root_edit_dates(&text, root->keys[i].id, 0, 0));
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct root *root = root_parse(slice_make((const char *)data, size), NULL);
    if (root == NULL)
        return 0;
    assert(root->version >= 1 && root->thresholds[ROLE_RULES] >= 1);
    assert(root->n_keys <= LIMIT_KEYS_PER_ROOT);
    for (size_t i = 0; i < root->n_keys; i++)
        assert(root->keys[i].roles != 0 && strlen(root->keys[i].id) == TEXT_HASH_CHARS);
    (void)root_is_withdrawn(root, SLICE("exchange-core"), 1, 2026112401);
    check_margins(root);
    check_edit(root);
    root_free(root);
    return 0;
}
