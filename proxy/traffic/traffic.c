/* Collecting requests, and finding out what a file holds. */
#include "traffic/traffic.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>

#include "stopgap/banned.h"

static const char default_host[] = "mail.example.com";

void traffic_init(struct traffic *traffic)
{
    *traffic = (struct traffic){0};
    buf_init(&traffic->bytes, TRAFFIC_MAX_BYTES);
}

void traffic_done(struct traffic *traffic)
{
    buf_done(&traffic->bytes);
    free(traffic->ends);
    traffic_init(traffic);
}

struct slice traffic_request(const struct traffic *traffic, size_t index)
{
    size_t start = index != 0 ? traffic->ends[index - 1] : 0;
    return slice_make(traffic->bytes.ptr + start, traffic->ends[index] - start);
}

/* ---- one request */

/* Bytes that would end a line or a field are left out, as no client can send them. */
static bool append_clean(struct buf *out, struct slice text)
{
    while (text.len != 0) {
        size_t end = 0;
        while (end < text.len && text.ptr[end] != '\r' && text.ptr[end] != '\n' &&
               text.ptr[end] != '\0')
            end++;
        if (!buf_append(out, slice_head(text, end)))
            return false;
        text = slice_from(text, end + 1);
    }
    return true;
}

static bool append_field(struct buf *out, struct slice name, struct slice value)
{
    return append_clean(out, name) && buf_append(out, SLICE(": ")) && append_clean(out, value) &&
           buf_append(out, SLICE("\r\n"));
}

static bool is_framing(struct slice name)
{
    return slice_equal_nocase(name, SLICE("Content-Length")) ||
           slice_equal_nocase(name, SLICE("Transfer-Encoding"));
}

static bool append_fields(struct buf *out, const struct traffic_parts *parts)
{
    bool has_host = false;
    bool fits = true;
    for (size_t i = 0; i < parts->n_fields && fits; i++) {
        const struct header_field *field = &parts->fields[i];
        bool is_pseudo = field->name.len != 0 && field->name.ptr[0] == ':'; /* HTTP/2 in a HAR */
        has_host = has_host || slice_equal_nocase(field->name, SLICE("Host"));
        if (!is_pseudo && field->name.len != 0 && (parts->is_framed || !is_framing(field->name)))
            fits = append_field(out, field->name, field->value);
    }
    if (fits && !has_host)
        fits = append_field(out, SLICE("Host"), slice_str(default_host));
    if (fits && parts->body.len != 0 && !parts->is_framed)
        fits = buf_printf(out, "Content-Length: %zu\r\n", parts->body.len);
    return fits && buf_append(out, SLICE("\r\n")) && buf_append(out, parts->body);
}

static bool grow(struct traffic *traffic)
{
    if (traffic->n != traffic->capacity)
        return true;
    size_t capacity = traffic->capacity != 0 ? traffic->capacity * 2 : 256;
    size_t *ends = reallocarray(traffic->ends, capacity, sizeof(*ends));
    if (ends == NULL)
        return false;
    traffic->ends = ends;
    traffic->capacity = capacity;
    return true;
}

bool traffic_add(struct traffic *traffic, const struct traffic_parts *parts, struct err *err)
{
    struct buf *out = &traffic->bytes;
    size_t start = out->len;
    if (traffic->n == TRAFFIC_MAX_REQUESTS)
        return err_set(err, ERR_LIMIT, "E_TRAFFIC", "more than %d requests; give a part of them",
                       (int)TRAFFIC_MAX_REQUESTS);
    bool fits = grow(traffic) && append_clean(out, parts->method) && buf_append(out, SLICE(" ")) &&
                append_clean(out, parts->target) && buf_append(out, SLICE(" HTTP/1.1\r\n")) &&
                append_fields(out, parts);
    if (!fits) {
        out->len = start;
        return err_set(err, ERR_LIMIT, "E_TRAFFIC",
                       "no memory for the requests, or more than %d bytes; give a part of them",
                       (int)TRAFFIC_MAX_BYTES);
    }
    traffic->ends[traffic->n++] = out->len;
    return true;
}

/* ---- formats */

/* Between quotes: a target may have one, too, but then nothing closes it behind the version. */
static bool has_quoted_request(struct slice line)
{
    size_t quote = slice_find(line, '"');
    struct slice rest = slice_from(line, quote == SIZE_MAX ? line.len : quote);
    const char *version = rest.len != 0 ? memmem(rest.ptr, rest.len, " HTTP/", 6) : NULL;
    return version != NULL &&
           slice_find(slice_from(rest, (size_t)(version - rest.ptr)), '"') != SIZE_MAX;
}

bool traffic_parse(struct traffic *traffic, struct slice text, const char *name, struct err *err)
{
    while (text.len != 0 && strchr(" \t\r\n", text.ptr[0]) != NULL && text.ptr[0] != '\0')
        text = slice_from(text, 1);
    if (slice_starts_with(text, SLICE("\xef\xbb\xbf")))
        text = slice_from(text, 3); /* a mark that Windows programs write */
    struct slice line = slice_head(text, slice_find(text, '\n'));
    size_t n_before = traffic->n;
    bool is_read;
    if (slice_starts_with(text, SLICE("{")))
        is_read = traffic_parse_json(traffic, text, err);
    else if (has_quoted_request(line))
        is_read = traffic_parse_combined(traffic, text, err);
    else
        is_read = traffic_parse_raw(traffic, text, err);
    if (!is_read)
        return err_at(err, name, 0, 0);
    if (traffic->n != n_before)
        return true;
    (void)err_set(
        err, ERR_SYNTAX, "E_TRAFFIC",
        "holds no request: it is read as raw requests, JSON lines with method and target, "
        "HAR or the Combined log format");
    return err_at(err, name, 0, 0);
}

/* ---- files */

static bool fail_io(struct err *err, const char *path, int error)
{
    (void)err_set(err, ERR_IO, "E_IO", "cannot be read: %s", strerror(error));
    return err_at(err, path, 0, 0);
}

static bool read_whole(const char *path, struct buf *text, struct err *err)
{
    enum { PART_BYTES = 64 * 1024 };
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return fail_io(err, path, errno);
    bool fits = true;
    size_t n = 1;
    while (fits && n != 0 && (fits = buf_reserve(text, PART_BYTES))) {
        n = fread(text->ptr + text->len, 1, PART_BYTES, file);
        text->len += n;
    }
    int error = ferror(file) != 0 ? errno : 0;
    (void)fclose(file);
    if (error != 0)
        return fail_io(err, path, error);
    if (fits)
        return true;
    (void)err_set(err, ERR_LIMIT, "E_TRAFFIC", "larger than %d bytes; give a part of it",
                  (int)TRAFFIC_MAX_FILE_BYTES);
    return err_at(err, path, 0, 0);
}

static bool read_file(struct traffic *traffic, const char *path, struct err *err)
{
    struct buf text;
    buf_init(&text, TRAFFIC_MAX_FILE_BYTES);
    bool is_read =
        read_whole(path, &text, err) && traffic_parse(traffic, buf_slice(&text), path, err);
    buf_done(&text);
    return is_read;
}

static int compare_entries(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool read_entry(struct traffic *traffic, const FTSENT *entry, size_t *n_files,
                       struct err *err)
{
    bool is_named = entry->fts_level == 0;
    if (entry->fts_info == FTS_ERR || entry->fts_info == FTS_DNR || entry->fts_info == FTS_NS)
        return fail_io(err, entry->fts_path, entry->fts_errno);
    bool is_file = entry->fts_info == FTS_F && (is_named || entry->fts_name[0] != '.');
    bool is_pipe = entry->fts_info == FTS_DEFAULT && is_named;
    if (!is_file && !is_pipe)
        return true;
    if (++*n_files <= TRAFFIC_MAX_FILES)
        return read_file(traffic, entry->fts_path, err);
    return err_set(err, ERR_LIMIT, "E_TRAFFIC", "more than %d files in a folder; give a part",
                   (int)TRAFFIC_MAX_FILES);
}

bool traffic_read(struct traffic *traffic, const char *path, struct err *err)
{
    char *root = strdup(path);
    char *const roots[] = {root, NULL};
    FTS *walk = root != NULL
                    ? fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, compare_entries)
                    : NULL;
    bool is_good = walk != NULL || fail_io(err, path, errno);
    FTSENT *entry = NULL;
    size_t n_files = 0;
    while (is_good && (entry = fts_read(walk)) != NULL)
        is_good = read_entry(traffic, entry, &n_files, err);
    if (is_good && errno != 0) /* fts_read sets it to 0 at the end */
        is_good = fail_io(err, path, errno);
    if (is_good && n_files == 0) {
        (void)err_set(err, ERR_SYNTAX, "E_TRAFFIC", "there is no file in the folder");
        is_good = err_at(err, path, 0, 0);
    }
    if (walk != NULL)
        (void)fts_close(walk);
    free(root);
    return is_good;
}
