/* Reading, checking and committing the state file. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "file.h"
#include "utc.h"

#include "stopgap/banned.h"

static bool fail(struct err *err)
{
    return err_set(err, ERR_SYNTAX, "E_STATE_SYNTAX", "the state file was damaged or edited");
}

static bool read_first(void *ctx, const struct slice *words, struct err *err)
{
    (void)ctx;
    return slice_equal(words[1], SLICE("1")) || fail(err);
}

static bool read_root(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    if (!text_number(words[1], &state->root_version) || !text_is_hash(words[2]))
        return fail(err);
    memcpy(state->root_hash, words[2].ptr, TEXT_HASH_CHARS);
    return true;
}

static bool read_signed_time(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    return utc_parse_time(words[1], &state->signed_time) || fail(err);
}

static bool read_floor(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    struct state_floor floor = {.is_lab = slice_equal(words[2], SLICE("lab"))};
    bool is_channel = floor.is_lab || slice_equal(words[2], SLICE("production"));
    if (state->n_floors == STATE_MAX_FLOORS || !text_is_name(words[1]) || !is_channel ||
        !text_number(words[3], &floor.epoch) || !text_number(words[4], &floor.serial) ||
        !text_is_hash(words[5]))
        return fail(err);
    memcpy(floor.name, words[1].ptr, words[1].len);
    memcpy(floor.hash, words[5].ptr, TEXT_HASH_CHARS);
    state->floors[state->n_floors++] = floor;
    return true;
}

static bool read_sum(void *ctx, const struct slice *words, struct err *err)
{
    (void)ctx; /* parse_state compares it with the bytes before it */
    return text_is_hash(words[1]) || fail(err);
}

static const struct text_field fields[] = {
    {"stopgap-state", TEXT_ONCE, 2, read_first},
    {"root", TEXT_OPTIONAL, 3, read_root},
    {"signed-time", TEXT_OPTIONAL, 2, read_signed_time},
    {"floor", TEXT_REPEATED, 6, read_floor},
    {"sum", TEXT_ONCE, 2, read_sum},
};

enum { SUM_LINE_BYTES = 4 + TEXT_HASH_CHARS + 1 }; /* "sum ", the hash, line feed */

static bool parse_state(struct slice text, struct state *ret_state)
{
    static const struct text_grammar grammar = {
        .what = "state",
        .fields = fields,
        .n_fields = sizeof(fields) / sizeof(fields[0]),
        .syntax_code = "E_STATE_SYNTAX",
        .unknown_code = "E_STATE_SYNTAX",
    };
    char hash[HASH_SIZE];
    if (text.len < SUM_LINE_BYTES || !hash_hex(slice_head(text, text.len - SUM_LINE_BYTES), hash))
        return false;
    struct slice sum = slice_from(text, text.len - SUM_LINE_BYTES);
    *ret_state = (struct state){0};
    return text_parse(&grammar, text, ret_state, NULL) &&
           slice_equal(slice_make(sum.ptr + 4, TEXT_HASH_CHARS), slice_str(hash));
}

/* One of the two files. An absent file is STATE_EMPTY, a damaged one STATE_LOST. */
static enum state_result load_file(int folder, const char *name, struct state *ret_state,
                                   struct err *err)
{
    static const struct file_codes codes = {.read = "E_STATE_READ", .size = "E_STATE_SYNTAX"};
    struct buf text;
    buf_init(&text, STATE_MAX_BYTES);
    struct err why = {0};
    enum state_result result = STATE_LOST;
    if (faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        result = STATE_EMPTY;
    else if (file_read(folder, name, &codes, &text, &why))
        result = parse_state(buf_slice(&text), ret_state) ? STATE_GOOD : STATE_LOST;
    else if (strcmp(why.code, codes.read) == 0)
        result = STATE_FAILED;
    buf_done(&text);
    if (result == STATE_FAILED && err != NULL)
        *err = why;
    return result;
}

enum state_result state_load(int folder, struct state *ret_state, struct err *err)
{
    struct state state;
    enum state_result first = load_file(folder, "state", &state, err);
    if (first == STATE_FAILED)
        return STATE_FAILED;
    enum state_result result = first;
    if (first != STATE_GOOD) {
        enum state_result second = load_file(folder, "state.prev", &state, err);
        if (second == STATE_FAILED)
            return STATE_FAILED;
        if (second == STATE_GOOD)
            result = STATE_OLDER;
        else
            result = first == STATE_EMPTY ? second : STATE_LOST;
    }
    /* The files may be gone while the folder of roots tells that there was a state. */
    if (result == STATE_EMPTY && faccessat(folder, "roots", F_OK, 0) == 0)
        result = STATE_LOST;
    *ret_state = result == STATE_GOOD || result == STATE_OLDER ? state : (struct state){0};
    return result;
}

static bool format_state(const struct state *state, struct buf *text)
{
    bool done = buf_append(text, SLICE("stopgap-state 1\n"));
    if (done && state->root_version != 0)
        done = buf_printf(text, "root %llu %s\n", (unsigned long long)state->root_version,
                          state->root_hash);
    if (done && state->signed_time != 0) {
        char when[UTC_TIME_CHARS + 1];
        utc_format_time(state->signed_time, when);
        done = buf_printf(text, "signed-time %s\n", when);
    }
    for (size_t i = 0; done && i < state->n_floors; i++) {
        const struct state_floor *floor = &state->floors[i];
        done = buf_printf(text, "floor %s %s %llu %llu %s\n", floor->name,
                          floor->is_lab ? "lab" : "production", (unsigned long long)floor->epoch,
                          (unsigned long long)floor->serial, floor->hash);
    }
    char hash[HASH_SIZE];
    return done && hash_hex(buf_slice(text), hash) && buf_printf(text, "sum %s\n", hash);
}

/* A link beside the file, then a rename: state.prev is never absent in between. */
static bool keep_state(int folder)
{
    (void)unlinkat(folder, "state.prev.tmp", 0);
    if (linkat(folder, "state", folder, "state.prev.tmp", 0) != 0)
        return errno == ENOENT;
    return renameat(folder, "state.prev.tmp", folder, "state.prev") == 0;
}

bool state_save(int folder, const struct state *state, bool keep_previous, struct err *err)
{
    struct buf text;
    buf_init(&text, STATE_MAX_BYTES);
    bool done = false;
    if (!format_state(state, &text))
        (void)err_set(err, ERR_MEMORY, "E_STATE_WRITE", "no memory for the state");
    else if (keep_previous && !keep_state(folder))
        (void)err_set(err, ERR_IO, "E_STATE_WRITE", "cannot keep the state as state.prev: %s",
                      strerror(errno));
    else
        done = file_replace(folder, "state", buf_slice(&text), "E_STATE_WRITE", err);
    buf_done(&text);
    return done;
}

const struct state_floor *state_find(const struct state *state, struct slice name, bool is_lab)
{
    for (size_t i = 0; i < state->n_floors; i++)
        if (slice_equal(name, slice_str(state->floors[i].name)) &&
            state->floors[i].is_lab == is_lab)
            return &state->floors[i];
    return NULL;
}
