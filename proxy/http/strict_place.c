/* Places of refused fields; slow, since nothing is forwarded any more. */
#include "http/strict_place.h"

#include "http/bytes.h"

#include "stopgap/banned.h"

static const char *control_place(const struct http_head *head)
{
    for (size_t i = 0; i < head->n_fields; i++)
        for (size_t at = 0; at < head->fields[i].value.len; at++)
            if (bytes_count_control(slice_make(head->fields[i].value.ptr + at, 1)) != 0)
                return head->fields[i].value.ptr + at;
    return head->raw.ptr;
}

static bool is_placed(const struct http_head *head, size_t i, enum strict_place place)
{
    enum known_field known = (enum known_field)head->known[i];
    switch (place) {
    case PLACE_NAME:
        return !bytes_are_token(head->fields[i].name, head->raw.ptr + head->raw.len);
    case PLACE_LOOKALIKE:
        return strict_is_lookalike(head->fields[i].name);
    case PLACE_HOST:
        return known == KNOWN_HOST;
    case PLACE_LENGTH:
        return known == KNOWN_CONTENT_LENGTH;
    case PLACE_TRANSFER:
        return known == KNOWN_TRANSFER_ENCODING;
    case PLACE_FRAMING:
        return known == KNOWN_CONTENT_LENGTH || known == KNOWN_TRANSFER_ENCODING;
    case PLACE_EXPECT:
        return known == KNOWN_EXPECT;
    case PLACE_CONTROL:
    case PLACE_TARGET:
        break;
    }
    return false;
}

const char *strict_place(const struct http_head *head, enum strict_place place)
{
    const char *found = head->raw.ptr;
    if (place == PLACE_CONTROL)
        return control_place(head);
    if (place == PLACE_TARGET)
        return head->target.ptr;
    for (size_t i = 0; i < head->n_fields; i++)
        if (is_placed(head, i, place)) {
            found = head->fields[i].name.ptr;
            if (place == PLACE_NAME || place == PLACE_LOOKALIKE)
                break;
        }
    return found;
}
