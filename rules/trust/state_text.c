/* The text of the state file: reading it strictly, and writing it. */
#include "state.h"

#include "utc.h"

#include "stopgap/banned.h"

static const char *const origins[TRUST_ORIGIN_COUNT] = {
    [TRUST_FROM_FILE] = "file", [TRUST_FROM_FEED] = "feed", [TRUST_FROM_IMPORT] = "import"};

static bool fail(struct err *err)
{
    return err_set(err, ERR_SYNTAX, "E_STATE_SYNTAX", "the state file was damaged or edited");
}

/* ---- words */

/* NAME CHANNEL EPOCH SERIAL */
static bool read_place(const struct slice *words, char name[TRUST_NAME_BYTES], bool *ret_is_lab,
                       uint64_t ret_place[2])
{
    bool is_lab = slice_equal(words[1], SLICE("lab"));
    if (!text_is_name(words[0]) || !(is_lab || slice_equal(words[1], SLICE("production"))) ||
        !text_number(words[2], &ret_place[0]) || !text_number(words[3], &ret_place[1]))
        return false;
    memcpy(name, words[0].ptr, words[0].len);
    name[words[0].len] = '\0';
    *ret_is_lab = is_lab;
    return true;
}

static bool read_hash(struct slice word, char hash[HASH_SIZE])
{
    if (!text_is_hash(word))
        return false;
    memcpy(hash, word.ptr, TEXT_HASH_CHARS);
    hash[TEXT_HASH_CHARS] = '\0';
    return true;
}

static bool read_origin(struct slice word, enum trust_origin *ret_origin)
{
    for (unsigned i = 0; i < TRUST_ORIGIN_COUNT; i++) {
        if (!slice_equal(word, slice_str(origins[i])))
            continue;
        *ret_origin = (enum trust_origin)i;
        return true;
    }
    return false;
}

static void format_roles(const struct state_set *set, char out[40])
{
    (void)snprintf(out, 40, "%s%s%s%s", set->is_candidate ? ",candidate" : "",
                   set->is_active ? ",active" : "", set->is_good ? ",good" : "",
                   set->is_proved ? ",proved" : "");
    if (out[0] == '\0')
        (void)snprintf(out, 40, ",kept");
}

/* There is one way to write each of the sixteen. */
static bool read_roles(struct slice word, struct state_set *set)
{
    for (unsigned bits = 0; bits < 16; bits++) {
        char roles[40];
        set->is_candidate = (bits & 1) != 0;
        set->is_active = (bits & 2) != 0;
        set->is_good = (bits & 4) != 0;
        set->is_proved = (bits & 8) != 0;
        format_roles(set, roles);
        if (slice_equal(word, slice_str(roles + 1)))
            return true;
    }
    return false;
}

bool trust_reason_is_good(const char *reason)
{
    size_t len = strnlen(reason, TRUST_REASON_BYTES);
    for (size_t i = 0; i < len; i++)
        if (reason[i] < 0x20 || reason[i] > 0x7e)
            return false;
    return len != 0 && len < TRUST_REASON_BYTES;
}

static bool read_reason(struct slice word, char out[TRUST_REASON_BYTES])
{
    struct buf bytes;
    buf_init(&bytes, TRUST_REASON_BYTES + 2); /* room for the padding of base64, too */
    bool done =
        encode_from_base64(word, &bytes) && bytes.len != 0 && bytes.len < TRUST_REASON_BYTES;
    if (done) {
        memcpy(out, bytes.ptr, bytes.len);
        out[bytes.len] = '\0';
        done = strlen(out) == bytes.len && trust_reason_is_good(out);
    }
    buf_done(&bytes);
    return done;
}

/* E_ and upper-case letters, digits and underscores. */
static bool read_code(struct slice word, char out[TRUST_CODE_BYTES])
{
    if (word.len >= TRUST_CODE_BYTES || !slice_starts_with(word, SLICE("E_")))
        return false;
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    memcpy(out, word.ptr, word.len);
    out[word.len] = '\0';
    return true;
}

/* ---- lines */

static bool read_first(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    state->version = slice_equal(words[1], SLICE("1")) ? 1 : 2;
    return state->version == 1 || slice_equal(words[1], SLICE("2")) || fail(err);
}

static bool read_root(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    return (text_number(words[1], &state->root_version) && read_hash(words[2], state->root_hash)) ||
           fail(err);
}

static bool read_signed_time(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    return utc_parse_time(words[1], &state->signed_time) || fail(err);
}

static bool read_ahead_time(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    return (state->version > 1 && utc_parse_time(words[1], &state->ahead_time)) || fail(err);
}

static bool read_pulse_time(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    return (state->version > 1 && utc_parse_time(words[1], &state->pulse_time)) || fail(err);
}

static bool read_contact(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    return (state->version > 1 && utc_parse_time(words[1], &state->contact) &&
            text_size(words[2], &state->contact_run_s)) ||
           fail(err);
}

static bool read_run_time(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    return (state->version > 1 && text_size(words[1], &state->run_s)) || fail(err);
}

static bool read_lost(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    return (state->version > 1 && utc_parse_time(words[1], &state->lost)) || fail(err);
}

static bool read_floor(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    struct state_floor floor = {.is_lab = false};
    uint64_t place[2];
    if (state->n_floors == STATE_MAX_FLOORS ||
        !read_place(words + 1, floor.name, &floor.is_lab, place) ||
        !read_hash(words[5], floor.hash))
        return fail(err);
    floor.epoch = place[0];
    floor.serial = place[1];
    state->floors[state->n_floors++] = floor;
    return true;
}

static bool read_set(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    struct state_set set = {.tries = 0};
    uint64_t place[2];
    uint64_t tries;
    if (state->version == 1 || state->n_sets == STATE_MAX_SETS ||
        !read_place(words + 1, set.set.name, &set.set.is_lab, place) ||
        !read_hash(words[5], set.set.manifest) || !read_hash(words[6], set.set.file) ||
        !read_origin(words[7], &set.origin) || !read_roles(words[8], &set) ||
        !text_size(words[9], &tries) || tries > TRUST_MAX_TRIES)
        return fail(err);
    set.set.epoch = place[0];
    set.set.serial = place[1];
    set.tries = (unsigned)tries;
    state->sets[state->n_sets++] = set;
    return true;
}

static bool read_failed(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    struct state_failed failed = {.when = 0};
    uint64_t place[2];
    if (state->version == 1 || state->n_failed == STATE_MAX_FAILED ||
        !read_place(words + 1, failed.name, &failed.is_lab, place) ||
        !read_code(words[5], failed.code) || !utc_parse_time(words[6], &failed.when))
        return fail(err);
    failed.epoch = place[0];
    failed.serial = place[1];
    state->failed[state->n_failed++] = failed;
    return true;
}

static bool read_approved(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    struct state_approved approved = {.when = 0};
    uint64_t place[2];
    if (state->version == 1 || state->n_approved == STATE_MAX_APPROVED ||
        !read_place(words + 1, approved.name, &approved.is_lab, place) ||
        !utc_parse_time(words[5], &approved.when))
        return fail(err);
    approved.epoch = place[0];
    approved.serial = place[1];
    state->approved[state->n_approved++] = approved;
    return true;
}

static bool read_pin(void *ctx, const struct slice *words, struct err *err)
{
    struct state *state = ctx;
    struct trust_pin pin = {.uid = 0};
    uint64_t place[2];
    uint64_t uid;
    if (state->version == 1 || state->n_pins == STATE_MAX_PINS ||
        !read_place(words + 1, pin.name, &pin.is_lab, place) ||
        !utc_parse_time(words[5], &pin.since) || !utc_parse_time(words[6], &pin.until) ||
        !text_size(words[7], &uid) || uid > UINT32_MAX || !read_reason(words[8], pin.reason))
        return fail(err);
    pin.epoch = place[0];
    pin.serial = place[1];
    pin.uid = (uint32_t)uid;
    state->pins[state->n_pins++] = pin;
    return true;
}

static bool read_sum(void *ctx, const struct slice *words, struct err *err)
{
    (void)ctx; /* state_parse compares it with the bytes before it */
    return text_is_hash(words[1]) || fail(err);
}

static const struct text_field fields[] = {
    {"stopgap-state", TEXT_ONCE, 2, read_first},
    {"root", TEXT_OPTIONAL, 3, read_root},
    {"signed-time", TEXT_OPTIONAL, 2, read_signed_time},
    {"ahead-time", TEXT_OPTIONAL, 2, read_ahead_time},
    {"pulse-time", TEXT_OPTIONAL, 2, read_pulse_time},
    {"contact", TEXT_OPTIONAL, 3, read_contact},
    {"run-time", TEXT_OPTIONAL, 2, read_run_time},
    {"lost", TEXT_OPTIONAL, 2, read_lost},
    {"floor", TEXT_REPEATED, 6, read_floor},
    {"set", TEXT_REPEATED, 10, read_set},
    {"failed", TEXT_REPEATED, 7, read_failed},
    {"approved", TEXT_REPEATED, 6, read_approved},
    {"pin", TEXT_REPEATED, 9, read_pin},
    {"sum", TEXT_ONCE, 2, read_sum},
};

enum { SUM_LINE_BYTES = 4 + TEXT_HASH_CHARS + 1 }; /* "sum ", the hash, line feed */

bool state_parse(struct slice text, struct state *ret_state)
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
    *ret_state = (struct state){.version = 0};
    return text_parse(&grammar, text, ret_state, NULL) &&
           slice_equal(slice_make(sum.ptr + 4, TEXT_HASH_CHARS), slice_str(hash));
}

/* ---- writing */

static bool put_time(struct buf *text, const char *word, int64_t when)
{
    char time[UTC_TIME_CHARS + 1];
    utc_format_time(when, time);
    return when == 0 || buf_printf(text, "%s %s\n", word, time);
}

static bool put_times(const struct state *state, struct buf *text)
{
    char time[UTC_TIME_CHARS + 1];
    utc_format_time(state->contact, time);
    return put_time(text, "signed-time", state->signed_time) &&
           put_time(text, "ahead-time", state->ahead_time) &&
           put_time(text, "pulse-time", state->pulse_time) &&
           (state->contact == 0 || buf_printf(text, "contact %s %llu\n", time,
                                              (unsigned long long)state->contact_run_s)) &&
           (state->run_s == 0 ||
            buf_printf(text, "run-time %llu\n", (unsigned long long)state->run_s)) &&
           put_time(text, "lost", state->lost);
}

static bool put_place(struct buf *text, const char *word, const char *name, bool is_lab,
                      const uint64_t place[2])
{
    return buf_printf(text, "%s %s %s %llu %llu", word, name, is_lab ? "lab" : "production",
                      (unsigned long long)place[0], (unsigned long long)place[1]);
}

static bool put_sets(const struct state *state, struct buf *text)
{
    bool done = true;
    for (size_t i = 0; done && i < state->n_sets; i++) {
        const struct state_set *set = &state->sets[i];
        char roles[40];
        format_roles(set, roles);
        done = put_place(text, "set", set->set.name, set->set.is_lab,
                         (const uint64_t[]){set->set.epoch, set->set.serial}) &&
               buf_printf(text, " %s %s %s %s %u\n", set->set.manifest, set->set.file,
                          origins[set->origin], roles + 1, set->tries);
    }
    return done;
}

static bool put_failed(const struct state *state, struct buf *text)
{
    bool done = true;
    for (size_t i = 0; done && i < state->n_failed; i++) {
        const struct state_failed *failed = &state->failed[i];
        char when[UTC_TIME_CHARS + 1];
        utc_format_time(failed->when, when);
        done = put_place(text, "failed", failed->name, failed->is_lab,
                         (const uint64_t[]){failed->epoch, failed->serial}) &&
               buf_printf(text, " %s %s\n", failed->code, when);
    }
    return done;
}

static bool put_approved(const struct state *state, struct buf *text)
{
    bool done = true;
    for (size_t i = 0; done && i < state->n_approved; i++) {
        const struct state_approved *approved = &state->approved[i];
        char when[UTC_TIME_CHARS + 1];
        utc_format_time(approved->when, when);
        done = put_place(text, "approved", approved->name, approved->is_lab,
                         (const uint64_t[]){approved->epoch, approved->serial}) &&
               buf_printf(text, " %s\n", when);
    }
    return done;
}

static bool put_pins(const struct state *state, struct buf *text)
{
    bool done = true;
    for (size_t i = 0; done && i < state->n_pins; i++) {
        const struct trust_pin *pin = &state->pins[i];
        char since[UTC_TIME_CHARS + 1];
        char until[UTC_TIME_CHARS + 1];
        utc_format_time(pin->since, since);
        utc_format_time(pin->until, until);
        done = put_place(text, "pin", pin->name, pin->is_lab,
                         (const uint64_t[]){pin->epoch, pin->serial}) &&
               buf_printf(text, " %s %s %lu ", since, until, (unsigned long)pin->uid) &&
               encode_to_base64(slice_str(pin->reason), text) && buf_append(text, SLICE("\n"));
    }
    return done;
}

bool state_format(const struct state *state, struct buf *text)
{
    char hash[HASH_SIZE];
    bool done = buf_append(text, SLICE("stopgap-state 2\n"));
    if (done && state->root_version != 0)
        done = buf_printf(text, "root %llu %s\n", (unsigned long long)state->root_version,
                          state->root_hash);
    done = done && put_times(state, text);
    for (size_t i = 0; done && i < state->n_floors; i++) {
        const struct state_floor *floor = &state->floors[i];
        done = put_place(text, "floor", floor->name, floor->is_lab,
                         (const uint64_t[]){floor->epoch, floor->serial}) &&
               buf_printf(text, " %s\n", floor->hash);
    }
    return done && put_sets(state, text) && put_failed(state, text) && put_approved(state, text) &&
           put_pins(state, text) && hash_hex(buf_slice(text), hash) &&
           buf_printf(text, "sum %s\n", hash);
}
