/* Multipart bodies, line by line. */
#include "body/multipart.h"

#include "stopgap/limits.h"

#include "stopgap/banned.h"

enum {
    MAX_NAMES = 6,            /* name and file name, each in two notations; more is hostile */
    MAX_BOUNDARY_BYTES = 200, /* RFC 2046 allows 70, readers more */
};

/* What the head of one part says. */
struct part_head {
    struct slice names[MAX_NAMES];
    size_t n_names;
    struct slice filenames[MAX_NAMES];
    size_t n_filenames;
    uint32_t anomalies;
};

/* ---- lines */

/* Cut the next line off *rest, with its end. False: nothing is left. */
static bool next_line(struct slice *rest, struct slice *ret_line)
{
    if (rest->len == 0)
        return false;
    size_t end = slice_find(*rest, '\n');
    *ret_line = slice_head(*rest, end == SIZE_MAX ? rest->len : end + 1);
    *rest = slice_from(*rest, ret_line->len);
    return true;
}

static struct slice without_end(struct slice line)
{
    if (line.len != 0 && line.ptr[line.len - 1] == '\n')
        line.len--;
    if (line.len != 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool is_bare_lf(struct slice line)
{
    return line.len != 0 && line.ptr[line.len - 1] == '\n' &&
           (line.len == 1 || line.ptr[line.len - 2] != '\r');
}

enum delimiter { DELIMITER_NONE = 0, DELIMITER_PART, DELIMITER_LAST };

/* One way of reading a body. */
struct reading {
    struct slice boundary;
    bool is_exact;   /* a longer line is content */
    bool has_longer; /* there was one */
    uint32_t *anomalies;
};

static enum delimiter delimiter_of(struct slice line, struct reading *reading)
{
    if (!slice_starts_with(line, SLICE("--")) ||
        !slice_starts_with(slice_from(line, 2), reading->boundary))
        return DELIMITER_NONE;
    struct slice tail = without_end(slice_from(line, 2 + reading->boundary.len));
    bool is_last = slice_starts_with(tail, SLICE("--"));
    bool is_longer = (is_last ? slice_from(tail, 2) : tail).len != 0;
    /* Behind the last line there is nothing that could be content. */
    reading->has_longer = reading->has_longer || (is_longer && line.ptr[line.len - 1] == '\n');
    if (is_longer && reading->is_exact)
        return DELIMITER_NONE;
    if (slice_trim(is_last ? slice_from(tail, 2) : tail).len != 0 || is_bare_lf(line))
        *reading->anomalies |= BODY_MULTIPART_LOOSE;
    return is_last ? DELIMITER_LAST : DELIMITER_PART;
}

/* ---- the head of a part */

static void add_name(struct part_head *head, struct slice name, struct slice value)
{
    bool is_file = slice_starts_with_nocase(name, SLICE("filename"));
    size_t *n = is_file ? &head->n_filenames : &head->n_names;
    struct slice *list = is_file ? head->filenames : head->names;
    if (*n != 0)
        head->anomalies |= BODY_MULTIPART_LOOSE; /* which one counts? */
    if (*n < MAX_NAMES)
        list[(*n)++] = value;
}

static bool is_name(struct slice name)
{
    static const char *const names[] = {"name", "filename", "name*", "filename*"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_equal_nocase(name, slice_str(names[i])))
            return true;
    return false;
}

/* Without white space around it: a parameter may stand on a line of its own. */
static struct slice trim_lines(struct slice text)
{
    while (text.len != 0 && strchr(" \t\r\n", text.ptr[0]) != NULL && text.ptr[0] != '\0')
        text = slice_from(text, 1);
    while (text.len != 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL &&
           text.ptr[text.len - 1] != '\0')
        text.len--;
    return text;
}

/* The value at the beginning of *rest, which moves behind it. A quoted one ends at the first
 * quotation mark, as in ASP.NET; others take a backslash for an escape. */
static struct slice take_value(struct slice *rest, struct part_head *head)
{
    bool is_quoted = rest->len != 0 && rest->ptr[0] == '"';
    struct slice text = slice_from(*rest, is_quoted ? 1 : 0);
    size_t end = slice_find(text, is_quoted ? '"' : ';');
    struct slice value = slice_head(text, end);
    *rest = slice_from(text, end == SIZE_MAX ? text.len : end + (is_quoted ? 1 : 0));
    bool is_open = is_quoted && end == SIZE_MAX;
    if (!is_quoted || is_open || slice_find(value, '\\') != SIZE_MAX)
        head->anomalies |= BODY_MULTIPART_LOOSE;
    return is_quoted ? value : trim_lines(value);
}

static size_t find_nocase(struct slice text, const char *word)
{
    for (size_t at = 0; at + strlen(word) <= text.len; at++)
        if (slice_starts_with_nocase(slice_from(text, at), slice_str(word)))
            return at + strlen(word);
    return SIZE_MAX;
}

/* What ASP.NET takes for the name: it looks for the word behind a blank, then behind a semicolon,
 * then anywhere, in the first line of the field, also in the middle of another value. */
static bool find_as_aspnet(struct slice text, const char *const words[3], struct slice *ret_value)
{
    size_t at = SIZE_MAX;
    text = slice_head(text, slice_find(text, '\n'));
    for (int i = 0; i < 3 && at == SIZE_MAX; i++)
        at = find_nocase(text, words[i]);
    if (at == SIZE_MAX)
        return false;
    text = slice_from(text, at);
    bool is_quoted = text.len != 0 && text.ptr[0] == '"';
    text = slice_from(text, is_quoted ? 1 : 0);
    size_t end = slice_find(text, is_quoted ? '"' : ';');
    *ret_value = is_quoted ? slice_head(text, end) : trim_lines(slice_head(text, end));
    return !is_quoted || end != SIZE_MAX;
}

static void add_first(struct slice *list, size_t *n, struct slice value, uint32_t *anomalies)
{
    for (size_t i = 0; i < *n; i++)
        if (slice_equal(list[i], value))
            return;
    *anomalies |= BODY_MULTIPART_LOOSE;
    *n += *n < MAX_NAMES;
    memmove(list + 1, list, (*n - 1) * sizeof(*list));
    list[0] = value;
}

static void add_as_aspnet(struct slice text, struct part_head *head)
{
    static const char *const name_words[] = {" name=", ";name=", "name="};
    static const char *const file_words[] = {" filename=", ";filename=", "filename="};
    struct slice value;
    if (find_as_aspnet(text, name_words, &value))
        add_first(head->names, &head->n_names, value, &head->anomalies);
    if (find_as_aspnet(text, file_words, &value))
        add_first(head->filenames, &head->n_filenames, value, &head->anomalies);
}

static size_t count_names(struct slice text)
{
    size_t n = 0;
    for (size_t at = 0; at < text.len; at++)
        n += slice_starts_with_nocase(slice_from(text, at), SLICE("name=")) ||
             slice_starts_with_nocase(slice_from(text, at), SLICE("name*="));
    return n;
}

/* Content-Disposition, without its name. */
static void read_disposition(struct slice text, struct part_head *head)
{
    size_t n_found = 0;
    size_t n_seen = count_names(text);
    struct slice rest = slice_trim(text);
    if (!slice_starts_with_nocase(rest, SLICE("form-data")))
        head->anomalies |= BODY_MULTIPART_LOOSE;
    while (rest.len != 0) {
        size_t end = 0;
        while (end < rest.len && rest.ptr[end] != ';' && rest.ptr[end] != '=')
            end++;
        struct slice name = trim_lines(slice_head(rest, end));
        bool has_value = end < rest.len && rest.ptr[end] == '=';
        rest = slice_from(rest, end + 1);
        if (!has_value)
            continue;
        struct slice value = take_value(&rest, head);
        if (!is_name(name))
            continue;
        if (name.ptr[name.len - 1] == '*')
            head->anomalies |= BODY_MULTIPART_LOOSE; /* RFC 7578 4.2 forbids it */
        n_found++;
        add_name(head, name, value);
    }
    /* Some look for "name=" wherever it stands. */
    if (n_found != n_seen)
        head->anomalies |= BODY_MULTIPART_LOOSE;
    add_as_aspnet(text, head);
}

static void read_header(struct slice line, struct part_head *head)
{
    size_t colon = slice_find(line, ':');
    struct slice name = slice_trim(slice_head(line, colon));
    struct slice value = colon != SIZE_MAX ? slice_trim(slice_from(line, colon + 1)) : SLICE("");
    bool is_odd = colon == SIZE_MAX || (colon != 0 && name.len != colon);
    if (slice_equal_nocase(name, SLICE("Content-Disposition")))
        read_disposition(value, head);
    else if (slice_equal_nocase(name, SLICE("Content-Transfer-Encoding")))
        is_odd = is_odd || slice_starts_with_nocase(value, SLICE("base64")) ||
                 slice_starts_with_nocase(value, SLICE("quoted"));
    else if (slice_equal_nocase(name, SLICE("Content-Type")))
        is_odd = is_odd || slice_starts_with_nocase(value, SLICE("multipart"));
    if (is_odd)
        head->anomalies |= BODY_MULTIPART_LOOSE;
}

/* The lines up to an empty one. A line that begins with a blank belongs to the one before: it is
 * read with it and by itself. False: the text ends before. */
static bool read_head(struct slice *rest, struct part_head *head)
{
    struct slice line;
    struct slice joined = SLICE("");
    *head = (struct part_head){0};
    bool is_done = false;
    while (!is_done && next_line(rest, &line)) {
        bool is_folded = joined.len != 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
        is_done = without_end(line).len == 0;
        if (is_bare_lf(line) || is_folded)
            head->anomalies |= BODY_MULTIPART_LOOSE;
        if (is_folded) {
            joined.len += line.len;
            continue;
        }
        if (joined.len != 0)
            read_header(without_end(joined), head);
        joined = line;
    }
    if (!is_done && joined.len != 0)
        read_header(without_end(joined), head);
    return is_done;
}

/* ---- parts */

/* The content up to the next delimiter, which *ret_next then is. *rest moves behind it. */
static struct slice read_content(struct slice *rest, struct reading *reading,
                                 enum delimiter *ret_next)
{
    struct slice line;
    struct slice content = slice_head(*rest, 0);
    *ret_next = DELIMITER_NONE;
    while (next_line(rest, &line)) {
        *ret_next = delimiter_of(line, reading);
        if (*ret_next != DELIMITER_NONE)
            return without_end(content); /* the line end belongs to the delimiter */
        content.len += line.len;
    }
    return content;
}

static bool add_part(const struct part_head *head, struct slice content, struct body_values *values)
{
    values->anomalies |= head->anomalies;
    for (size_t i = 0; i < head->n_names; i++)
        if (!body_values_add(values, BODY_MULTIPART_NAME, SLICE(""), head->names[i]) ||
            !body_values_add(values, BODY_MULTIPART, head->names[i], content))
            return false;
    if (head->n_names == 0 && !body_values_add(values, BODY_MULTIPART, SLICE(""), content))
        return false;
    for (size_t i = 0; i < head->n_filenames; i++)
        if (!body_values_add(values, BODY_MULTIPART_FILENAME, SLICE(""), head->filenames[i]))
            return false;
    return true;
}

/* What is done with parts. */
struct part_sink {
    struct body_values *values;
    multipart_part_fn *on_part;
    void *ctx;
};

/* False: there is no delimiter. */
static bool read_all(struct slice rest, struct reading *reading, bool is_cut,
                     const struct part_sink *sink)
{
    struct body_values *values = sink->values;
    enum delimiter next;
    struct slice preamble = read_content(&rest, reading, &next);
    bool has_parts = next != DELIMITER_NONE;
    if (preamble.len != 0)
        values->anomalies |= BODY_MULTIPART_LOOSE; /* some readers take it for content */
    for (size_t n = 0; next == DELIMITER_PART; n++) {
        struct part_head head;
        if (n == LIMIT_MULTIPART_PARTS) {
            values->anomalies |= BODY_TOO_MANY_VALUES;
            return true;
        }
        bool has_content = read_head(&rest, &head);
        next = DELIMITER_NONE;
        struct slice content = slice_head(rest, 0);
        if (has_content)
            content = read_content(&rest, reading, &next);
        bool is_nothing = !has_content && head.n_names == 0;
        if (is_nothing || !add_part(&head, content, values))
            break;
        sink->on_part(sink->ctx, content, is_cut && next == DELIMITER_NONE);
    }
    if (next != DELIMITER_LAST && !is_cut)
        values->anomalies |= BODY_MULTIPART_INVALID;
    return has_parts;
}

bool multipart_read(struct slice text, struct slice boundary, bool is_cut,
                    struct body_values *values, multipart_part_fn *on_part, void *ctx)
{
    const struct part_sink sink = {values, on_part, ctx};
    struct reading reading = {.boundary = boundary, .anomalies = &values->anomalies};
    if (boundary.len == 0 || boundary.len > MAX_BOUNDARY_BYTES) {
        values->anomalies |= BODY_MULTIPART_INVALID;
        return false;
    }
    bool has_parts = read_all(text, &reading, is_cut, &sink);
    if (reading.has_longer && !values->is_out_of_memory) {
        uint32_t anomalies = values->anomalies;
        reading.is_exact = true;
        has_parts = read_all(text, &reading, is_cut, &sink) || has_parts;
        /* Whichever way is the server's, it may find its end. */
        values->anomalies = anomalies | (values->anomalies & BODY_TOO_MANY_VALUES);
    }
    return has_parts;
}

struct slice multipart_guess_boundary(struct slice text)
{
    struct slice line;
    if (!slice_starts_with(text, SLICE("--")) || !next_line(&text, &line))
        return slice_make(NULL, 0);
    line = slice_trim(slice_from(without_end(line), 2));
    return line.len <= MAX_BOUNDARY_BYTES ? line : slice_make(NULL, 0);
}
