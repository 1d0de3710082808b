/* Decompression, and characters. */
#include "body_test.h"

#include "body/inflate.h"
#include "body/text.h"
#include "stopgap/request.h"

#include <zlib.h>

#include "stopgap/banned.h"

enum { PACKED_BYTES = 128 * 1024, RAW = -15, ZLIB = 15, GZIP = 31 };

static size_t pack(struct slice text, int window_bits, char *out)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)text.ptr, .avail_in = (uInt)text.len};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    stream.next_out = (Bytef *)out;
    stream.avail_out = PACKED_BYTES;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t len = stream.total_out;
    assert_int_equal(deflateEnd(&stream), Z_OK);
    return len;
}

struct inflated {
    struct body_test test;
    struct body_inflated got;
};

static void unpack(struct slice packed, enum body_coding coding, bool is_cut,
                   struct inflated *ret_out)
{
    memset(ret_out, 0, sizeof(*ret_out));
    body_test_init(&ret_out->test);
    assert_true(body_inflate(packed, coding, is_cut, &ret_out->test.arena, &ret_out->got));
}

static void test_each_format_is_decompressed(void **state)
{
    (void)state;
    static const struct {
        int bits;
        enum body_coding coding;
    } formats[] = {{GZIP, CODING_GZIP}, {ZLIB, CODING_DEFLATE}, {RAW, CODING_DEFLATE_RAW}};
    struct slice text = SLICE("{\"a\":\"a text\"}");
    char packed[PACKED_BYTES];
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct inflated out;
        size_t len = pack(text, formats[i].bits, packed);
        unpack(slice_make(packed, len), formats[i].coding, false, &out);
        assert_true(slice_equal(out.got.text, text));
        assert_int_equal(out.got.anomalies, 0);
        assert_false(out.got.is_cut);
        body_test_done(&out.test);
    }
}

static void test_a_cut_stream_shows_a_beginning(void **state)
{
    (void)state;
    struct slice text = SLICE("abcdefghijklmnopqrstuvwxyz, and again abcdefghijklmnopqrstuvwxyz");
    char packed[PACKED_BYTES];
    size_t len = pack(text, GZIP, packed);
    for (size_t cut = 0; cut < len; cut++) {
        struct inflated out;
        char *copy = malloc(cut + 1);
        assert_non_null(copy);
        memcpy(copy, packed, cut);
        unpack(slice_make(copy, cut), CODING_GZIP, true, &out);
        assert_true(slice_starts_with(text, out.got.text));
        assert_int_equal(out.got.anomalies, 0);
        body_test_done(&out.test);
        unpack(slice_make(copy, cut), CODING_GZIP, false, &out);
        assert_int_equal(out.got.anomalies, BODY_ENCODING_INVALID);
        body_test_done(&out.test);
        free(copy);
    }
}

static void test_files_behind_each_other_are_one_text(void **state)
{
    (void)state;
    char packed[PACKED_BYTES];
    char both[1024];
    size_t len = pack(SLICE("abc"), GZIP, packed);
    memcpy(both, packed, len);
    memcpy(both + len, packed, len);
    struct inflated out;
    unpack(slice_make(both, 2 * len), CODING_GZIP, false, &out);
    assert_true(slice_equal(out.got.text, SLICE("abcabc")));
    assert_int_equal(out.got.anomalies, 0);
    body_test_done(&out.test);
}

/* The second one begins where the window is full, or where the packed window ends. */
static void test_a_file_behind_the_window_is_no_error(void **state)
{
    (void)state;
    char packed[PACKED_BYTES];
    char *text = calloc(1, LIMIT_BODY_WINDOW);
    assert_non_null(text);
    for (size_t i = 0; i < LIMIT_BODY_WINDOW; i++)
        text[i] = (char)(i * i >> 8);
    struct inflated out;
    size_t len = pack(slice_make(text, LIMIT_BODY_WINDOW), GZIP, packed);
    size_t both = len + pack(SLICE("abc"), GZIP, packed + len);
    unpack(slice_make(packed, both), CODING_GZIP, false, &out);
    assert_true(slice_equal(out.got.text, slice_make(text, LIMIT_BODY_WINDOW)));
    assert_int_equal(out.got.anomalies, 0);
    assert_true(out.got.is_cut);
    body_test_done(&out.test);
    unpack(slice_make(packed, len), CODING_GZIP, true, &out);
    assert_int_equal(out.got.anomalies, 0);
    assert_true(out.got.is_cut);
    body_test_done(&out.test);
    unpack(slice_make(packed, len), CODING_GZIP, false, &out);
    assert_int_equal(out.got.anomalies, 0);
    assert_false(out.got.is_cut);
    body_test_done(&out.test);
    unpack(slice_make(packed, both - 4), CODING_GZIP, false, &out);
    assert_int_equal(out.got.anomalies, BODY_ENCODING_INVALID);
    body_test_done(&out.test);
    free(text);
}

static void test_a_bomb_behind_the_window_is_one(void **state)
{
    (void)state;
    enum { BOMB_BYTES = 32 * 1024 * 1024 };
    char *bytes = calloc(1, BOMB_BYTES);
    char packed[PACKED_BYTES];
    assert_non_null(bytes);
    for (size_t i = 0; i < LIMIT_BODY_WINDOW; i++)
        bytes[i] = (char)(i * i >> 8);
    struct inflated out;
    size_t len = pack(slice_make(bytes, BOMB_BYTES), ZLIB, packed);
    unpack(slice_make(packed, len), CODING_DEFLATE, false, &out);
    assert_true(slice_equal(out.got.text, slice_make(bytes, LIMIT_BODY_WINDOW)));
    assert_int_equal(out.got.anomalies, BODY_ENCODING_BOMB);
    assert_true(out.got.is_cut);
    body_test_done(&out.test);
    free(bytes);
}

static void test_what_is_no_stream_is_invalid(void **state)
{
    (void)state;
    struct inflated out;
    unpack(SLICE("<a>plain</a>"), CODING_GZIP, false, &out);
    assert_int_equal(out.got.text.len, 0);
    assert_int_equal(out.got.anomalies, BODY_ENCODING_INVALID);
    body_test_done(&out.test);
    char packed[PACKED_BYTES];
    size_t len = pack(SLICE("abc"), GZIP, packed);
    packed[len++] = 'x';
    unpack(slice_make(packed, len), CODING_GZIP, false, &out);
    assert_true(slice_equal(out.got.text, SLICE("abc")));
    assert_int_equal(out.got.anomalies, BODY_ENCODING_INVALID);
    body_test_done(&out.test);
}

static void test_a_bomb_stops_at_the_window(void **state)
{
    (void)state;
    enum { BOMB_BYTES = 32 * 1024 * 1024 };
    char *zeros = calloc(1, BOMB_BYTES);
    char packed[PACKED_BYTES];
    assert_non_null(zeros);
    size_t len = pack(slice_make(zeros, BOMB_BYTES), GZIP, packed);
    struct inflated out;
    unpack(slice_make(packed, len), CODING_GZIP, false, &out);
    assert_int_equal(out.got.text.len, LIMIT_BODY_WINDOW);
    assert_true(out.got.is_cut);
    assert_int_equal(out.got.anomalies, BODY_ENCODING_BOMB);
    assert_true(out.test.arena.used < 4 * LIMIT_BODY_WINDOW);
    body_test_done(&out.test);
    free(zeros);
}

static void test_the_coding_is_read_from_all_fields(void **state)
{
    (void)state;
    static const struct {
        const char *first;
        const char *second;
        enum body_coding coding;
    } cases[] = {
        {"gzip", "", CODING_GZIP},           {"X-GZip", "identity", CODING_GZIP},
        {"DEFLATE", "", CODING_DEFLATE},     {"identity", "", CODING_NONE},
        {"br", "", CODING_UNKNOWN},          {"gzip, gzip", "", CODING_UNKNOWN},
        {"gzip", "deflate", CODING_UNKNOWN}, {" , gzip", "", CODING_GZIP},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct header_field fields[] = {{SLICE("content-encoding"), slice_str(cases[i].first)},
                                        {SLICE("Content-Encoding"), slice_str(cases[i].second)}};
        struct request_head head = {.fields = fields, .n_fields = 2};
        assert_int_equal(body_coding(&head), cases[i].coding);
    }
}

static void test_utf16_becomes_utf8(void **state)
{
    (void)state;
    static const struct {
        struct slice bytes;
        const char *text;
    } cases[] = {
        {SLICE_INIT("\xff\xfe<\0\xe9\0"), "<\xc3\xa9"},
        {SLICE_INIT("\xfe\xff\0<\0a"), "<a"},
        {SLICE_INIT("<\0a\0"), "<a"},
        {SLICE_INIT("\0{\0}"), "{}"},
        {SLICE_INIT("[\0\x3d\xd8\0\xde"), "[\xF0\x9F\x98\x80"},
        {SLICE_INIT("[\0\x3d\xd8"), "[\xEF\xBF\xBD"},
        {SLICE_INIT("[\0\0\xde"), "[\xEF\xBF\xBD"},
        {SLICE_INIT("<\0a"), "<"},
        {SLICE_INIT("\xEF\xBB\xBF<a"), "<a"},
        {SLICE_INIT("plain"), "plain"},
        {SLICE_INIT("x"), "x"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct body_test test;
        struct slice text;
        body_test_init(&test);
        assert_true(body_text_utf8(cases[i].bytes, &test.arena, &text));
        if (!slice_equal(text, slice_str(cases[i].text)))
            fail_msg("%zu: " SLICE_FMT, i, SLICE_ARG(text));
        body_test_done(&test);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_format_is_decompressed),
        cmocka_unit_test(test_a_cut_stream_shows_a_beginning),
        cmocka_unit_test(test_files_behind_each_other_are_one_text),
        cmocka_unit_test(test_a_file_behind_the_window_is_no_error),
        cmocka_unit_test(test_a_bomb_behind_the_window_is_one),
        cmocka_unit_test(test_what_is_no_stream_is_invalid),
        cmocka_unit_test(test_a_bomb_stops_at_the_window),
        cmocka_unit_test(test_the_coding_is_read_from_all_fields),
        cmocka_unit_test(test_utf16_becomes_utf8),
    };
    return cmocka_run_group_tests_name("body/inflate", tests, NULL, NULL);
}
