/* Escaping, numbers and addresses of log lines, and the words of end reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "log/line.h"
#include "log/log.h"
#include "stats.h"

static void test_json_escaping_keeps_text_and_hides_other_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct slice input;
        const char *expected;
    } rows[] = {
        {"nothing", {"", 0}, ""},
        {"plain text", {"GET /owa/ HTTP", 14}, "GET /owa/ HTTP"},
        {"long plain text", {"abcdefghijklmnopqrstuvwxyz", 26}, "abcdefghijklmnopqrstuvwxyz"},
        {"a quote", {"say \"hi\"", 8}, "say \\\"hi\\\""},
        {"a backslash", {"a\\b", 3}, "a\\\\b"},
        {"line ends", {"a\r\nb", 4}, "a\\u000d\\u000ab"},
        {"NUL", {"a\0b", 3}, "a\\u0000b"},
        {"DEL", {"a\x7f", 2}, "a\\u007f"},
        {"tilde is plain", {"~", 1}, "~"},
        {"high bytes are Latin-1", {"\xe4\xff\x80", 3}, "\\u00e4\\u00ff\\u0080"},
        {"special byte last of eight", {"1234567\"", 8}, "1234567\\\""},
        {"special byte after eight", {"12345678\n", 9}, "12345678\\u000a"},
        {"high byte within eight",
         {"1234\xc3\xa9"
          "67",
          8},
         "1234\\u00c3\\u00a967"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[128];
        print_message("  %s\n", rows[i].name);
        size_t len = log_escape_json(rows[i].input, out, sizeof(out) - 1);
        out[len] = '\0';
        assert_string_equal(out, rows[i].expected);
    }
}

static void test_json_escaping_never_leaves_half_an_escape(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct slice input;
        size_t max;
        const char *expected;
    } rows[] = {
        {"no room", {"abc", 3}, 0, ""},
        {"plain text is cut", {"abcdef", 6}, 4, "abcd"},
        {"an escape that fits", {"a\"", 2}, 3, "a\\\""},
        {"an escape that does not fit", {"a\"", 2}, 2, "a"},
        {"a control that fits", {"\n", 1}, 6, "\\u000a"},
        {"a control that does not fit", {"ab\n", 3}, 7, "ab"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[64];
        print_message("  %s\n", rows[i].name);
        size_t len = log_escape_json(rows[i].input, out, rows[i].max);
        assert_true(len <= rows[i].max);
        out[len] = '\0';
        assert_string_equal(out, rows[i].expected);
    }
}

static void test_every_byte_at_every_place_escapes_as_it_does_alone(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        for (size_t place = 0; place < 20; place++) {
            char text[20];
            char out[128];
            char alone[8];
            char c8 = (char)c;
            memset(text, 'x', sizeof(text));
            text[place] = c8;
            size_t n = log_escape_json(slice_make(&c8, 1), alone, sizeof(alone));
            size_t len = log_escape_json(slice_make(text, sizeof(text)), out, sizeof(out));
            assert_int_equal(len, sizeof(text) - 1 + n);
            assert_memory_equal(out + place, alone, n);
        }
    }
}

static void test_addresses_are_written_as_rfc_5952_asks(void **state)
{
    (void)state;
    static const struct {
        unsigned char bytes[16];
        const char *expected;
    } rows[] = {
        {{[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1}, "192.0.2.1"},
        {{[10] = 0xff, [11] = 0xff, [12] = 255, [13] = 255, [14] = 255, [15] = 255},
         "255.255.255.255"},
        {{0}, "::"},
        {{[15] = 1}, "::1"},
        {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}, "2001:db8::1"},
        {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}, "2001:db8:0:1::1"},
        /* The first of two equal runs is shortened; one group alone is not. */
        {{0x20, 0x01, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1}, "2001::1:0:0:1:1"},
        {{0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 0, 0, 8}, "1:2:3:4:5:6:0:8"},
        {{0xfe, 0x80}, "fe80::"},
        {{0xab, 0xcd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff},
         "abcd:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct net_address address;
        char out[48];
        memcpy(address.bytes, rows[i].bytes, 16);
        size_t len = net_address_format(&address, out, sizeof(out));
        assert_string_equal(out, rows[i].expected);
        assert_int_equal(len, strlen(out));
        assert_int_equal(net_address_format(&address, out, len), 0); /* no room for the NUL */
        assert_string_equal(out, "");
    }
}

static void test_numbers_and_times_are_written_exactly(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        const char *expected;
    } numbers[] = {
        {0, "0"},     {7, "7"},         {10, "10"},         {99, "99"},
        {100, "100"}, {12345, "12345"}, {123456, "123456"}, {UINT64_MAX, "18446744073709551615"},
    };
    static const struct {
        uint64_t wall_us;
        const char *expected;
    } times[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {UINT64_C(951782400000001), "2000-02-29T00:00:00.000001Z"},
        {UINT64_C(1767225599999999), "2025-12-31T23:59:59.999999Z"},
        {UINT64_C(1767225600123456), "2026-01-01T00:00:00.123456Z"},
        {UINT64_MAX, "9999-12-31T23:59:59.551615Z"}, /* absurd clocks do not break the line */
    };
    char text[64];
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct line line = {.next = text, .end = text + sizeof(text)};
        line_u64(&line, SLICE(""), numbers[i].value);
        *line.next = '\0';
        assert_string_equal(text, numbers[i].expected);
    }
    struct line_clock clock = {0};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct line line = {.next = text, .end = text + sizeof(text)};
        line_time(&line, &clock, times[i].wall_us);
        *line.next = '\0';
        assert_string_equal(text, times[i].expected);
    }
}

static void test_every_end_reason_has_its_own_word_and_a_text(void **state)
{
    (void)state;
    assert_string_equal(end_reason_word(END_OK), "ok");
    assert_string_equal(end_reason_word(END_RULE_BLOCK), "rule_block");
    assert_string_equal(end_reason_word(END_REASON_COUNT), "unknown");
    assert_string_equal(end_reason_text(END_REASON_COUNT), "unknown");
    for (unsigned i = 0; i < END_REASON_COUNT; i++) {
        assert_true(strlen(end_reason_text((enum end_reason)i)) > 5 || i == END_OK);
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(end_reason_word((enum end_reason)i),
                                    end_reason_word((enum end_reason)j));
    }
}

static void test_adding_counters_adds_every_one(void **state)
{
    (void)state;
    struct worker_stats part;
    struct worker_stats sum = {0};
    memset(&part, 0, sizeof(part));
    uint64_t next = 1;
#define X(field, name, help) part.field = next++;
    WORKER_COUNTERS(X)
#undef X
    for (unsigned i = 0; i < END_REASON_COUNT; i++)
        part.ended[i] = next++;
    part.connections_open = next;
    worker_stats_add(&sum, &part);
    worker_stats_add(&sum, &part);
    next = 1;
#define X(field, name, help) assert_int_equal(sum.field, 2 * next++);
    WORKER_COUNTERS(X)
#undef X
    for (unsigned i = 0; i < END_REASON_COUNT; i++)
        assert_int_equal(sum.ended[i], 2 * next++);
    assert_int_equal(sum.connections_open, 2 * next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_escaping_keeps_text_and_hides_other_bytes),
        cmocka_unit_test(test_json_escaping_never_leaves_half_an_escape),
        cmocka_unit_test(test_every_byte_at_every_place_escapes_as_it_does_alone),
        cmocka_unit_test(test_addresses_are_written_as_rfc_5952_asks),
        cmocka_unit_test(test_numbers_and_times_are_written_exactly),
        cmocka_unit_test(test_every_end_reason_has_its_own_word_and_a_text),
        cmocka_unit_test(test_adding_counters_adds_every_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
