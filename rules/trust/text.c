/* The line grammar: order of fields, number of words, and the words' own forms. */
#include "text.h"

#include "stopgap/banned.h"

struct reader {
    const struct text_grammar *grammar;
    size_t next; /* the first field that may still come */
    void *ctx;
};

static bool is_printable(struct slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.ptr[i] < 0x20 || line.ptr[i] > 0x7e)
            return false;
    return true;
}

/* Number of words, or 0 when a space is doubled, leading or trailing or there are too many. */
static size_t split_words(struct slice line, struct slice words[TEXT_MAX_WORDS])
{
    size_t n = 0;
    for (;;) {
        size_t at = slice_find(line, ' ');
        struct slice word = at == SIZE_MAX ? line : slice_head(line, at);
        if (word.len == 0 || n == TEXT_MAX_WORDS)
            return 0;
        words[n++] = word;
        if (at == SIZE_MAX)
            return n;
        line = slice_from(line, at + 1);
    }
}

static size_t find_field(const struct text_grammar *grammar, struct slice word)
{
    for (size_t i = 0; i < grammar->n_fields; i++)
        if (slice_equal(word, slice_str(grammar->fields[i].word)))
            return i;
    return SIZE_MAX;
}

/* The first required field in [from, to) is missing, or NULL. */
static const char *find_missing(const struct text_grammar *grammar, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (grammar->fields[i].use == TEXT_ONCE)
            return grammar->fields[i].word;
    return NULL;
}

static bool check_place(const struct reader *reader, size_t index, struct err *err)
{
    const struct text_grammar *grammar = reader->grammar;
    if (index < reader->next)
        return err_set(err, ERR_SYNTAX, grammar->syntax_code,
                       "the %s's field '%s' comes twice or too late", grammar->what,
                       grammar->fields[index].word);
    const char *missing = find_missing(grammar, reader->next, index);
    if (missing != NULL)
        return err_set(err, ERR_SYNTAX, grammar->syntax_code,
                       "the %s's field '%s' is missing before '%s'", grammar->what, missing,
                       grammar->fields[index].word);
    return true;
}

/* The field that this line holds, or SIZE_MAX with err. */
static size_t identify(const struct reader *reader, struct slice word, struct err *err)
{
    const struct text_grammar *grammar = reader->grammar;
    size_t index = find_field(grammar, word);
    if (reader->next == 0 && index != 0)
        (void)err_set(err, ERR_SYNTAX, grammar->syntax_code,
                      "this is not a %s: its first line must be '%s 1'", grammar->what,
                      grammar->fields[0].word);
    else if (index != SIZE_MAX)
        return index;
    else if (word.len == 0)
        (void)err_set(err, ERR_SYNTAX, grammar->syntax_code,
                      "a line of the %s is empty or starts with a space", grammar->what);
    else
        (void)err_set(err, ERR_SYNTAX, grammar->unknown_code,
                      "the %s has a field '" SLICE_FMT
                      "' that this version does not know; a newer stopgap may",
                      grammar->what, SLICE_ARG(slice_head(word, 40)));
    return SIZE_MAX;
}

static bool read_line(struct reader *reader, struct slice line, struct err *err)
{
    const struct text_grammar *grammar = reader->grammar;
    if (!is_printable(line))
        return err_set(err, ERR_SYNTAX, grammar->syntax_code,
                       "a %s has only the bytes 0x20..0x7e and line feeds", grammar->what);
    if (reader->next > 1 && grammar->has_extensions && slice_starts_with(line, SLICE("x-")))
        return true;
    size_t index = identify(reader, slice_head(line, slice_find(line, ' ')), err);
    if (index == SIZE_MAX)
        return false;
    struct slice words[TEXT_MAX_WORDS];
    if (split_words(line, words) != grammar->fields[index].n_words)
        return err_set(err, ERR_SYNTAX, grammar->syntax_code,
                       "the %s's field '%s' takes %zu words with one space between them",
                       grammar->what, grammar->fields[index].word,
                       grammar->fields[index].n_words - 1);
    if (!check_place(reader, index, err))
        return false;
    reader->next = grammar->fields[index].use == TEXT_REPEATED ? index : index + 1;
    return grammar->fields[index].read(reader->ctx, words, err);
}

bool text_parse(const struct text_grammar *grammar, struct slice text, void *ctx, struct err *err)
{
    struct reader reader = {.grammar = grammar, .ctx = ctx};
    unsigned line_number = 0;
    while (text.len != 0) {
        line_number++;
        size_t at = slice_find(text, '\n');
        if (at == SIZE_MAX) {
            (void)err_set(err, ERR_SYNTAX, grammar->syntax_code,
                          "the last line of the %s has no line feed", grammar->what);
            return err_at(err, grammar->what, line_number, 0);
        }
        if (!read_line(&reader, slice_head(text, at), err))
            return err_at(err, grammar->what, line_number, 0);
        text = slice_from(text, at + 1);
    }
    const char *missing = find_missing(grammar, reader.next, grammar->n_fields);
    if (missing == NULL)
        return true;
    (void)err_set(err, ERR_SYNTAX, grammar->syntax_code, "the %s ends before its field '%s'",
                  grammar->what, missing);
    return err_at(err, grammar->what, line_number, 0);
}

bool text_size(struct slice word, uint64_t *ret_size)
{
    uint64_t value;
    if (!slice_to_u64(word, &value) || value > TEXT_NUMBER_MAX ||
        (word.len > 1 && word.ptr[0] == '0'))
        return false;
    *ret_size = value;
    return true;
}

bool text_number(struct slice word, uint64_t *ret_number)
{
    uint64_t value;
    if (!text_size(word, &value) || value == 0)
        return false;
    *ret_number = value;
    return true;
}

bool text_is_hash(struct slice word)
{
    if (word.len != TEXT_HASH_CHARS)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
    }
    return true;
}

bool text_is_name(struct slice word)
{
    if (word.len == 0 || word.len > TEXT_NAME_MAX || word.ptr[0] == '.' || word.ptr[0] == '-')
        return false;
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

int text_compare(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len != 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    if (order == 0 && a.len != b.len)
        order = a.len < b.len ? -1 : 1;
    return order;
}

bool text_version(struct slice word, unsigned ret_version[3])
{
    unsigned version[3] = {0};
    size_t n = 0;
    struct slice part;
    while (slice_next(&word, '.', &part)) {
        uint64_t value;
        if (n == 3 || !text_size(part, &value) || value > UINT16_MAX)
            return false;
        version[n++] = (unsigned)value;
    }
    if (n < 2)
        return false;
    memcpy(ret_version, version, sizeof(version));
    return true;
}

int text_version_compare(const unsigned a[3], const unsigned b[3])
{
    for (size_t i = 0; i < 3; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}
