/* Records to a handshake message, then the fields in front of server_name. */
#include "net/client_hello.h"

#include "net/tls_material.h"
#include "proxy_limits.h"

#include "stopgap/banned.h"

enum {
    RECORD_HEADER_BYTES = 5,
    RECORD_HANDSHAKE = 22,
    RECORD_MAX_BYTES = 16384,
    MESSAGE_HEADER_BYTES = 4,
    MESSAGE_CLIENT_HELLO = 1,
    EXTENSION_SERVER_NAME = 0,
    NAME_TYPE_HOST = 0,
};

static unsigned byte_at(struct slice bytes, size_t i)
{
    return (unsigned char)bytes.ptr[i];
}

/* Cut a big-endian length of n bytes and what it says off the front. */
static bool cut_vector(struct slice *rest, size_t n, struct slice *ret_vector)
{
    size_t len = 0;
    if (rest->len < n)
        return false;
    for (size_t i = 0; i < n; i++)
        len = len << 8 | byte_at(*rest, i);
    *rest = slice_from(*rest, n);
    if (rest->len < len)
        return false;
    *ret_vector = slice_head(*rest, len);
    *rest = slice_from(*rest, len);
    return true;
}

static bool cut_bytes(struct slice *rest, size_t n)
{
    if (rest->len < n)
        return false;
    *rest = slice_from(*rest, n);
    return true;
}

/* ---- the message */

/* The payloads of the records, one behind the other. Returns MORE while the message is not whole,
 * NAME when it is. */
static enum client_hello join_records(struct slice bytes, char *message, size_t *ret_len)
{
    size_t used = 0;
    while (bytes.len != 0) {
        if (byte_at(bytes, 0) != RECORD_HANDSHAKE || (bytes.len > 1 && byte_at(bytes, 1) != 3))
            return CLIENT_HELLO_OTHER;
        if (bytes.len < RECORD_HEADER_BYTES)
            return CLIENT_HELLO_MORE;
        size_t len = byte_at(bytes, 3) << 8 | byte_at(bytes, 4);
        if (len == 0 || len > RECORD_MAX_BYTES)
            return CLIENT_HELLO_OTHER;
        struct slice payload = slice_head(slice_from(bytes, RECORD_HEADER_BYTES), len);
        struct slice fits = slice_head(payload, LIMIT_CLIENT_HELLO_BYTES - used);
        memcpy(message + used, fits.ptr, fits.len);
        used += fits.len;
        if (used != 0 && message[0] != MESSAGE_CLIENT_HELLO)
            return CLIENT_HELLO_OTHER;
        if (used >= MESSAGE_HEADER_BYTES) {
            struct slice rest = slice_from(slice_make(message, used), 1);
            size_t wanted = byte_at(rest, 0) << 16 | byte_at(rest, 1) << 8 | byte_at(rest, 2);
            if (wanted > LIMIT_CLIENT_HELLO_BYTES - MESSAGE_HEADER_BYTES)
                return CLIENT_HELLO_OTHER;
            *ret_len = MESSAGE_HEADER_BYTES + wanted;
            if (used >= *ret_len)
                return CLIENT_HELLO_NAME;
        }
        if (fits.len < payload.len)
            return CLIENT_HELLO_OTHER;
        if (payload.len < len)
            return CLIENT_HELLO_MORE;
        bytes = slice_from(bytes, RECORD_HEADER_BYTES + len);
    }
    return CLIENT_HELLO_MORE;
}

/* RFC 6066 3: a list with at most one name of each type; hosts are the only type there is. */
static bool read_name(struct slice extension, char *ret_name)
{
    struct slice list;
    struct slice name;
    if (!cut_vector(&extension, 2, &list) || extension.len != 0 || list.len == 0 ||
        byte_at(list, 0) != NAME_TYPE_HOST || !cut_bytes(&list, 1) || !cut_vector(&list, 2, &name))
        return false;
    bool is_plain = name.len != 0 && memchr(name.ptr, '\0', name.len) == NULL;
    return is_plain && list.len == 0 && tls_name_fold(name, ret_name);
}

static bool read_extensions(struct slice extensions, char *ret_name)
{
    bool has_name = false;
    while (extensions.len != 0) {
        struct slice body;
        if (extensions.len < 2)
            return false;
        unsigned type = byte_at(extensions, 0) << 8 | byte_at(extensions, 1);
        if (!cut_bytes(&extensions, 2) || !cut_vector(&extensions, 2, &body))
            return false;
        if (type != EXTENSION_SERVER_NAME)
            continue;
        if (has_name || !read_name(body, ret_name)) /* two of them: readers may differ */
            return false;
        has_name = true;
    }
    return has_name;
}

static bool read_message(struct slice message, char *ret_name)
{
    struct slice rest = slice_from(message, MESSAGE_HEADER_BYTES);
    struct slice session_id;
    struct slice ciphers;
    struct slice compressions;
    struct slice extensions;
    return cut_bytes(&rest, 2 + 32) && /* version, random */
           cut_vector(&rest, 1, &session_id) && session_id.len <= 32 &&
           cut_vector(&rest, 2, &ciphers) && cut_vector(&rest, 1, &compressions) &&
           cut_vector(&rest, 2, &extensions) && rest.len == 0 &&
           read_extensions(extensions, ret_name);
}

enum client_hello client_hello_read(struct slice bytes,
                                    char ret_name[static CLIENT_HELLO_NAME_BYTES])
{
    char message[LIMIT_CLIENT_HELLO_BYTES];
    size_t len = 0;
    ret_name[0] = '\0';
    enum client_hello result = join_records(bytes, message, &len);
    if (result == CLIENT_HELLO_NAME && !read_message(slice_make(message, len), ret_name)) {
        ret_name[0] = '\0';
        result = CLIENT_HELLO_OTHER;
    }
    return result;
}
