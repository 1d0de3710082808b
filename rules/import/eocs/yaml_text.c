/* Thin cover of libyaml's emitter: every call may fail, and the first failure is remembered. */
#include "yaml_text.h"

#include "stopgap/banned.h"

static int on_bytes(void *context, unsigned char *bytes, size_t len)
{
    struct buf *out = context;
    return buf_append(out, slice_make((const char *)bytes, len)) ? 1 : 0;
}

/* made: what the yaml_*_event_initialize call has returned. The emitter takes the event. */
static void emit(struct yaml_text *yaml, yaml_event_t *event, int made)
{
    if (made != 0 && yaml->is_failed)
        yaml_event_delete(event);
    else if (made == 0 || yaml_emitter_emit(&yaml->emitter, event) == 0)
        yaml->is_failed = true;
}

void yaml_text_begin(struct yaml_text *yaml, struct buf *out)
{
    yaml_event_t event;
    yaml->is_failed = yaml_emitter_initialize(&yaml->emitter) == 0;
    yaml_emitter_set_output(&yaml->emitter, on_bytes, out);
    yaml_emitter_set_unicode(&yaml->emitter, 1);
    yaml_emitter_set_width(&yaml->emitter, -1);
    emit(yaml, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
    emit(yaml, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1));
}

bool yaml_text_end(struct yaml_text *yaml)
{
    yaml_event_t event;
    emit(yaml, &event, yaml_document_end_event_initialize(&event, 1));
    emit(yaml, &event, yaml_stream_end_event_initialize(&event));
    yaml_emitter_delete(&yaml->emitter);
    return !yaml->is_failed;
}

void yaml_open_map(struct yaml_text *yaml, bool on_one_line)
{
    yaml_event_t event;
    emit(yaml, &event,
         yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
                                             on_one_line ? YAML_FLOW_MAPPING_STYLE
                                                         : YAML_BLOCK_MAPPING_STYLE));
}

void yaml_close_map(struct yaml_text *yaml)
{
    yaml_event_t event;
    emit(yaml, &event, yaml_mapping_end_event_initialize(&event));
}

void yaml_open_list(struct yaml_text *yaml, bool on_one_line)
{
    yaml_event_t event;
    emit(yaml, &event,
         yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                              on_one_line ? YAML_FLOW_SEQUENCE_STYLE
                                                          : YAML_BLOCK_SEQUENCE_STYLE));
}

void yaml_close_list(struct yaml_text *yaml)
{
    yaml_event_t event;
    emit(yaml, &event, yaml_sequence_end_event_initialize(&event));
}

static void put_scalar(struct yaml_text *yaml, struct slice text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    char *bytes = (char *)(uintptr_t)text.ptr; /* libyaml copies it and lacks the const */
    emit(yaml, &event,
         yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)bytes, (int)text.len, 1, 1,
                                      style));
}

void yaml_word(struct yaml_text *yaml, const char *word)
{
    put_scalar(yaml, slice_str(word), YAML_PLAIN_SCALAR_STYLE);
}

void yaml_quoted(struct yaml_text *yaml, struct slice text)
{
    put_scalar(yaml, text.ptr != NULL ? text : SLICE(""), YAML_SINGLE_QUOTED_SCALAR_STYLE);
}

void yaml_pair(struct yaml_text *yaml, const char *key, const char *text)
{
    yaml_word(yaml, key);
    yaml_quoted(yaml, slice_str(text));
}
