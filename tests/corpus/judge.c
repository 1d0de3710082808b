/* Judge requests by the rules alone, without a network: what a set says of each line of its input.
 *
 *   corpus-judge [--rules DIRECTORY] [--enable-rule ID]... [--blocked] < requests.jsonl
 *
 * Input: one JSON object a line with id, method, target, headers ([[name, value]...]) and body_b64;
 * their texts stand for bytes in latin-1, as in this folder's corpora. Output: a line for each
 * request: its id, what is done ("pass", "block", "abort"), and the rules that matched, those that
 * only detect in brackets; with --blocked only for those that do not pass. The last line on the
 * standard error counts. Checks of the HTTP layer are not made here, tests/corpus/check.py makes
 * them.
 *
 * Exit status: 0 judged, 1 a line or the set could not be read, 2 usage. */
#include <jansson.h>
#include <stdlib.h>

#include "stopgap/base64.h"
#include "stopgap/ruleset.h"

#include "stopgap/banned.h"

enum {
    MAX_FIELDS = 200,
    MAX_ENABLED = 32,
    ARENA_FIRST_BYTES = 256 * 1024, /* several heads; more comes from malloc */
};

/* A request and the memory of its texts, which the slices point into. */
struct row {
    const char *id;
    struct request_head head;
    struct header_field fields[MAX_FIELDS];
    struct slice body;
    char *owned[2 * MAX_FIELDS + 3];
    size_t n_owned;
};

struct counts {
    unsigned long n_pass, n_stopped;
};

static char *own(struct row *row, size_t size)
{
    char *memory = malloc(size);
    row->owned[row->n_owned++] = memory;
    return memory;
}

/* The bytes that a text of the corpus stands for: one for each code point. */
static struct slice latin1(struct row *row, const json_t *text)
{
    const char *utf8 = json_string_value(text);
    size_t length = json_string_length(text);
    char *out = own(row, length + 1);
    size_t n = 0;
    for (size_t i = 0; out != NULL && i < length; i++) {
        unsigned char c = (unsigned char)utf8[i];
        if (c >= 0x80 && i + 1 < length)
            c = (unsigned char)(((c & 3) << 6) | ((unsigned char)utf8[++i] & 0x3f));
        out[n++] = (char)c;
    }
    return slice_make(out, n);
}

static void row_free(struct row *row)
{
    while (row->n_owned != 0)
        free(row->owned[--row->n_owned]);
}

static bool read_body(const json_t *line, struct row *row)
{
    const json_t *coded = json_object_get(line, "body_b64");
    struct slice text = slice_make(json_string_value(coded), json_string_length(coded));
    if (text.len == 0)
        return true;
    char *body = own(row, base64_decoded_max(text.len) + 1);
    row->body = slice_make(body, 0);
    return body != NULL && base64_decode(text, body, &row->body.len);
}

/* False when line is no request. The row is to be freed in either case. */
static bool read_row(const json_t *line, struct row *row)
{
    const json_t *headers = json_object_get(line, "headers");
    *row = (struct row){.id = json_string_value(json_object_get(line, "id"))};
    row->head = (struct request_head){
        .method = latin1(row, json_object_get(line, "method")),
        .target = latin1(row, json_object_get(line, "target")),
        .fields = row->fields,
        .client = {.bytes = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1}},
    };
    size_t n = json_array_size(headers);
    for (size_t i = 0; i < n && row->head.n_fields < MAX_FIELDS; i++) {
        const json_t *pair = json_array_get(headers, i);
        struct header_field *field = &row->fields[row->head.n_fields++];
        *field = (struct header_field){latin1(row, json_array_get(pair, 0)),
                                       latin1(row, json_array_get(pair, 1))};
        field->value = slice_trim(field->value);
        if (slice_equal_nocase(field->name, SLICE("Host")))
            row->head.host = field->value;
    }
    bool is_read = read_body(line, row);
    row->head.has_body = row->body.len != 0;
    return is_read && row->id != NULL && row->head.method.len != 0 && n <= MAX_FIELDS;
}

static const char *word(const struct verdict *verdict)
{
    if (verdict->scan_failed)
        return "failed";
    if (verdict->action == VERDICT_BLOCK)
        return "block";
    return verdict->action == VERDICT_ABORT ? "abort" : "pass";
}

static void show(const char *id, const struct verdict *verdict)
{
    (void)printf("%s\t%s\t", id, word(verdict));
    for (unsigned i = 0; i < verdict->n_hits; i++) {
        const struct rule_hit *hit = &verdict->hits[i];
        (void)printf("%s%s%.*s%s", i != 0 ? " " : "", hit->is_enforced ? "" : "[",
                     SLICE_ARG(hit->rule_id), hit->is_enforced ? "" : "]");
    }
    (void)putchar('\n');
}

static void judge(struct lease *lease, const struct row *row, bool only_stopped,
                  struct counts *counts)
{
    static char memory[ARENA_FIRST_BYTES] __attribute__((aligned(16)));
    struct arena arena;
    struct inspection *inspection = NULL;
    arena_init(&arena, memory, sizeof(memory), LIMIT_ARENA_BYTES);
    struct verdict verdict = rules_check_head(lease, &row->head, RULES_BLOCK, &arena, &inspection);
    if (verdict.action == VERDICT_NEED_BODY) {
        size_t window = rules_body_window(inspection);
        verdict = rules_check_body(inspection, slice_head(row->body, window), true);
    }
    bool is_stopped = verdict.scan_failed || verdict.action != VERDICT_PASS;
    *(is_stopped ? &counts->n_stopped : &counts->n_pass) += 1;
    if (is_stopped || !only_stopped)
        show(row->id, &verdict);
    rules_end(inspection);
    arena_done(&arena);
}

static bool judge_all(struct lease *lease, bool only_stopped)
{
    struct counts counts = {0};
    struct row row;
    char *text = NULL;
    size_t size = 0;
    bool is_read = true;
    ssize_t length;
    while (is_read && (length = getline(&text, &size, stdin)) > 0) {
        json_t *line = json_loadb(text, (size_t)length, 0, NULL);
        is_read = read_row(line, &row);
        if (is_read)
            judge(lease, &row, only_stopped, &counts);
        else
            (void)fprintf(stderr, "corpus-judge: no request: %.200s\n", text);
        row_free(&row);
        json_decref(line);
    }
    free(text);
    (void)fprintf(stderr, "%lu requests: %lu pass, %lu stopped\n", counts.n_pass + counts.n_stopped,
                  counts.n_pass, counts.n_stopped);
    return is_read;
}

int main(int argc, char **argv)
{
    const char *directory = NULL;
    bool only_stopped = false;
    const char *enabled[MAX_ENABLED];
    struct rules_changes changes = {.enabled = enabled};
    for (int i = 1; i < argc; i++) {
        if (slice_equal(slice_str(argv[i]), SLICE("--blocked"))) {
            only_stopped = true;
        } else if (slice_equal(slice_str(argv[i]), SLICE("--rules")) && i + 1 < argc) {
            directory = argv[++i];
        } else if (slice_equal(slice_str(argv[i]), SLICE("--enable-rule")) && i + 1 < argc &&
                   changes.n_enabled < MAX_ENABLED) {
            enabled[changes.n_enabled++] = argv[++i];
        } else {
            (void)fputs("usage: corpus-judge [--rules DIRECTORY] [--enable-rule ID]... [--blocked] "
                        "< requests.jsonl\n",
                        stderr);
            return 2;
        }
    }
    struct rules_source source = {.use_builtin = directory == NULL,
                                  .directories = &directory,
                                  .n_directories = directory != NULL,
                                  .changes = &changes};
    struct err err = {0};
    struct ruleset *set = rules_load(&source, &err);
    struct lease *lease = set != NULL ? lease_new(set, &err) : NULL;
    bool is_done = lease != NULL && judge_all(lease, only_stopped);
    if (lease == NULL)
        (void)fprintf(stderr, "corpus-judge: %s: %s: %s\n", err.file, err.code, err.text);
    lease_free(lease);
    ruleset_unref(set);
    return is_done ? 0 : 1;
}
