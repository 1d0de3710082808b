/* One canonical path out of many spellings. Every pass works in place: nothing here grows. */
#include "path.h"

#include "charset.h"
#include "decode.h"
#include "view.h"

#include "stopgap/limits.h"

#include "stopgap/banned.h"

enum path_mode {
    PATH_ONCE = 0, /* as http.sys cooks the URL */
    PATH_STABLE,   /* as Win32 and ASP.NET would read the cooked path once more */
};

/* A path under work; text[0] is "/". */
struct path {
    char *text;
    size_t len;
    uint32_t anomalies;
    bool is_changed; /* the last step changed something */
};

/* ---- the common case: nothing to do */

enum byte_class {
    BYTE_UPPER = 1,
    BYTE_SLASH = 2,
    BYTE_ODD = 4, /* escapes, backslash, colon, blank, controls and all beyond ASCII */
};

static const unsigned char byte_classes[256] = {
    [0 ... ' '] = BYTE_ODD,     ['%'] = BYTE_ODD,  ['/'] = BYTE_SLASH,         [':'] = BYTE_ODD,
    ['A' ... 'Z'] = BYTE_UPPER, ['\\'] = BYTE_ODD, [0x7F ... 0xFF] = BYTE_ODD,
};

/* Nothing around the slash at raw[at] needs work: no "//", "/.", "./" and no "/(". */
static bool slash_is_plain(struct slice raw, size_t at)
{
    if (at > 0 && raw.ptr[at - 1] == '.')
        return false;
    if (at + 1 == raw.len)
        return true;
    char next = raw.ptr[at + 1];
    return next != '/' && next != '.' && next != '(';
}

bool path_is_plain(struct slice raw, bool *ret_has_upper)
{
    if (raw.len == 0 || raw.ptr[0] != '/' || raw.ptr[raw.len - 1] == '.')
        return false;
    unsigned seen = 0;
    for (size_t i = 0; i < raw.len; i++) {
        unsigned found = byte_classes[(unsigned char)raw.ptr[i]];
        seen |= found;
        if ((found & BYTE_SLASH) != 0 && !slash_is_plain(raw, i))
            return false;
    }
    *ret_has_upper = (seen & BYTE_UPPER) != 0;
    return (seen & BYTE_ODD) == 0;
}

/* ---- passes over a decoded path */

static void fold_bytes(struct path *path)
{
    for (size_t i = 0; i < path->len; i++) {
        char c = path->text[i];
        char folded = ascii_lower(c);
        if (c == '\\') {
            path->anomalies |= ANOMALY_BACKSLASH;
            folded = '/';
        }
        if ((unsigned char)c < 0x20 || c == 0x7F)
            path->anomalies |= ANOMALY_ENCODED_CONTROL;
        path->is_changed |= folded != c;
        path->text[i] = folded;
    }
}

/* Length of an ASP.NET cookieless token such as "(S(x)F(y))" at the start of text, or 0. */
static size_t cookieless_length(struct slice text)
{
    if (text.len < 2 || text.ptr[0] != '(')
        return 0;
    size_t at = 1;
    while (text.len - at >= 3 && ascii_lower(text.ptr[at]) >= 'a' &&
           ascii_lower(text.ptr[at]) <= 'z' && text.ptr[at + 1] == '(') {
        at += 2;
        while (at < text.len && text.ptr[at] != '(' && text.ptr[at] != ')' && text.ptr[at] != '/')
            at++;
        if (at == text.len || text.ptr[at] != ')')
            return 0;
        at++;
    }
    return at > 1 && at < text.len && text.ptr[at] == ')' ? at + 1 : 0;
}

/* ASP.NET cuts the token together with the slash before it, so that "/b/(S(x))in" is "/bin"
 * (CVE-2023-36899). */
static void cut_cookieless(struct path *path)
{
    if (slice_find(slice_make(path->text, path->len), '(') == SIZE_MAX)
        return;
    size_t written = 0;
    for (size_t read = 0; read < path->len;) {
        struct slice rest = slice_make(path->text + read, path->len - read);
        size_t token = rest.ptr[0] == '/' ? cookieless_length(slice_from(rest, 1)) : 0;
        if (token == 0) {
            path->text[written++] = path->text[read++];
            continue;
        }
        path->anomalies |= ANOMALY_COOKIELESS;
        read += 1 + token;
        bool needs_slash = written == 0 && (read == path->len || path->text[read] != '/');
        if (needs_slash)
            path->text[written++] = '/';
    }
    path->len = written;
}

static bool is_dot_or_blank(char c)
{
    return c == '.' || c == ' ';
}

static bool is_dots(struct slice segment)
{
    return slice_equal(segment, SLICE(".")) || slice_equal(segment, SLICE(".."));
}

/* The segment as Win32 opens it: without the stream and without dots and blanks at its end. */
static struct slice win32_segment(struct slice segment, uint32_t *ret_anomalies)
{
    size_t colon = slice_find(segment, ':');
    for (size_t i = colon; i != SIZE_MAX && i + 1 < segment.len; i++) {
        char next = segment.ptr[i + 1];
        if (segment.ptr[i] == ':' && (next == ':' || next == '$')) {
            *ret_anomalies |= ANOMALY_STREAM;
            segment = slice_head(segment, colon);
        }
    }
    struct slice bare = segment;
    while (bare.len != 0 && bare.ptr[bare.len - 1] == ' ')
        bare.len--;
    if (!is_dots(bare))
        while (bare.len != 0 && is_dot_or_blank(bare.ptr[bare.len - 1]))
            bare.len--;
    if (bare.len != segment.len)
        *ret_anomalies |= ANOMALY_TRAILING_DOT;
    return bare;
}

/* Cut the last segment off text[0..len). */
static size_t pop_segment(const char *text, size_t len, uint32_t *ret_anomalies)
{
    if (len == 0)
        *ret_anomalies |= ANOMALY_ABOVE_ROOT;
    while (len != 0 && text[len - 1] != '/')
        len--;
    return len != 0 ? len - 1 : 0;
}

/* Resolve "." and "..". PATH_ONCE keeps empty segments, which ".." may take back; PATH_STABLE
 * drops them first, and takes each segment as Win32 does. */
static void resolve_segments(struct path *path, enum path_mode mode)
{
    size_t written = 0;
    for (size_t start = 1; start <= path->len;) {
        struct slice rest = slice_make(path->text + start, path->len - start);
        size_t len = slice_find(rest, '/');
        bool is_last = len == SIZE_MAX;
        struct slice segment = is_last ? rest : slice_head(rest, len);
        start += segment.len + 1;

        bool was_empty = segment.len == 0;
        if (mode == PATH_STABLE)
            segment = win32_segment(segment, &path->anomalies);
        bool is_dot = is_dots(segment);
        bool is_dropped = is_dot || (mode == PATH_STABLE && segment.len == 0);
        if (is_dot)
            path->anomalies |= ANOMALY_DOT_SEGMENT;
        else if (is_dropped && was_empty && !is_last)
            path->anomalies |= ANOMALY_DOUBLE_SLASH;
        if (is_dot && segment.len == 2)
            written = pop_segment(path->text, written, &path->anomalies);
        if (is_dropped && !is_last)
            continue;
        path->text[written++] = '/';
        if (!is_dropped && segment.len != 0)
            memmove(path->text + written, segment.ptr, segment.len);
        written += is_dropped ? 0 : segment.len;
    }
    path->len = written;
}

static void merge_slashes(struct path *path)
{
    size_t written = 0;
    for (size_t read = 0; read < path->len; read++) {
        bool is_double = path->text[read] == '/' && written != 0 && path->text[written - 1] == '/';
        if (is_double)
            path->anomalies |= ANOMALY_DOUBLE_SLASH;
        else
            path->text[written++] = path->text[read];
    }
    path->len = written;
}

/* ---- the two readings */

/* A working copy of in that begins with "/". False: no memory. */
static bool path_begin(struct slice in, struct arena *arena, struct path *ret_path)
{
    bool is_rooted = in.len != 0 && (in.ptr[0] == '/' || in.ptr[0] == '\\');
    char *text = arena_alloc(arena, in.len + 1);
    if (text == NULL)
        return false;
    size_t len = 0;
    if (!is_rooted)
        text[len++] = '/';
    if (in.len != 0)
        memcpy(text + len, in.ptr, in.len);
    *ret_path = (struct path){.text = text, .len = len + in.len};
    return true;
}

/* Decode once and make the result canonical. False: no memory. */
static bool path_step(struct path *path, enum path_mode mode, struct arena *arena)
{
    enum charset_mode charset = mode == PATH_ONCE ? CHARSET_STRICT : CHARSET_FOLD;
    size_t len_before = path->len;
    path->len = decode_escapes(slice_make(path->text, path->len), path->text, PLUS_IS_PLUS,
                               &path->anomalies);
    path->is_changed = path->len != len_before;
    if (mode == PATH_ONCE && decode_has_escape(slice_make(path->text, path->len)))
        path->anomalies |= ANOMALY_DOUBLE_ENCODED;

    char *text_before = path->text;
    if (!charset_repair(&path->text, &path->len, charset, arena, &path->anomalies))
        return false;
    path->is_changed |= path->text != text_before;

    /* From here on a pass that changes more than single bytes makes the path shorter. */
    len_before = path->len;
    fold_bytes(path);
    if (mode == PATH_STABLE)
        cut_cookieless(path);
    resolve_segments(path, mode);
    if (mode == PATH_ONCE)
        merge_slashes(path);
    path->is_changed |= path->len != len_before;
    return true;
}

bool path_once(struct slice raw, struct arena *arena, uint32_t *ret_anomalies,
               struct slice *ret_path)
{
    struct path path;
    if (!path_begin(raw, arena, &path) || !path_step(&path, PATH_ONCE, arena))
        return false;
    *ret_anomalies |= path.anomalies;
    *ret_path = slice_make(path.text, path.len);
    return true;
}

bool path_stable(struct slice raw, struct arena *arena, uint32_t *ret_anomalies,
                 struct slice *ret_path)
{
    struct path path;
    if (!path_begin(raw, arena, &path))
        return false;
    path.is_changed = true;
    for (int round = 0; round < LIMIT_DECODE_ROUNDS && path.is_changed; round++)
        if (!path_step(&path, PATH_STABLE, arena))
            return false;
    struct slice found = slice_make(path.text, path.len);
    uint32_t anomalies = path.anomalies;
    if (path.is_changed) {
        /* Only a spelling made for it is still moving: one more step, on a copy, tells. */
        if (!path_begin(found, arena, &path) || !path_step(&path, PATH_STABLE, arena))
            return false;
        anomalies |= path.is_changed ? ANOMALY_UNSTABLE : 0;
    }
    /* "%25" alone decodes to a lone "%", which is no bad escape of the client's. */
    *ret_anomalies |= anomalies & ~(uint32_t)ANOMALY_BAD_ESCAPE;
    *ret_path = found;
    return true;
}

/* ---- first segments */

struct slice path_first_segment(struct slice path)
{
    struct slice rest = path.len != 0 && path.ptr[0] == '/' ? slice_from(path, 1) : path;
    size_t end = slice_find(rest, '/');
    return end == SIZE_MAX ? rest : slice_head(rest, end);
}

bool path_raw_begins_with(struct slice raw, struct slice segment)
{
    size_t at = raw.len != 0 && raw.ptr[0] == '/' ? 1 : 0;
    size_t matched = 0;
    while (at < raw.len) {
        uint32_t byte = (unsigned char)raw.ptr[at];
        uint32_t escaped;
        bool is_escape = decode_read_escape(raw, at, &escaped) == 3;
        if (is_escape)
            byte = escaped;
        if (byte == '/')
            break;
        if (matched == segment.len || ascii_lower((char)byte) != segment.ptr[matched])
            return false;
        matched++;
        at += is_escape ? 3 : 1;
    }
    return matched == segment.len;
}
