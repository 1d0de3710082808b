/* Compiled databases that are kept: found again, and never trusted when they are not whole. */
#include "engine/engine_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/cache.h"

#include "stopgap/banned.h"

enum { MAX_FILE = 64 * 1024, HEADER = 24 + 32 + 32 };

struct folder {
    char path[64];  /* the cache, made by it */
    char outer[48]; /* a folder of this test */
};

static const struct test_rule one_rule = {.id = "A",
                                          .when = "{field: path, contains: autodiscover.json}"};

static void folder_init(struct folder *folder)
{
    (void)snprintf(folder->outer, sizeof(folder->outer), "/tmp/stopgap-cache-XXXXXX");
    assert_non_null(mkdtemp(folder->outer));
    (void)snprintf(folder->path, sizeof(folder->path), "%s/cache", folder->outer);
}

/* Calls visit for each file; returns how many there are. */
static size_t each_file(const struct folder *folder, void (*visit)(const char *path, void *ctx),
                        void *ctx)
{
    size_t n = 0;
    DIR *dir = opendir(folder->path);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[400];
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder->path, entry->d_name);
        if (visit != NULL)
            visit(path, ctx);
        n++;
    }
    if (dir != NULL)
        assert_int_equal(closedir(dir), 0);
    return n;
}

static void remove_file(const char *path, void *ctx)
{
    (void)ctx;
    assert_int_equal(unlink(path), 0);
}

static void keep_path(const char *path, void *ctx)
{
    (void)snprintf(ctx, 400, "%s", path);
}

static void folder_done(struct folder *folder)
{
    (void)each_file(folder, remove_file, NULL);
    (void)rmdir(folder->path);
    assert_int_equal(rmdir(folder->outer), 0);
}

/* Compile the rule, see that it works, and tell how many databases were kept ones. */
static size_t compile(const struct folder *folder, const struct test_rule *rule)
{
    struct rule_list list = {0};
    struct err err = {0};
    struct ruleset_stats stats;
    assert_true(test_rule_parse(rule, &list, &err));
    struct test_set set = {.set = ruleset_compile_cached(&list, folder->path, &err)};
    if (set.set == NULL)
        fail_msg("%s: %s", err.code, err.text);
    rule_list_done(&list);
    set.lease = lease_new(set.set, &err);
    assert_non_null(set.lease);
    assert_true(test_matches(
        &set, &(struct test_request){.target = "/autodiscover/autodiscover.json"}, "kept"));
    assert_false(test_matches(&set, &(struct test_request){.target = "/owa/"}, "kept"));
    ruleset_stats(set.set, &stats);
    test_set_done(&set);
    return stats.n_cached;
}

static size_t read_whole(const char *path, char bytes[MAX_FILE])
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(bytes, 1, MAX_FILE, file);
    assert_true(n > HEADER && n < MAX_FILE);
    assert_int_equal(fclose(file), 0);
    return n;
}

static void write_whole(const char *path, const char *bytes, size_t n)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void test_the_second_time_nothing_is_compiled(void **state)
{
    struct folder folder;
    (void)state;
    folder_init(&folder);
    assert_int_equal(compile(&folder, &one_rule), 0);
    assert_int_equal(each_file(&folder, NULL, NULL), 1);
    assert_int_equal(compile(&folder, &one_rule), 1);
    folder_done(&folder);
}

static void test_other_patterns_are_another_file(void **state)
{
    const struct test_rule other = {.id = "A",
                                    .when = "{any: [{field: path, contains: autodiscover.json}, "
                                            "{field: path, contains: something.else}]}"};
    struct folder folder;
    (void)state;
    folder_init(&folder);
    assert_int_equal(compile(&folder, &one_rule), 0);
    assert_int_equal(compile(&folder, &other), 0);
    assert_int_equal(each_file(&folder, NULL, NULL), 2);
    folder_done(&folder);
}

/* Each byte of the header, and one of every 97 behind it. */
static void test_a_changed_byte_is_compiled_anew_and_repaired(void **state)
{
    static char bytes[MAX_FILE];
    struct folder folder;
    char path[400];
    (void)state;
    folder_init(&folder);
    assert_int_equal(compile(&folder, &one_rule), 0);
    assert_int_equal(each_file(&folder, keep_path, path), 1);
    size_t n = read_whole(path, bytes);
    for (size_t at = 0; at < n; at += at < HEADER ? 1 : 97) {
        bytes[at] ^= 0x10;
        write_whole(path, bytes, n);
        bytes[at] ^= 0x10;
        if (compile(&folder, &one_rule) != 0)
            fail_msg("a change of byte %zu was not seen", at);
        assert_int_equal(compile(&folder, &one_rule), 1);
    }
    folder_done(&folder);
}

static void test_a_cut_or_longer_file_is_compiled_anew(void **state)
{
    static char bytes[MAX_FILE];
    struct folder folder;
    char path[400];
    (void)state;
    folder_init(&folder);
    assert_int_equal(compile(&folder, &one_rule), 0);
    assert_int_equal(each_file(&folder, keep_path, path), 1);
    size_t n = read_whole(path, bytes);
    const size_t lengths[] = {0, 1, 24, HEADER - 1, HEADER, HEADER + 1, n / 2, n - 1, n + 1};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        write_whole(path, bytes, lengths[i]);
        if (compile(&folder, &one_rule) != 0)
            fail_msg("a file of %zu bytes was taken", lengths[i]);
    }
    folder_done(&folder);
}

/* As after a copy under a wrong name: whole in itself, but another database. */
static void test_a_file_under_the_name_of_another_is_not_taken(void **state)
{
    static char bytes[MAX_FILE];
    const struct test_rule other = {.id = "A", .when = "{field: path, contains: something.else}"};
    struct rule_list list = {0};
    struct err err = {0};
    struct folder folder;
    char path[400];
    (void)state;
    folder_init(&folder);
    assert_true(test_rule_parse(&other, &list, &err));
    ruleset_unref(ruleset_compile_cached(&list, folder.path, &err));
    assert_int_equal(each_file(&folder, keep_path, path), 1);
    size_t n = read_whole(path, bytes);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(compile(&folder, &one_rule), 0);
    assert_int_equal(each_file(&folder, keep_path, path), 1);
    write_whole(path, bytes, n);
    assert_int_equal(compile(&folder, &one_rule), 0);
    folder_done(&folder);
}

static void test_a_folder_that_cannot_be_made_costs_time_only(void **state)
{
    struct folder folder = {.path = "/proc/no/such/folder"};
    (void)state;
    assert_int_equal(compile(&folder, &one_rule), 0);
    (void)snprintf(folder.path, sizeof(folder.path), "/dev/null");
    assert_int_equal(compile(&folder, &one_rule), 0);
}

/* A set that is used each time stays, of the others the newest. */
static void test_only_what_was_used_last_is_kept(void **state)
{
    struct folder folder;
    (void)state;
    folder_init(&folder);
    assert_int_equal(compile(&folder, &one_rule), 0);
    for (unsigned i = 0; i < 2 * CACHE_FILES; i++) {
        char when[100];
        (void)snprintf(when, sizeof(when),
                       "{field: path, one_of: [/autodiscover/autodiscover.json, /%u]}", i);
        assert_int_equal(compile(&folder, &(struct test_rule){.id = "A", .when = when}), 0);
        assert_int_equal(compile(&folder, &one_rule), 1);
        assert_int_equal(compile(&folder, &(struct test_rule){.id = "A", .when = when}), 1);
    }
    assert_int_equal(each_file(&folder, NULL, NULL), CACHE_FILES);
    folder_done(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_second_time_nothing_is_compiled),
        cmocka_unit_test(test_other_patterns_are_another_file),
        cmocka_unit_test(test_a_changed_byte_is_compiled_anew_and_repaired),
        cmocka_unit_test(test_a_cut_or_longer_file_is_compiled_anew),
        cmocka_unit_test(test_a_file_under_the_name_of_another_is_not_taken),
        cmocka_unit_test(test_a_folder_that_cannot_be_made_costs_time_only),
        cmocka_unit_test(test_only_what_was_used_last_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
