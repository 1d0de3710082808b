/* Holds YAML events against the table of keys and sets each value at once. */
#include "config/config_walk.h"

#include "proxy_limits.h"

#include <assert.h>

#include "stopgap/banned.h"

void walk_report(struct walk *walk, yaml_mark_t mark, struct err *err)
{
    walk->n_errors++;
    if (walk->n_errors > LIMIT_CONFIG_ERRORS)
        return;
    (void)err_at(err, walk->name, (unsigned)mark.line + 1, (unsigned)mark.column + 1);
    walk->on_error(walk->ctx, err);
}

void walk_complain(struct walk *walk, yaml_mark_t mark, const char *format, ...)
{
    struct err err = {.kind = ERR_SYNTAX};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err.text, sizeof(err.text), format, args);
    va_end(args);
    walk_report(walk, mark, &err);
}

static struct walk_frame *top_frame(struct walk *walk)
{
    return walk->depth != 0 ? &walk->frames[walk->depth - 1] : NULL;
}

/* Append part to the path of the open mapping or list; false when no table path is that long. */
static bool extend_path(struct walk *walk, size_t len, const char *dot, struct slice part)
{
    int n =
        snprintf(walk->path + len, sizeof(walk->path) - len, "%s" SLICE_FMT, dot, SLICE_ARG(part));
    return n >= 0 && (size_t)n < sizeof(walk->path) - len;
}

/* "listen[].url" is shown as "listen.url". */
static struct config_text path_label(const char *path)
{
    struct config_text label = {{0}};
    size_t n = 0;
    for (; *path != '\0' && n + 1 < sizeof(label.text); path++)
        if (*path != '[' && *path != ']')
            label.text[n++] = *path;
    return label;
}

static bool frame_has_seen(const struct walk_frame *frame, size_t index)
{
    return (frame->seen[index / 64] >> index % 64 & 1) != 0;
}

static void refuse_key(struct walk *walk, const yaml_event_t *event, struct slice key)
{
    struct walk_frame *frame = top_frame(walk);
    char hint[512];
    walk->path[frame->path_len] = '\0';
    config_hint_key(slice_str(walk->path), key, hint, sizeof(hint));
    walk_complain(walk, event->start_mark, "unknown key '%s': %s", config_echo(key).text, hint);
    frame->skips_value = true;
}

/* A scalar where a key of the open mapping is expected. */
static void read_key(struct walk *walk, const yaml_event_t *event, struct slice key)
{
    struct walk_frame *frame = top_frame(walk);
    size_t index = 0;
    frame->wants_value = true;
    bool is_plain = key.len != 0 && key.len < WALK_PATH_BYTES;
    for (size_t i = 0; i < key.len && is_plain; i++)
        is_plain = key.ptr[i] == '_' || (key.ptr[i] >= 'a' && key.ptr[i] <= 'z');
    if (!is_plain || !extend_path(walk, frame->path_len, frame->path_len != 0 ? "." : "", key) ||
        config_key_shape(walk->path, &index) == SHAPE_UNKNOWN) {
        refuse_key(walk, event, key);
        return;
    }
    if (frame_has_seen(frame, index)) {
        walk_complain(walk, event->start_mark, "duplicate key '%s': it may stand here only once",
                      config_echo(key).text);
        frame->skips_value = true;
    }
    frame->seen[index / 64] |= (uint64_t)1 << index % 64;
}

static void refuse_shape(struct walk *walk, const yaml_event_t *event, enum key_shape wanted)
{
    struct config_text label = path_label(walk->path);
    const char *name = label.text[0] != '\0' ? label.text : "the file";
    if (wanted == SHAPE_MAPPING)
        walk_complain(walk, event->start_mark,
                      "%s must be a mapping: write its keys as 'key: value' lines%s", name,
                      label.text[0] != '\0' ? ", indented below it" : "");
    else if (wanted == SHAPE_LIST)
        walk_complain(walk, event->start_mark,
                      "%s must be a list: write its values below it as lines that begin with '- '",
                      name);
    else
        walk_complain(walk, event->start_mark,
                      "%s must be a single value: write it behind the colon", name);
}

/* What is expected now: inside a list, an element. */
static enum key_shape wanted_shape(struct walk *walk)
{
    struct walk_frame *frame = top_frame(walk);
    size_t index = 0;
    if (frame == NULL) {
        walk->path[0] = '\0';
        return SHAPE_MAPPING;
    }
    if (frame->is_list)
        walk->path[frame->path_len] = '\0';
    return config_key_shape(walk->path, &index);
}

/* The value that was expected has been dealt with. Its list goes on with the next element. */
static void end_value(struct walk *walk)
{
    struct walk_frame *frame = top_frame(walk);
    if (frame == NULL)
        return;
    frame->wants_value = false;
    frame->skips_value = false;
}

/* Null is the absence of a value; a key without one is more likely a slip than a wish. */
static bool is_null(const yaml_event_t *event, struct slice text)
{
    static const struct slice words[] = {{"", 0}, {"~", 1}, {"null", 4}};
    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (slice_equal_nocase(text, words[i]))
            return true;
    return false;
}

static void read_value(struct walk *walk, const yaml_event_t *event, struct slice text)
{
    enum key_shape wanted = wanted_shape(walk);
    struct config_text label = path_label(walk->path);
    if (walk->depth != 0 && is_null(event, text)) {
        walk_complain(walk, event->start_mark,
                      "%s has no value: give one, or remove the line to get the default",
                      label.text);
        return;
    }
    if (wanted != SHAPE_SCALAR) {
        refuse_shape(walk, event, wanted);
        return;
    }
    struct err inner = {0};
    if (config_check_text(text, &inner) &&
        config_set(walk->config, walk->path, (const char *)event->data.scalar.value, &inner))
        return;
    struct err err = {0};
    (void)err_set(&err, inner.kind, NULL, "%s: %.700s", label.text, inner.text);
    walk_report(walk, event->start_mark, &err);
}

static void on_scalar(struct walk *walk, const yaml_event_t *event)
{
    struct walk_frame *frame = top_frame(walk);
    struct slice text =
        slice_make((const char *)event->data.scalar.value, event->data.scalar.length);
    if (walk->skip_depth != 0)
        return;
    if (frame != NULL && !frame->is_list && !frame->wants_value) {
        read_key(walk, event, text);
        return;
    }
    if (frame == NULL || !frame->skips_value)
        read_value(walk, event, text);
    end_value(walk);
}

/* A mapping in a list; its keys fill the last element. */
static bool open_element(struct walk *walk, const yaml_event_t *event)
{
    struct err err = {0};
    const struct config_list *list = config_list_find(walk->path);
    if (list == NULL || config_new_element(walk->config, list, &err))
        return true;
    walk_report(walk, event->start_mark, &err);
    return false;
}

static void on_open(struct walk *walk, const yaml_event_t *event, bool is_list)
{
    struct walk_frame *frame = top_frame(walk);
    if (walk->skip_depth != 0) {
        walk->skip_depth++;
        return;
    }
    if (frame != NULL && !frame->is_list && !frame->wants_value) {
        walk_complain(walk, event->start_mark, "a key must be a word: remove its brackets");
        walk->is_over = true;
        return;
    }
    enum key_shape wanted = wanted_shape(walk);
    bool is_skipped = frame != NULL && frame->skips_value;
    if (!is_skipped && wanted != (is_list ? SHAPE_LIST : SHAPE_MAPPING)) {
        refuse_shape(walk, event, wanted);
        is_skipped = true;
    }
    if (is_skipped || (!is_list && !open_element(walk, event))) {
        walk->skip_depth = 1;
        return;
    }
    bool fits = walk->depth < WALK_DEPTH &&
                (!is_list || extend_path(walk, strlen(walk->path), "", SLICE("[]")));
    assert(fits); /* the table has no path that is deeper or longer */
    (void)fits;
    walk->frames[walk->depth++] = (struct walk_frame){
        .is_list = is_list, .path_len = strlen(walk->path), .start = event->start_mark};
}

/* An element without the key it must have is the one thing that only its end can tell. */
static void check_element(struct walk *walk, const struct walk_frame *frame)
{
    size_t index = 0;
    walk->path[frame->path_len] = '\0';
    const struct config_list *list = frame->is_list ? NULL : config_list_find(walk->path);
    if (list == NULL)
        return;
    (void)config_key_shape(list->required, &index);
    if (!frame_has_seen(frame, index))
        walk_complain(walk, frame->start, "%s", list->complaint);
}

static void on_close(struct walk *walk)
{
    if (walk->skip_depth != 0)
        walk->skip_depth--;
    else
        check_element(walk, &walk->frames[--walk->depth]);
    if (walk->skip_depth == 0)
        end_value(walk);
}

/* Things that let one text stand for another. A configuration does not need them, and each has
 * been a way to make a small file large or a reader disagree with another. */
static const char *unwanted_feature(const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    if (event->type == YAML_ALIAS_EVENT)
        return "aliases (*name)";
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor != NULL)
        return "anchors (&name)";
    return tag != NULL ? "tags (!name)" : NULL;
}

bool walk_event(struct walk *walk, const yaml_event_t *event)
{
    const char *feature = unwanted_feature(event);
    if (feature != NULL) {
        walk_complain(walk, event->start_mark,
                      "%s are not accepted: write the value itself, or put quotes around it",
                      feature);
        return false;
    }
    if (event->type == YAML_DOCUMENT_START_EVENT && ++walk->n_documents > 1) {
        walk_complain(walk, event->start_mark,
                      "a second document is not accepted: remove the '---' line and all below it");
        return false;
    }
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        on_scalar(walk, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        on_open(walk, event, true);
        break;
    case YAML_MAPPING_START_EVENT:
        on_open(walk, event, false);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_close(walk);
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_ALIAS_EVENT:
        break;
    }
    return !walk->is_over;
}
