/* What our scanner of lines takes for a head, llhttp in strict mode takes for the same head: each
 * name, each value, and what frames the body. The first byte: request, response, response to
 * HEAD. */
#include "roundtrip.h"

#include <stdlib.h>

#include "stopgap/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* llhttp, beside what it is compared with. */
struct oracle {
    llhttp_t llhttp;
    const struct http_head *head;
    size_t n_fields;
    struct buf name, value;
};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static struct oracle *oracle_of(llhttp_t *llhttp)
{
    return (struct oracle *)((char *)llhttp - offsetof(struct oracle, llhttp));
}

static int on_name(llhttp_t *llhttp, const char *at, size_t len)
{
    must(buf_append(&oracle_of(llhttp)->name, slice_make(at, len)));
    return 0;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t len)
{
    must(buf_append(&oracle_of(llhttp)->value, slice_make(at, len)));
    return 0;
}

static int on_field(llhttp_t *llhttp)
{
    struct oracle *oracle = oracle_of(llhttp);
    must(oracle->n_fields < oracle->head->n_fields);
    const struct header_field *field = &oracle->head->fields[oracle->n_fields++];
    struct slice value = slice_trim(buf_slice(&oracle->value));
    must(slice_equal(field->name, buf_slice(&oracle->name)) && field->value.len == value.len);
    for (size_t i = 0; i < value.len; i++) /* llhttp is shown blanks for tabs */
        must(field->value.ptr[i] == value.ptr[i] ||
             (field->value.ptr[i] == '\t' && value.ptr[i] == ' '));
    oracle->name.len = oracle->value.len = 0;
    return 0;
}

static int on_head(llhttp_t *llhttp)
{
    (void)llhttp;
    return HPE_PAUSED;
}

static void compare_framing(const struct oracle *oracle)
{
    bool is_chunked = (oracle->llhttp.flags & F_CHUNKED) != 0;
    bool has_length = (oracle->llhttp.flags & F_CONTENT_LENGTH) != 0;
    switch (oracle->head->framing) {
    case FRAMING_CHUNKED:
        must(is_chunked);
        break;
    case FRAMING_LENGTH:
        must(has_length && oracle->llhttp.content_length == oracle->head->content_length);
        break;
    case FRAMING_CLOSE:
        must(!is_chunked && !has_length);
        break;
    case FRAMING_NONE: /* or a response that has none whatever it says */
        must(oracle->head->status != 0 || (!is_chunked && !has_length));
        break;
    }
}

static void ask_oracle(const struct http_head *head, bool is_response)
{
    llhttp_settings_t settings;
    char line[64];
    struct oracle oracle = {.head = head};
    struct slice fields = slice_from(head->raw, slice_find(head->raw, '\n') + 1);
    llhttp_settings_init(&settings);
    settings.on_header_field = on_name;
    settings.on_header_value = on_value;
    settings.on_header_value_complete = on_field;
    settings.on_headers_complete = on_head;
    buf_init(&oracle.name, fields.len + 1);
    buf_init(&oracle.value, fields.len + 1);
    char *text = malloc(fields.len + 1);
    must(text != NULL);
    for (size_t i = 0; i < fields.len; i++)
        text[i] = (char)(fields.ptr[i] == '\t' ? ' ' : fields.ptr[i]);
    llhttp_init(&oracle.llhttp, is_response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
    int len = is_response
                  ? snprintf(line, sizeof(line), "HTTP/1.%u %u OK\r\n", head->minor, head->status)
                  : snprintf(line, sizeof(line), "POST / HTTP/1.%u\r\n", head->minor);
    must(llhttp_execute(&oracle.llhttp, line, (size_t)len) == HPE_OK);
    llhttp_errno_t error = llhttp_execute(&oracle.llhttp, text, fields.len);
    must(error == HPE_PAUSED || error == HPE_PAUSED_UPGRADE);
    must(oracle.n_fields == head->n_fields &&
         llhttp_get_error_pos(&oracle.llhttp) == text + fields.len);
    compare_framing(&oracle);
    free(text);
    buf_done(&oracle.name);
    buf_done(&oracle.value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct message message;
    struct message_spec spec = {.raw = slice_make((const char *)data + 1, size - 1),
                                .is_response = (data[0] & 1) != 0,
                                .is_head = (data[0] & 2) != 0};
    message_read(&message, &spec);
    if (message.is_head_parsed)
        ask_oracle(&message.parser.head, spec.is_response);
    message_done(&message);
    return 0;
}
