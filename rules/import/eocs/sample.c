/* A small reader of regular expressions that writes instead of searching. Groups nest as deep as
 * SAMPLE_DEPTH, so the recursion is bounded. */
#include "sample.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "stopgap/banned.h"

enum {
    SAMPLE_DEPTH = 8,      /* groups in groups; published patterns have two */
    SAMPLE_STEPS = 100000, /* of PCRE2; a sample is short */
};

struct writer {
    const char *at;
    unsigned variant;
    unsigned depth;
    struct buf *text;  /* what is written now; NULL: skip */
    struct buf *later; /* what lookaheads ask for; it goes to the end */
};

static bool write_group(struct writer *writer);

static bool put(struct writer *writer, char c)
{
    return writer->text == NULL || buf_append(writer->text, slice_make(&c, 1));
}

static char escape_sample(char c)
{
    switch (c) {
    case 'd':
        return '1';
    case 'w':
    case 'D':
    case 'S':
        return 'x';
    case 'W':
        return '-';
    case 's':
        return ' ';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

static bool write_escape(struct writer *writer)
{
    char c = writer->at[1];
    writer->at += 2;
    if (c == 'b' || c == 'B')
        return true;
    bool is_known = strchr("xfv0123456789", c) == NULL;
    return is_known && put(writer, escape_sample(c));
}

/* The first member; of a negated class a letter that hardly any names. */
static bool write_class(struct writer *writer)
{
    const char *start = writer->at + 1;
    bool is_negated = *start == '^';
    const char *end = start;
    while (*end != '\0' && (*end != ']' || end == start))
        end += *end == '\\' && end[1] != '\0' ? 2 : 1;
    if (*end == '\0')
        return false;
    char c = *start == '\\' ? escape_sample(start[1]) : *start;
    writer->at = end + 1;
    return put(writer, is_negated ? 'q' : c);
}

static bool write_atom(struct writer *writer)
{
    switch (*writer->at) {
    case '\\':
        return writer->at[1] != '\0' && write_escape(writer);
    case '[':
        return write_class(writer);
    case '(':
        return write_group(writer);
    case '^':
    case '$':
        writer->at++;
        return true;
    case '.':
        writer->at++;
        return put(writer, 'x');
    default:
        return put(writer, *writer->at++);
    }
}

/* How often the last atom is wanted at least; SIZE_MAX: no such repetition is known. */
static size_t read_repetition(struct writer *writer)
{
    size_t least = 1;
    if (*writer->at == '*' || *writer->at == '?') {
        least = 0;
        writer->at++;
    } else if (*writer->at == '+') {
        writer->at++;
    } else if (*writer->at == '{') {
        const char *end = strchr(writer->at, '}');
        uint64_t number = 0;
        struct slice text = slice_str(writer->at + 1);
        size_t digits = strspn(text.ptr, "0123456789");
        if (end == NULL || !slice_to_u64(slice_head(text, digits), &number) || number > 100)
            return SIZE_MAX;
        least = (size_t)number;
        writer->at = end + 1;
    }
    writer->at += *writer->at == '?'; /* lazy */
    return least;
}

static bool write_sequence(struct writer *writer)
{
    while (*writer->at != '\0' && *writer->at != '|' && *writer->at != ')') {
        const char *atom = writer->at;
        size_t before = writer->text != NULL ? writer->text->len : 0;
        if (!write_atom(writer))
            return false;
        const char *end = writer->at;
        size_t least = read_repetition(writer);
        if (least == SIZE_MAX)
            return false;
        if (least == 0 && writer->text != NULL && end != writer->at)
            writer->text->len = before;
        const char *next = writer->at;
        for (size_t i = 1; i < least && *atom != '('; i++) {
            writer->at = atom;
            if (!write_atom(writer))
                return false;
        }
        writer->at = next;
    }
    return true;
}

static unsigned count_alternatives(const char *at)
{
    unsigned n = 1;
    unsigned depth = 0;
    for (; *at != '\0' && (*at != ')' || depth != 0); at++) {
        if (*at == '\\' && at[1] != '\0')
            at++;
        else if (*at == '[')
            at += strcspn(at, "]") - (at[strcspn(at, "]")] == '\0');
        else if (*at == '(' || *at == ')')
            depth += *at == '(' ? 1U : -1U;
        else if (*at == '|' && depth == 0)
            n++;
    }
    return n;
}

static bool write_alternatives(struct writer *writer)
{
    unsigned wanted = writer->variant % count_alternatives(writer->at);
    struct buf *text = writer->text;
    bool done = true;
    for (unsigned i = 0; done; i++) {
        writer->text = i == wanted ? text : NULL;
        done = write_sequence(writer);
        if (*writer->at != '|')
            break;
        writer->at++;
    }
    writer->text = text;
    return done;
}

static bool write_group(struct writer *writer)
{
    struct buf *text = writer->text;
    bool is_lookahead = writer->at[1] == '?' && strchr("=!", writer->at[2]) != NULL;
    bool is_negative = is_lookahead && writer->at[2] == '!';
    if (++writer->depth > SAMPLE_DEPTH)
        return false;
    writer->at += writer->at[1] == '?' ? 3 : 1;
    if (is_lookahead && text != NULL)
        writer->text = is_negative ? NULL : writer->later;
    bool done = write_alternatives(writer) && *writer->at == ')';
    writer->at += done;
    writer->text = text;
    writer->depth--;
    return done;
}

bool sample_of_regex(const char *regex, unsigned variant, struct buf *ret_text)
{
    struct buf later;
    buf_init(&later, SAMPLE_MAX_BYTES);
    struct writer writer = {.at = regex, .variant = variant, .text = ret_text, .later = &later};
    bool done = write_alternatives(&writer) && *writer.at == '\0' &&
                buf_append(ret_text, buf_slice(&later));
    buf_done(&later);
    return done;
}

bool sample_matches(const char *pattern, bool is_sensitive, struct slice text)
{
    int error;
    PCRE2_SIZE where;
    uint32_t flags = PCRE2_DOTALL | (is_sensitive ? 0 : PCRE2_CASELESS);
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, flags, &error, &where, NULL);
    pcre2_match_data *data = code != NULL ? pcre2_match_data_create(1, NULL) : NULL;
    pcre2_match_context *context = data != NULL ? pcre2_match_context_create(NULL) : NULL;
    bool is_found = false;
    if (context != NULL && pcre2_set_match_limit(context, SAMPLE_STEPS) == 0)
        is_found = pcre2_match(code, (PCRE2_SPTR)(text.ptr != NULL ? text.ptr : ""), text.len, 0, 0,
                               data, context) >= 0;
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return is_found;
}
