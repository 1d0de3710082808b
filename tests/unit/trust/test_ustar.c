/* The container: every rule of the strict reader, one change of a good file a case. */
#include "publisher.h"

#include "stopgap/banned.h"

/* Offsets in a header block, POSIX.1-2017 ustar. */
enum {
    AT_NAME = 0,
    AT_SIZE = 124,
    AT_CHECKSUM = 148,
    AT_TYPE = 156,
    AT_LINK = 157,
    AT_MAGIC = 257,
    AT_VERSION = 263,
    AT_PREFIX = 345,
    AT_TAIL = 500,
};

/* 0manifest (5 bytes), rules/a (3), rules/b (512): blocks 0-1, 2-3, 4-5, end 6-7. */
static struct buf good;

static void put(struct buf *out, const char *name, size_t len)
{
    static const char data[LIMIT_MEMBER_BYTES + 1];
    assert_true(ustar_append(out, name, slice_make(data, len)));
}

static int setup(void **state)
{
    (void)state;
    buf_init(&good, LIMIT_BUNDLE_BYTES + USTAR_BLOCK);
    assert_true(ustar_append(&good, "0manifest", SLICE("hello")));
    assert_true(ustar_append(&good, "rules/a", SLICE("abc")));
    put(&good, "rules/b", USTAR_BLOCK);
    assert_true(ustar_finish(&good));
    assert_int_equal(good.len, 8 * USTAR_BLOCK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_done(&good);
    return 0;
}

static const char *read_code(struct slice bytes)
{
    static struct err err;
    err = (struct err){0};
    struct ustar archive;
    if (ustar_read(bytes, &archive, &err)) {
        ustar_done(&archive);
        return "";
    }
    return err.code;
}

static void fix_checksum(char *header)
{
    unsigned sum = 0;
    memset(header + AT_CHECKSUM, ' ', 8);
    for (size_t i = 0; i < USTAR_BLOCK; i++)
        sum += (unsigned char)header[i];
    (void)snprintf(header + AT_CHECKSUM, 7, "%06o", sum);
    header[AT_CHECKSUM + 6] = '\0';
    header[AT_CHECKSUM + 7] = ' ';
}

static void test_a_good_file_is_read(void **state)
{
    (void)state;
    struct ustar archive;
    assert_true(ustar_read(buf_slice(&good), &archive, NULL));
    assert_int_equal(archive.n_members, 3);
    assert_string_equal(archive.members[1].name, "rules/a");
    assert_true(slice_equal(archive.members[1].data, SLICE("abc")));
    assert_ptr_equal(ustar_find(&archive, "rules/b"), &archive.members[2]);
    assert_null(ustar_find(&archive, "rules/c"));
    ustar_done(&archive);
}

/* One change at an offset; the checksum of the header is made right again when fix is set. */
static void test_each_broken_rule_has_its_code(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t block;
        size_t offset;
        struct slice bytes;
        bool fix;
        const char *code;
    } cases[] = {
        {"another magic", 2, AT_MAGIC, SLICE("ustaR"), true, "E_BUNDLE_FORMAT"},
        {"GNU magic", 0, AT_MAGIC, SLICE("ustar  "), true, "E_BUNDLE_FORMAT"},
        {"another version", 2, AT_VERSION, SLICE("01"), true, "E_BUNDLE_FORMAT"},
        {"a wrong checksum", 2, AT_CHECKSUM, SLICE("000000"), false, "E_BUNDLE_CHECKSUM"},
        {"a checksum that is not octal", 2, AT_CHECKSUM, SLICE("00000x"), false,
         "E_BUNDLE_CHECKSUM"},
        {"a checksum ended otherwise", 2, AT_CHECKSUM + 7, SLICE("\0"), false, "E_BUNDLE_CHECKSUM"},
        {"a changed mode", 2, 100, SLICE("0000755"), false, "E_BUNDLE_CHECKSUM"},
        {"a hard link", 2, AT_TYPE, SLICE("1"), true, "E_BUNDLE_TYPE"},
        {"a symbolic link", 2, AT_TYPE, SLICE("2"), true, "E_BUNDLE_TYPE"},
        {"a device", 2, AT_TYPE, SLICE("3"), true, "E_BUNDLE_TYPE"},
        {"a folder", 2, AT_TYPE, SLICE("5"), true, "E_BUNDLE_TYPE"},
        {"a FIFO", 2, AT_TYPE, SLICE("6"), true, "E_BUNDLE_TYPE"},
        {"a pax header", 2, AT_TYPE, SLICE("x"), true, "E_BUNDLE_TYPE"},
        {"a global pax header", 2, AT_TYPE, SLICE("g"), true, "E_BUNDLE_TYPE"},
        {"a GNU long name", 2, AT_TYPE, SLICE("L"), true, "E_BUNDLE_TYPE"},
        {"a GNU sparse file", 2, AT_TYPE, SLICE("S"), true, "E_BUNDLE_TYPE"},
        {"an old plain file", 2, AT_TYPE, SLICE("\0"), true, "E_BUNDLE_TYPE"},
        {"a link name", 2, AT_LINK, SLICE("rules/b"), true, "E_BUNDLE_FORMAT"},
        {"a prefix", 2, AT_PREFIX, SLICE("rules"), true, "E_BUNDLE_NAME"},
        {"bytes after the header", 2, AT_TAIL, SLICE("x"), true, "E_BUNDLE_PADDING"},
        {"bytes after the name", 2, AT_NAME + 50, SLICE("x"), true, "E_BUNDLE_NAME"},
        {"a dot-dot segment", 2, AT_NAME, SLICE("../les/a"), true, "E_BUNDLE_NAME"},
        {"a dot-dot segment in a known folder", 2, AT_NAME, SLICE("rules/../a"), true,
         "E_BUNDLE_NAME"},
        {"an absolute name", 2, AT_NAME, SLICE("/rules/"), true, "E_BUNDLE_NAME"},
        {"a hidden file", 2, AT_NAME, SLICE("rules/.a"), true, "E_BUNDLE_NAME"},
        {"an empty segment", 2, AT_NAME, SLICE("rules//"), true, "E_BUNDLE_NAME"},
        {"a name that is a folder", 2, AT_NAME, SLICE("rules/\0"), true, "E_BUNDLE_NAME"},
        {"an empty name", 2, AT_NAME, SLICE("\0\0\0\0\0\0\0"), true, "E_BUNDLE_NAME"},
        {"upper case", 2, AT_NAME, SLICE("rules/A"), true, "E_BUNDLE_NAME"},
        {"a blank", 2, AT_NAME, SLICE("rules/ "), true, "E_BUNDLE_NAME"},
        {"an unknown folder", 2, AT_NAME, SLICE("rulez/a"), true, "E_BUNDLE_NAME"},
        {"a file at the top", 2, AT_NAME, SLICE("rules_a"), true, "E_BUNDLE_NAME"},
        {"another first member", 0, AT_NAME, SLICE("rules/0\0\0"), true, "E_BUNDLE_FIRST"},
        {"a member before the manifest", 0, AT_NAME, SLICE("root/0\0\0\0"), true, "E_BUNDLE_FIRST"},
        {"the manifest twice", 2, AT_NAME, SLICE("0manifest"), true, "E_BUNDLE_ORDER"},
        {"the same name twice", 2, AT_NAME, SLICE("rules/b"), true, "E_BUNDLE_ORDER"},
        {"names out of order", 2, AT_NAME, SLICE("rules/c"), true, "E_BUNDLE_ORDER"},
        {"a base-256 size", 2, AT_SIZE, SLICE("\x80\0\0\0\0\0\0\0\0\0\0\3"), true,
         "E_BUNDLE_SIZEFIELD"},
        {"a size with blanks", 2, AT_SIZE, SLICE("          3"), true, "E_BUNDLE_SIZEFIELD"},
        {"a size with an 8", 2, AT_SIZE, SLICE("00000000008"), true, "E_BUNDLE_SIZEFIELD"},
        {"a negative size", 2, AT_SIZE, SLICE("-0000000003"), true, "E_BUNDLE_SIZEFIELD"},
        {"a size of twelve digits", 2, AT_SIZE, SLICE("000000000003"), true, "E_BUNDLE_SIZEFIELD"},
        {"a short size", 2, AT_SIZE, SLICE("3\0\0\0\0\0\0\0\0\0\0"), true, "E_BUNDLE_SIZEFIELD"},
        {"a size above the limit", 2, AT_SIZE, SLICE("00010000001"), true, "E_BUNDLE_MEMBER_SIZE"},
        {"the largest octal size", 2, AT_SIZE, SLICE("77777777777"), true, "E_BUNDLE_MEMBER_SIZE"},
        {"a size beyond the end", 2, AT_SIZE, SLICE("00000010000"), true, "E_BUNDLE_TRUNCATED"},
        {"padding that is not zero", 3, 3, SLICE("x"), false, "E_BUNDLE_PADDING"},
        {"padding whose last byte is not zero", 3, 511, SLICE("x"), false, "E_BUNDLE_PADDING"},
        {"a byte in the first end block", 6, 0, SLICE("x"), false, "E_BUNDLE_FORMAT"},
        {"a byte in the second end block", 7, 511, SLICE("x"), false, "E_BUNDLE_TRAILER"},
        {"one zero block in the middle", 2, 0, (struct slice){0}, false, "E_BUNDLE_TRAILER"},
        {"a size field that ends with a blank is octal, too", 2, AT_SIZE, SLICE("00000000003 "),
         true, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char bytes[8 * USTAR_BLOCK];
        memcpy(bytes, good.ptr, good.len);
        char *block = bytes + cases[i].block * USTAR_BLOCK;
        if (cases[i].bytes.ptr == NULL)
            memset(block, 0, USTAR_BLOCK);
        else
            memcpy(block + cases[i].offset, cases[i].bytes.ptr, cases[i].bytes.len);
        if (cases[i].fix)
            fix_checksum(block);
        check_code(cases[i].name, read_code(slice_make(bytes, good.len)), cases[i].code);
    }
}

static void test_a_file_cut_anywhere_is_truncated(void **state)
{
    (void)state;
    for (size_t len = 0; len < good.len; len++) {
        /* An exact copy, so that the sanitizer sees a read behind the end. */
        char *copy = malloc(len != 0 ? len : 1);
        assert_non_null(copy);
        memcpy(copy, good.ptr, len);
        check_code("cut", read_code(slice_make(copy, len)), "E_BUNDLE_TRUNCATED");
        free(copy);
    }
}

static void test_bytes_after_the_end_are_refused(void **state)
{
    (void)state;
    static const size_t extra[] = {1, 511, USTAR_BLOCK, 8 * USTAR_BLOCK};
    for (size_t i = 0; i < sizeof(extra) / sizeof(extra[0]); i++) {
        char *copy = calloc(1, good.len + extra[i]);
        assert_non_null(copy);
        memcpy(copy, good.ptr, good.len);
        check_code("zero bytes at the end", read_code(slice_make(copy, good.len + extra[i])),
                   "E_BUNDLE_TRAILER");
        free(copy);
    }
}

static void test_limits_hold_at_their_edge(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t len;
        const char *code;
    } cases[] = {
        {"0manifest", LIMIT_MANIFEST_BYTES, ""},
        {"0manifest", LIMIT_MANIFEST_BYTES + 1, "E_BUNDLE_MEMBER_SIZE"},
        {"sig/a", LIMIT_SIGNATURE_BYTES, ""},
        {"sig/a", LIMIT_SIGNATURE_BYTES + 1, "E_BUNDLE_MEMBER_SIZE"},
        {"root/a.sig/b", LIMIT_SIGNATURE_BYTES, ""},
        {"root/a.sig/b", LIMIT_SIGNATURE_BYTES + 1, "E_BUNDLE_MEMBER_SIZE"},
        {"tests/a", LIMIT_MEMBER_BYTES, ""},
        {"tests/a", LIMIT_MEMBER_BYTES + 1, "E_BUNDLE_MEMBER_SIZE"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out;
        buf_init(&out, LIMIT_BUNDLE_BYTES);
        if (strcmp(cases[i].name, "0manifest") != 0)
            put(&out, "0manifest", 0);
        put(&out, cases[i].name, cases[i].len);
        assert_true(ustar_finish(&out));
        check_code(cases[i].name, read_code(buf_slice(&out)), cases[i].code);
        buf_done(&out);
    }
}

static void test_members_and_bytes_have_a_maximum(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, LIMIT_BUNDLE_BYTES + USTAR_BLOCK);
    put(&out, "0manifest", 0);
    for (int i = 1; i <= LIMIT_BUNDLE_MEMBERS; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "tests/%05d", i);
        put(&out, name, 0);
    }
    assert_true(ustar_finish(&out));
    check_code("one member too many", read_code(buf_slice(&out)), "E_BUNDLE_COUNT");
    buf_done(&out);

    char *large = calloc(1, LIMIT_BUNDLE_BYTES + 1);
    assert_non_null(large);
    check_code("a byte over the maximum", read_code(slice_make(large, LIMIT_BUNDLE_BYTES + 1)),
               "E_BUNDLE_SIZE");
    free(large);
}

static void test_names_have_at_most_99_bytes(void **state)
{
    (void)state;
    char name[128] = "rules/";
    memset(name + 6, 'a', 93);
    assert_true(ustar_name_is_valid(slice_str(name)));
    name[99] = 'a';
    assert_false(ustar_name_is_valid(slice_str(name)));

    char bytes[8 * USTAR_BLOCK];
    memcpy(bytes, good.ptr, good.len);
    memcpy(bytes + 2 * USTAR_BLOCK, name, 100);
    fix_checksum(bytes + 2 * USTAR_BLOCK);
    check_code("100 bytes", read_code(slice_make(bytes, good.len)), "E_BUNDLE_NAME");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_file_is_read),
        cmocka_unit_test(test_each_broken_rule_has_its_code),
        cmocka_unit_test(test_a_file_cut_anywhere_is_truncated),
        cmocka_unit_test(test_bytes_after_the_end_are_refused),
        cmocka_unit_test(test_limits_hold_at_their_edge),
        cmocka_unit_test(test_members_and_bytes_have_a_maximum),
        cmocka_unit_test(test_names_have_at_most_99_bytes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
