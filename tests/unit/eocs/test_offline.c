/* Verifying opens no file and no connection, whatever a document asks for: seen by strace. */
#include "eocs/eocs_test.h"

#include "eocs/attack_table.h"

#include <sys/wait.h>

static const char begin[] = "/marker-of-the-begin";
static const char end[] = "/marker-of-the-end";

/* Runs under strace: each attack and a good document between two markers. */
static int verify_everything(void)
{
    struct bench bench;
    struct err err;
    bench_open(&bench);
    for (size_t i = 0; i <= N_ATTACKS; i++) {
        const struct forge_recipe good = {0};
        struct buf text = {0};
        forge_make(&bench.forge, i < N_ATTACKS ? &attacks[i].recipe : &good, &text);
        (void)access(begin, F_OK);
        struct eocs_document *document = bench_verify(&bench, buf_slice(&text), &err);
        (void)access(end, F_OK);
        eocs_document_free(document);
        buf_done(&text);
    }
    bench_close(&bench);
    return 0;
}

static bool run_strace(const char *program, const char *trace)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* LeakSanitizer is a tracer, too */
        (void)execlp("strace", "strace", "-f", "-o", trace, "-e", "trace=%file,%network", program,
                     "--verify", (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void opens_nothing_while_it_verifies(void **state)
{
    (void)state;
    char trace[] = "/tmp/stopgap-trace-XXXXXX";
    char program[4096];
    char line[4096];
    size_t n_documents = 0;
    bool is_inside = false;
    int fd = mkstemp(trace);
    assert_true(fd >= 0);
    (void)close(fd);
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
    assert_true(len > 0);
    program[len] = '\0';
    if (!run_strace(program, trace)) {
        (void)unlink(trace);
        print_message("skipped: strace is missing or may not trace here\n");
        skip();
    }
    FILE *file = fopen(trace, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strstr(line, begin) != NULL) {
            is_inside = true;
        } else if (strstr(line, end) != NULL) {
            is_inside = false;
            n_documents++;
        } else if (is_inside) {
            fail_msg("document %zu made it call: %s", n_documents, line);
        }
    }
    assert_int_equal(fclose(file), 0);
    (void)unlink(trace);
    assert_int_equal(n_documents, N_ATTACKS + 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(opens_nothing_while_it_verifies)};
    if (argc == 2 && strcmp(argv[1], "--verify") == 0)
        return verify_everything();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
