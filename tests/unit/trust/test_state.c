/* The text of the state file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trust/state.h"

#include "stopgap/banned.h"

#define H "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SET "set exchange-core production 1 7 " H " " H " feed "

static struct state parsed;

/* Add the sum and parse. */
static bool parse(const char *body)
{
    struct buf text;
    char hash[HASH_SIZE];
    buf_init(&text, STATE_MAX_BYTES);
    assert_true(buf_append(&text, slice_str(body)) && hash_hex(buf_slice(&text), hash) &&
                buf_printf(&text, "sum %s\n", hash));
    bool is_good = state_parse(buf_slice(&text), &parsed);
    buf_done(&text);
    return is_good;
}

static void test_a_file_of_the_first_version_still_loads(void **state)
{
    (void)state;
    assert_true(parse("stopgap-state 1\n"
                      "root 3 " H "\n"
                      "signed-time 2026-11-24T02:00:00Z\n"
                      "floor exchange-core production 1 2026112401 " H "\n"));
    assert_int_equal(parsed.root_version, 3);
    assert_int_equal(parsed.n_floors, 1);
    assert_int_equal(parsed.floors[0].serial, 2026112401);
    assert_false(parse("stopgap-state 1\nrun-time 5\n"));
    assert_false(parse("stopgap-state 1\n" SET "active 0\n"));
}

static void test_everything_that_is_written_is_read_again(void **state)
{
    (void)state;
    static const char text[] =
        "stopgap-state 2\n"
        "root 3 " H "\n"
        "signed-time 2026-11-24T02:00:00Z\n"
        "ahead-time 2027-11-24T02:00:00Z\n"
        "pulse-time 2026-11-24T02:05:00Z\n"
        "contact 2026-11-24T02:06:00Z 77\n"
        "run-time 86400\n"
        "lost 2026-01-01T00:00:00Z\n"
        "floor exchange-core production 1 8 " H "\n" SET "active,proved 0\n" SET "candidate 0\n" SET
        "good,proved 0\n" SET "kept 2\n"
        "failed exchange-core production 1 8 E_COMPILE 2026-11-24T02:06:00Z\n"
        "approved exchange-core production 1 8 2026-11-24T02:06:00Z\n"
        "pin exchange-core production 1 7 2026-11-24T02:06:00Z "
        "2026-12-01T02:06:00Z 1000 d2h5IG5vdA==\n";
    struct buf again;
    buf_init(&again, STATE_MAX_BYTES);
    assert_true(parse(text));
    assert_int_equal(parsed.n_sets, 4);
    assert_string_equal(parsed.pins[0].reason, "why not");
    assert_string_equal(parsed.failed[0].code, "E_COMPILE");
    assert_int_equal(parsed.approved[0].serial, 8);
    assert_int_equal(parsed.contact_run_s, 77);
    assert_true(state_format(&parsed, &again));
    assert_true(slice_starts_with(buf_slice(&again), SLICE(text)));
    buf_done(&again);
}

static void test_what_we_would_not_write_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        SET "proved,active 0\n",
        SET "active,active 0\n",
        SET "active, 0\n",
        SET "none 0\n",
        SET "active 3\n",
        SET "active -1\n",
        SET "active 00\n",
        SET "active\n",
        "set exchange-core production 1 7 " H " " H " mail active 0\n",
        "set exchange-core production 0 7 " H " " H " feed active 0\n",
        "set Exchange production 1 7 " H " " H " feed active 0\n",
        "set ../x production 1 7 " H " " H " feed active 0\n",
        "set exchange-core test 1 7 " H " " H " feed active 0\n",
        "set exchange-core production 1 7 " H " " H "0 feed active 0\n",
        "failed exchange-core production 1 7 compile 2026-11-24T02:06:00Z\n",
        "failed exchange-core production 1 7 E_c 2026-11-24T02:06:00Z\n",
        "failed exchange-core production 1 7 E_COMPILE 2026-11-24\n",
        "approved exchange-core production 1 8\n",
        "pin exchange-core production 1 7 2026-11-24T02:06:00Z 2026-12-01T02:06:00Z 4294967296 "
        "d2h5\n",
        "pin exchange-core production 1 7 2026-11-24T02:06:00Z 2026-12-01T02:06:00Z 0 Cg==\n",
        "pin exchange-core production 1 7 2026-11-24T02:06:00Z 2026-12-01T02:06:00Z 0 -\n",
        "contact 2026-11-24T02:06:00Z\n",
        "contact 2026-11-24T02:06:00Z -5\n",
        "run-time 9223372036854775808\n",
        "lost yesterday\n",
        "more words\n",
        "run-time 5\nrun-time 5\n",
        "run-time 5\nsigned-time 2026-11-24T02:00:00Z\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char text[1000];
        (void)snprintf(text, sizeof(text), "stopgap-state 2\n%s", lines[i]);
        if (parse(text))
            fail_msg("accepted: %s", lines[i]);
    }
    assert_false(parse("stopgap-state 3\n"));
    assert_true(parse("stopgap-state 2\n"));
}

/* The bound of the file holds what the bounds of its lines allow. */
static void test_a_full_state_fits(void **state)
{
    (void)state;
    static struct state full;
    struct buf text;
    buf_init(&text, STATE_MAX_BYTES);
    char name[TRUST_NAME_BYTES];
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    full = (struct state){.n_floors = STATE_MAX_FLOORS,
                          .n_sets = STATE_MAX_SETS,
                          .n_failed = STATE_MAX_FAILED,
                          .n_pins = STATE_MAX_PINS};
    for (size_t i = 0; i < STATE_MAX_FLOORS; i++) {
        full.floors[i] = (struct state_floor){.epoch = INT64_MAX, .serial = INT64_MAX, .hash = H};
        memcpy(full.floors[i].name, name, sizeof(name));
    }
    for (size_t i = 0; i < STATE_MAX_SETS; i++) {
        full.sets[i] = (struct state_set){
            .set = {.epoch = INT64_MAX, .serial = INT64_MAX, .manifest = H, .file = H},
            .origin = TRUST_FROM_IMPORT,
            .is_candidate = true,
            .is_active = true,
            .is_good = true,
            .is_proved = true};
        memcpy(full.sets[i].set.name, name, sizeof(name));
    }
    for (size_t i = 0; i < STATE_MAX_FAILED; i++) {
        full.failed[i] = (struct state_failed){
            .epoch = INT64_MAX, .serial = INT64_MAX, .code = "E_ENGINE_TOO_OLD_CRYPTO"};
        memcpy(full.failed[i].name, name, sizeof(name));
    }
    for (size_t i = 0; i < STATE_MAX_PINS; i++) {
        full.pins[i] =
            (struct trust_pin){.epoch = INT64_MAX, .serial = INT64_MAX, .uid = UINT32_MAX};
        memcpy(full.pins[i].name, name, sizeof(name));
        memset(full.pins[i].reason, 'r', sizeof(full.pins[i].reason) - 1);
    }
    assert_true(state_format(&full, &text));
    assert_true(state_parse(buf_slice(&text), &parsed));
    assert_int_equal(parsed.n_sets, STATE_MAX_SETS);
    assert_int_equal(strlen(parsed.pins[0].reason), TRUST_REASON_BYTES - 1);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_of_the_first_version_still_loads),
        cmocka_unit_test(test_everything_that_is_written_is_read_again),
        cmocka_unit_test(test_what_we_would_not_write_is_refused),
        cmocka_unit_test(test_a_full_state_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
