/* One pass over the events of libyaml with a small stack of our own.
 *
 * libcyaml loads recursively and expands aliases; what comes through here is flat enough for it. */
#include "scan.h"

#include <stdlib.h>

#include <yaml.h>

#include "texts.h"

#include "stopgap/banned.h"

/* An open mapping or list. */
struct frame {
    uint64_t path;
    uint64_t child; /* mapping: path of the value that comes next */
    size_t n_items; /* list */
    bool is_mapping;
    bool wants_value; /* mapping: the key has been seen */
};

struct scan {
    yaml_parser_t parser;
    struct frame frames[LIMIT_YAML_DEPTH];
    size_t depth;
    size_t n_documents;
    struct places *places;
    const struct report *report;
};

void places_done(struct places *places)
{
    free(places->items);
    *places = (struct places){0};
}

const struct place *places_find(const struct places *places, uint64_t path)
{
    for (size_t i = places->n; i > 0; i--)
        if (places->items[i - 1].path == path)
            return &places->items[i - 1];
    return NULL;
}

static unsigned mark_line(yaml_mark_t mark)
{
    return (unsigned)mark.line + 1;
}

static unsigned mark_column(yaml_mark_t mark)
{
    return (unsigned)mark.column + 1;
}

#define FAIL_AT(scan, kind, mark, ...)                                                             \
    report_at((scan)->report, (kind), mark_line(mark), mark_column(mark), __VA_ARGS__)

static bool remember(struct scan *scan, uint64_t path, yaml_mark_t mark)
{
    struct places *places = scan->places;
    if (places->n == LIMIT_YAML_VALUES)
        return FAIL_AT(scan, ERR_LIMIT, mark,
                       "more than %d values; spread the samples over several rules",
                       LIMIT_YAML_VALUES);
    if (places->n == places->capacity) {
        size_t capacity = places->capacity == 0 ? 128 : places->capacity * 2;
        struct place *items = realloc(places->items, capacity * sizeof(*items));
        if (items == NULL)
            return report_no_memory(scan->report);
        places->items = items;
        places->capacity = capacity;
    }
    places->items[places->n++] =
        (struct place){.path = path, .line = mark_line(mark), .column = mark_column(mark)};
    return true;
}

static bool check_plainness(struct scan *scan, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
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
    if (anchor != NULL || event->type == YAML_ALIAS_EVENT)
        return FAIL_AT(scan, ERR_SYNTAX, event->start_mark,
                       "anchors (&) and aliases (*) are not allowed; write the value out, or "
                       "quote a text that begins so");
    if (tag != NULL)
        return FAIL_AT(scan, ERR_SYNTAX, event->start_mark,
                       "tags (!) are not allowed; leave the tag out, or quote a text that begins "
                       "with !");
    return true;
}

/* Texts that YAML readers take for "no value" are mostly forgotten ones. */
static bool is_null(const yaml_event_t *event)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    const char *text = (const char *)event->data.scalar.value;
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
        if (strcmp(text, nulls[i]) == 0)
            return true;
    return false;
}

static bool check_scalar(struct scan *scan, const yaml_event_t *event, bool is_key)
{
    const yaml_char_t *text = event->data.scalar.value;
    if (memchr(text, '\0', event->data.scalar.length) != NULL)
        return FAIL_AT(scan, ERR_SYNTAX, event->start_mark,
                       "a NUL byte in a text; write \\x00 in a regex, %%00 in a target and "
                       "body_base64 for a body");
    if (!is_key && is_null(event))
        return FAIL_AT(scan, ERR_SYNTAX, event->start_mark,
                       "a value is missing; leave the key out, or write '' for the empty text");
    return true;
}

static void remember_id(struct scan *scan, uint64_t path, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    if (scan->depth == 1 && path == place_key(PLACE_ROOT, "id") && text_is_id(text))
        (void)snprintf(scan->places->rule_id, sizeof(scan->places->rule_id), "%s", text);
}

/* The key of a mapping. */
static bool on_key(struct scan *scan, struct frame *frame, const yaml_event_t *event)
{
    if (event->type != YAML_SCALAR_EVENT)
        return FAIL_AT(scan, ERR_SYNTAX, event->start_mark, "a key must be one word");
    frame->child = place_key(frame->path, (const char *)event->data.scalar.value);
    frame->wants_value = true;
    return check_scalar(scan, event, true) && remember(scan, frame->child, event->start_mark);
}

static bool open_frame(struct scan *scan, uint64_t path, const yaml_event_t *event)
{
    if (scan->depth == LIMIT_YAML_DEPTH)
        return FAIL_AT(scan, ERR_LIMIT, event->start_mark,
                       "nested deeper than %d levels; flatten the conditions", LIMIT_YAML_DEPTH);
    scan->frames[scan->depth++] =
        (struct frame){.path = path, .is_mapping = event->type == YAML_MAPPING_START_EVENT};
    return true;
}

/* A scalar, or the start of a mapping or list. */
static bool on_node(struct scan *scan, const yaml_event_t *event)
{
    struct frame *frame = scan->depth != 0 ? &scan->frames[scan->depth - 1] : NULL;
    uint64_t path = PLACE_ROOT;
    if (!check_plainness(scan, event))
        return false;
    if (frame == NULL) {
        if (event->type != YAML_MAPPING_START_EVENT)
            return FAIL_AT(scan, ERR_SYNTAX, event->start_mark,
                           "a rule file is one mapping; begin with 'id: ...' at the margin");
        if (!remember(scan, path, event->start_mark))
            return false;
    } else if (frame->is_mapping && !frame->wants_value) {
        return on_key(scan, frame, event);
    } else if (frame->is_mapping) {
        path = frame->child;
        frame->wants_value = false;
    } else {
        path = place_item(frame->path, frame->n_items++);
        if (!remember(scan, path, event->start_mark))
            return false;
    }
    if (event->type != YAML_SCALAR_EVENT)
        return open_frame(scan, path, event);
    remember_id(scan, path, event);
    return check_scalar(scan, event, false);
}

static bool on_event(struct scan *scan, const yaml_event_t *event)
{
    if (event->type == YAML_DOCUMENT_START_EVENT && scan->n_documents++ != 0)
        return FAIL_AT(scan, ERR_SYNTAX, event->start_mark,
                       "a second document; one rule a file, so move it to its own file");
    if (event->type == YAML_STREAM_END_EVENT && scan->n_documents == 0)
        return FAIL_AT(scan, ERR_SYNTAX, event->start_mark, "the file is empty");
    if (event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT)
        scan->depth--;
    if (event->type == YAML_SCALAR_EVENT || event->type == YAML_SEQUENCE_START_EVENT ||
        event->type == YAML_MAPPING_START_EVENT || event->type == YAML_ALIAS_EVENT)
        return on_node(scan, event);
    return true;
}

/* Errors of the reader (bytes that are no UTF-8) have an offset instead of a mark. */
static unsigned line_of_offset(struct slice text, size_t offset)
{
    unsigned line = 1;
    for (size_t i = 0; i < offset && i < text.len; i++)
        if (text.ptr[i] == '\n')
            line++;
    return line;
}

static bool report_yaml(const struct scan *scan, struct slice text)
{
    const yaml_parser_t *parser = &scan->parser;
    const char *problem = parser->problem != NULL ? parser->problem : "unknown problem";
    if (parser->error == YAML_MEMORY_ERROR)
        return report_no_memory(scan->report);
    if (parser->error == YAML_READER_ERROR)
        return report_at(scan->report, ERR_SYNTAX, line_of_offset(text, parser->problem_offset), 0,
                         "not YAML: %s; save the file as UTF-8 text", problem);
    return FAIL_AT(scan, ERR_SYNTAX, parser->problem_mark,
                   "not YAML: %s%s%s; check indentation and quotes here and above",
                   parser->context != NULL ? parser->context : "",
                   parser->context != NULL ? ": " : "", problem);
}

bool places_scan(struct slice text, const struct report *report, struct places *ret_places)
{
    struct scan scan = {.places = ret_places, .report = report};
    if (!yaml_parser_initialize(&scan.parser))
        return report_no_memory(report);
    yaml_parser_set_input_string(&scan.parser,
                                 (const unsigned char *)(text.len != 0 ? text.ptr : ""), text.len);
    /* Not guessed: a file in UTF-16 would show a reviewer something else. */
    yaml_parser_set_encoding(&scan.parser, YAML_UTF8_ENCODING);

    bool is_good = true;
    bool is_over = false;
    while (is_good && !is_over) {
        yaml_event_t event;
        if (!yaml_parser_parse(&scan.parser, &event)) {
            is_good = report_yaml(&scan, text);
            break;
        }
        is_good = on_event(&scan, &event);
        is_over = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&scan.parser);
    return is_good;
}
