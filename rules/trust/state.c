/* Loading and committing the state file. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "file.h"

#include "stopgap/banned.h"

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
        result = state_parse(buf_slice(&text), ret_state) ? STATE_GOOD : STATE_LOST;
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
    if (!state_format(state, &text))
        (void)err_set(err, ERR_MEMORY, "E_STATE_WRITE",
                      "the state is too large, or there is no memory for it");
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
