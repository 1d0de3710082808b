/* Places of refused fields; slow, since nothing is forwarded any more. */
#include "http/strict_place.h"

#include "stopgap/banned.h"

static bool is_placed(const struct http_head *head, size_t i, enum strict_place place)
{
    enum known_field known = (enum known_field)head->known[i];
    switch (place) {
    case PLACE_LOOKALIKE:
        return known == KNOWN_LOOKALIKE;
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
    case PLACE_HOPS:
        return known == KNOWN_MAX_FORWARDS;
    case PLACE_TARGET:
        break;
    }
    return false;
}

const char *strict_place(const struct http_head *head, enum strict_place place)
{
    const char *found = head->raw.ptr;
    if (place == PLACE_TARGET)
        return head->target.ptr;
    for (size_t i = 0; i < head->n_fields; i++)
        if (is_placed(head, i, place)) {
            found = head->fields[i].name.ptr;
            if (place == PLACE_LOOKALIKE)
                break;
        }
    return found;
}
