/* Words of a shell command, without a shell. */
#include "cli/curl.h"

#include "cli/explain.h"

#include "stopgap/banned.h"

struct splitter {
    struct slice text;
    size_t at;
    struct buf *out;
    struct err *err;
};

static bool fail(const struct splitter *splitter, const char *what)
{
    return err_set(splitter->err, ERR_USAGE, "E_CURL", "the command at byte %zu: %s", splitter->at,
                   what);
}

static bool put(struct splitter *splitter, char c)
{
    return buf_append(splitter->out, slice_make(&c, 1)) || fail(splitter, "it is too long");
}

static bool is_at_end(const struct splitter *splitter)
{
    return splitter->at >= splitter->text.len;
}

static char next(struct splitter *splitter)
{
    return splitter->text.ptr[splitter->at++];
}

static bool single_quoted(struct splitter *splitter)
{
    while (!is_at_end(splitter)) {
        char c = next(splitter);
        if (c == '\'')
            return true;
        if (!put(splitter, c))
            return false;
    }
    return fail(splitter, "a ' is not closed");
}

static bool double_quoted(struct splitter *splitter)
{
    while (!is_at_end(splitter)) {
        char c = next(splitter);
        if (c == '"')
            return true;
        if (c == '$' || c == '`')
            return fail(splitter, "$ and ` in \"..\" need a shell; write '..'");
        if (c == '\\' && !is_at_end(splitter)) {
            char escaped = next(splitter);
            if (escaped == '\n')
                continue;
            if (strchr("$`\"\\", escaped) == NULL && !put(splitter, c))
                return false;
            c = escaped;
        }
        if (!put(splitter, c))
            return false;
    }
    return fail(splitter, "a \" is not closed");
}

/* Up to max digits of this base; SIZE_MAX: there is none. */
static size_t digits(struct splitter *splitter, unsigned base, unsigned max)
{
    size_t value = 0;
    unsigned n = 0;
    for (; n < max && !is_at_end(splitter); n++) {
        char c = ascii_lower(splitter->text.ptr[splitter->at]);
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                                : 16;
        if (digit >= base)
            break;
        value = value * base + digit;
        splitter->at++;
    }
    return n != 0 ? value : SIZE_MAX;
}

static bool put_utf8(struct splitter *splitter, size_t code)
{
    if (code < 0x80)
        return put(splitter, (char)code);
    if (code < 0x800)
        return put(splitter, (char)(0xc0 | code >> 6)) && put(splitter, (char)(0x80 | (code & 63)));
    if (code < 0x10000)
        return put(splitter, (char)(0xe0 | code >> 12)) &&
               put(splitter, (char)(0x80 | (code >> 6 & 63))) &&
               put(splitter, (char)(0x80 | (code & 63)));
    return put(splitter, (char)(0xf0 | (code >> 18 & 7))) &&
           put(splitter, (char)(0x80 | (code >> 12 & 63))) &&
           put(splitter, (char)(0x80 | (code >> 6 & 63))) &&
           put(splitter, (char)(0x80 | (code & 63)));
}

/* Behind the backslash of $'..', which browsers write around line ends and quotes. */
static bool ansi_escape(struct splitter *splitter)
{
    static const char names[] = "abefnrtv\\'\"?E";
    static const char bytes[] = "\a\b\x1b\f\n\r\t\v\\'\"?\x1b";
    if (is_at_end(splitter))
        return fail(splitter, "a $' is not closed");
    char c = next(splitter);
    size_t value = SIZE_MAX;
    if (c == 'x') {
        value = digits(splitter, 16, 2);
    } else if (c == 'u' || c == 'U') {
        value = digits(splitter, 16, c == 'u' ? 4 : 8);
        if (value <= 0x10ffff)
            return put_utf8(splitter, value);
        return fail(splitter, "\\u wants the number of a character");
    } else if (c >= '0' && c <= '7') {
        splitter->at--;
        value = digits(splitter, 8, 3);
    }
    if (value != SIZE_MAX)
        return put(splitter, (char)value);
    const char *name = strchr(names, c);
    if (name != NULL && c != '\0')
        return put(splitter, bytes[name - names]);
    return fail(splitter, "this escape is not known in $'..'");
}

static bool ansi_quoted(struct splitter *splitter)
{
    while (!is_at_end(splitter)) {
        char c = next(splitter);
        if (c == '\'')
            return true;
        if (c == '\\' ? !ansi_escape(splitter) : !put(splitter, c))
            return false;
    }
    return fail(splitter, "a $' is not closed");
}

static bool unquoted(struct splitter *splitter, char c)
{
    if (c == '\'')
        return single_quoted(splitter);
    if (c == '"')
        return double_quoted(splitter);
    if (c == '^' && !is_at_end(splitter) && splitter->text.ptr[splitter->at] == '"')
        return fail(splitter, "this is a command of Windows; copy it as cURL (bash)");
    if (c == '$' && !is_at_end(splitter) && splitter->text.ptr[splitter->at] == '\'') {
        splitter->at++;
        return ansi_quoted(splitter);
    }
    if (c == '\\')
        return is_at_end(splitter) || put(splitter, next(splitter));
    if (c == '\0' || strchr("$`|;<>()", c) != NULL)
        return fail(splitter, "$ ` | ; < > ( ) need a shell; put the text into '..'");
    return put(splitter, c);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A backslash in front of a line end joins two lines. */
static bool skip_blanks(struct splitter *splitter)
{
    for (; !is_at_end(splitter); splitter->at++) {
        struct slice rest = slice_from(splitter->text, splitter->at);
        if (slice_starts_with(rest, SLICE("\\\r\n")))
            splitter->at += 2;
        else if (slice_starts_with(rest, SLICE("\\\n")))
            splitter->at++;
        else if (!is_blank(rest.ptr[0]))
            break;
    }
    return !is_at_end(splitter);
}

static bool word(struct splitter *splitter)
{
    while (!is_at_end(splitter) && !is_blank(splitter->text.ptr[splitter->at])) {
        struct slice rest = slice_from(splitter->text, splitter->at);
        if (slice_starts_with(rest, SLICE("\\\n")) || slice_starts_with(rest, SLICE("\\\r\n"))) {
            splitter->at += rest.ptr[1] == '\n' ? 2 : 3;
            continue;
        }
        if (!unquoted(splitter, next(splitter)))
            return false;
    }
    return true;
}

bool curl_words_read(struct curl_words *words, struct slice text, struct err *err)
{
    struct splitter splitter = {.text = text, .out = &words->memory, .err = err};
    words->n = 0;
    /* A \u of six bytes gives three at most, so words are never longer than their text. */
    buf_init(&words->memory, text.len + 1);
    if (text.len > EXPLAIN_MAX_INPUT)
        return fail(&splitter, "it is too long");
    if (!buf_reserve(&words->memory, text.len + 1)) /* so that the words stay where they are */
        return err_set(err, ERR_MEMORY, "E_MEMORY", "out of memory");
    while (skip_blanks(&splitter)) {
        size_t start = words->memory.len;
        if (words->n == CURL_MAX_WORDS)
            return fail(&splitter, "it has too many words");
        if (!word(&splitter))
            return false;
        words->items[words->n++] = slice_make(words->memory.ptr + start, words->memory.len - start);
    }
    return true;
}

void curl_words_done(struct curl_words *words)
{
    buf_done(&words->memory);
}
