/* Findings: the table of codes, and collecting them. */
#include "lint/private.h"

#include <stdarg.h>
#include <stdlib.h>

#include "stopgap/banned.h"

enum {
    MAX_FINDINGS = 100000, /* 6000 rules with a dozen each; what comes after them is dropped */
    MAX_TEXT = 1024,
};

static const struct code {
    const char *word;
    enum lint_severity severity;
    const char *remedy;
} codes[LINT_CODE_COUNT] = {
    [LINT_ALLOW_UNKNOWN] = {"allow_unknown", LINT_WARNING,
                            "write '# lint: allow CODE, reason'; rules/README.md lists the codes"},
    [LINT_ALLOW_UNUSED] = {"allow_unused", LINT_WARNING, "remove the comment"},
    [LINT_MUST_PASS_FEW] = {"must_pass_few", LINT_ERROR,
                            "add requests of real clients that come close to the attack"},
    [LINT_NO_REFERENCE] = {"no_reference", LINT_ERROR,
                           "add the page that says why under 'references'"},
    [LINT_NO_CVE] = {"no_cve", LINT_WARNING, "name the CVE of the hole, or leave 'applies_to' out"},
    [LINT_CVE_UNLISTED] = {"cve_unlisted", LINT_WARNING, "add it to 'cve'"},
    [LINT_NO_BUILDS] = {"no_builds", LINT_WARNING,
                        "add 'applies_to' with the fixed builds, so that the rule goes when "
                        "every server has the fix"},
    [LINT_BUILDS_INVERTED] = {"builds_inverted", LINT_ERROR,
                              "'before' is the first build with the fix, 'from' the first "
                              "without"},
    [LINT_BUILDS_OVERLAP] = {"builds_overlap", LINT_WARNING,
                             "join the ranges, or correct the border that is wrong"},
    [LINT_BUILD_UNKNOWN] = {"build_unknown", LINT_WARNING,
                            "compare with Microsoft's list of build numbers"},
    [LINT_SIDE_EFFECTS_EMPTY] = {"side_effects_empty", LINT_WARNING,
                                 "say what stops working, or 'none known'"},
    [LINT_DUPLICATE_ID] = {"duplicate_id", LINT_ERROR, "give one of them another id, or remove it"},
    [LINT_DUPLICATE_WHEN] = {"duplicate_when", LINT_WARNING,
                             "make one rule of them, with both CVEs"},
    [LINT_SUPERSEDED_UNKNOWN] = {"superseded_unknown", LINT_ERROR,
                                 "correct 'superseded_by' or add that rule"},
    [LINT_SUPERSEDED_IDLE] = {"superseded_idle", LINT_WARNING,
                              "name a rule that enforces, or let this one do it"},
    [LINT_SUPERSEDED_ENFORCED] = {"superseded_enforced", LINT_WARNING,
                                  "set 'mode: detect', or leave 'superseded_by' out"},
    [LINT_NEVER_TRUE] = {"never_true", LINT_ERROR, "correct the condition; samples show it"},
    [LINT_ALWAYS_TRUE] = {"always_true", LINT_ERROR, "add what tells the attack from traffic"},
    [LINT_DEAD_PART] = {"dead_part", LINT_WARNING, "correct or remove it"},
    [LINT_TOO_GENERAL] = {"too_general", LINT_WARNING,
                          "add a test that says what is wrong with the request"},
    [LINT_UNANCHORED] = {"unanchored", LINT_WARNING,
                         "anchor it with ^ or $, or name more of the text around it"},
    [LINT_UNANCHORED_NOT] = {"unanchored_not", LINT_WARNING,
                             "begin each alternative with ^ and end it with $"},
    [LINT_NESTED_REPEAT] = {"nested_repeat", LINT_ERROR,
                            "let each round begin with a text that cannot be in the inner repeat, "
                            "or make it possessive"},
    [LINT_UNBOUNDED_REPEAT] = {"unbounded_repeat", LINT_WARNING,
                               "write a class that ends where the text does, such as [^/]*, or a "
                               "bound such as .{0,64}"},
    [LINT_LARGE_REPEAT] = {"large_repeat", LINT_WARNING, "use a smaller bound, or none"},
    [LINT_NO_LITERAL] = {"no_literal", LINT_WARNING,
                         "add three bytes or more that the text must have"},
    [LINT_UNGUARDED] = {"unguarded", LINT_WARNING,
                        "add a positive test with a text that ordinary requests do not have"},
    [LINT_WEAK_GUARD] = {"weak_guard", LINT_WARNING,
                         "add a positive test with a longer text that an attack cannot do "
                         "without"},
    [LINT_ENCODED_OPERAND] = {"encoded_operand", LINT_WARNING,
                              "write the decoded character, which the decoded views show for "
                              "every encoding; for the encoding itself test 'anomaly'"},
    [LINT_RAW_ONLY] = {"raw_only", LINT_WARNING, "write the canonical form, or test 'anomaly'"},
    [LINT_UNDECODED_INPUT] = {"undecoded_input", LINT_WARNING,
                              "use {UrlDecode:...}, or the field 'path', 'query' or 'arg'"},
    [LINT_CASE_SENSITIVE] = {"case_sensitive", LINT_WARNING, "leave 'case' or '(?-i)' out"},
};

/* ---- adding */

static void fail_memory(struct lint *lint)
{
    (void)err_set(lint->err, ERR_MEMORY, "E_MEMORY", "out of memory");
    lint->is_failed = true;
}

static struct lint_finding *next_finding(struct lint_report *report)
{
    if (report->n == report->capacity) {
        size_t capacity = report->capacity != 0 ? report->capacity * 2 : 64;
        struct lint_finding *items = reallocarray(report->items, capacity, sizeof(*items));
        if (items == NULL)
            return NULL;
        report->items = items;
        report->capacity = capacity;
    }
    return &report->items[report->n];
}

/* Takes what it is given; the texts are copied. */
static void add(struct lint *lint, struct lint_finding finding)
{
    struct lint_report *report = lint->report;
    if (report->n == MAX_FINDINGS)
        return;
    struct lint_finding *item = next_finding(report);
    finding.file = strdup(finding.file);
    finding.rule_id = strdup(finding.rule_id);
    finding.text = strdup(finding.text);
    if (item == NULL || finding.file == NULL || finding.rule_id == NULL || finding.text == NULL) {
        free(finding.file);
        free(finding.rule_id);
        free(finding.text);
        fail_memory(lint);
        return;
    }
    *item = finding;
    report->n++;
    report->n_errors += finding.severity == LINT_ERROR;
}

void lint_add(struct lint *lint, struct lint_rule *item, unsigned line, enum lint_code code,
              const char *format, ...)
{
    char text[MAX_TEXT];
    va_list args;
    uint64_t bit = (uint64_t)1 << code;
    item->used |= bit;
    if ((item->allowed & bit) != 0)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    struct lint_finding finding = {.severity = codes[code].severity,
                                   .remedy = codes[code].remedy,
                                   .file = item->rule->file,
                                   .line = line,
                                   .rule_id = item->rule->id,
                                   .text = text};
    (void)snprintf(finding.code, sizeof(finding.code), "%s", codes[code].word);
    add(lint, finding);
}

void lint_add_err(struct lint *lint, const char *rule_id, const struct err *err)
{
    char file[sizeof(err->file)];
    char id[MITIGATION_ID_BYTES];
    char text[sizeof(err->text)];
    memcpy(file, err->file, sizeof(file));
    memcpy(text, err->text, sizeof(text));
    (void)snprintf(id, sizeof(id), "%s", rule_id);
    struct lint_finding finding = {.severity = LINT_ERROR,
                                   .remedy = "",
                                   .file = file,
                                   .line = err->line,
                                   .rule_id = id,
                                   .text = text};
    (void)snprintf(finding.code, sizeof(finding.code), "%s", err->code);
    add(lint, finding);
}

/* ---- comments that allow */

static size_t find_code(struct slice word)
{
    size_t code = 0;
    while (code < LINT_CODE_COUNT && !slice_equal(word, slice_str(codes[code].word)))
        code++;
    return code;
}

static void read_allow_line(struct lint *lint, struct lint_rule *item, struct slice rest,
                            unsigned line)
{
    size_t comma = slice_find(rest, ',');
    struct slice word = slice_trim(slice_head(rest, comma));
    size_t code = find_code(word);
    bool has_reason = comma != SIZE_MAX && slice_trim(slice_from(rest, comma + 1)).len != 0;
    if (code == LINT_CODE_COUNT) {
        lint_add(lint, item, line, LINT_ALLOW_UNKNOWN, "'%.*s' is no code of a finding",
                 SLICE_ARG(slice_head(word, sizeof(codes[0].word) * 4)));
        return;
    }
    if (!has_reason)
        lint_add(lint, item, line, LINT_ALLOW_UNKNOWN, "'%s' is allowed without a reason",
                 codes[code].word);
    item->allowed |= (uint64_t)1 << code;
    item->allow_lines[code] = line;
}

void lint_read_allowed(struct lint *lint, struct lint_rule *item, struct slice text)
{
    static const char mark[] = "# lint: allow ";
    for (unsigned line = 1; text.len != 0; line++) {
        size_t end = slice_find(text, '\n');
        struct slice here = slice_trim(slice_head(text, end));
        if (slice_starts_with(here, slice_str(mark)))
            read_allow_line(lint, item, slice_from(here, sizeof(mark) - 1), line);
        text = slice_from(text, end == SIZE_MAX ? text.len : end + 1);
    }
}

void lint_check_allowed(struct lint *lint, struct lint_rule *item)
{
    uint64_t idle = item->allowed & ~item->used;
    for (unsigned code = 0; code < LINT_CODE_COUNT; code++)
        if ((idle >> code & 1) != 0)
            lint_add(lint, item, item->allow_lines[code], LINT_ALLOW_UNUSED,
                     "'%s' is allowed, but nothing is found", codes[code].word);
}

/* ---- the report */

static int compare(const void *a, const void *b)
{
    const struct lint_finding *left = a;
    const struct lint_finding *right = b;
    int order = strcmp(left->file, right->file);
    if (order != 0)
        return order;
    if (left->line != right->line)
        return left->line < right->line ? -1 : 1;
    return strcmp(left->code, right->code);
}

void lint_report_sort(struct lint_report *report)
{
    if (report->n != 0)
        qsort(report->items, report->n, sizeof(*report->items), compare);
}

void lint_report_done(struct lint_report *report)
{
    for (size_t i = 0; i < report->n; i++) {
        free(report->items[i].file);
        free(report->items[i].rule_id);
        free(report->items[i].text);
    }
    free(report->items);
    *report = (struct lint_report){0};
}
