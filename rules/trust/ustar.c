/* Reader of the strict ustar container. */
#include "ustar.h"

#include <stdlib.h>

#include "stopgap/limits.h"

#include "stopgap/banned.h"

enum { END_BYTES = 2 * USTAR_BLOCK }; /* the end mark: two zero blocks */

/* POSIX.1-2017 pax, "ustar Interchange Format". */
struct header {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char link_name[100];
    char magic[6];
    char version[2];
    char user[32];
    char group[32];
    char device_major[8];
    char device_minor[8];
    char prefix[155];
    char padding[12];
};
_Static_assert(sizeof(struct header) == USTAR_BLOCK, "a ustar header is one block");

static bool is_zero(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static bool parse_octal(const char *digits, size_t len, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        if (digits[i] < '0' || digits[i] > '7')
            return false;
        value = value * 8 + (uint64_t)(digits[i] - '0');
    }
    *ret_value = value;
    return true;
}

/* The sum of the header's bytes with the checksum field itself taken as blanks. */
static uint64_t compute_checksum(const struct header *header)
{
    const unsigned char *bytes = (const unsigned char *)header;
    uint64_t sum = sizeof(header->checksum) * ' ';
    for (size_t i = 0; i < sizeof(*header); i++)
        sum += bytes[i];
    for (size_t i = 0; i < sizeof(header->checksum); i++)
        sum -= (unsigned char)header->checksum[i];
    return sum;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

static const struct form {
    const char *first; /* NULL: any */
    const char *folders[5];
    const char *places; /* for people */
    size_t max_bytes;
} forms[] = {
    [USTAR_BUNDLE] = {USTAR_MANIFEST,
                      {"root/", "rules/", "sig/", "tests/"},
                      "root/, rules/, sig/ and tests/",
                      LIMIT_BUNDLE_BYTES},
    [USTAR_PULSE] = {USTAR_PULSE_TEXT, {"pulse.sig/"}, "pulse.sig/", LIMIT_PULSE_FILE_BYTES},
    [USTAR_ROOTS] = {NULL, {"root/"}, "root/", LIMIT_ROOT_FILE_BYTES},
};

static bool name_is_valid(const struct form *form, struct slice name)
{
    if (form->first != NULL && slice_equal(name, slice_str(form->first)))
        return true;
    bool is_known = false;
    for (size_t i = 0; form->folders[i] != NULL; i++)
        is_known = is_known || slice_starts_with(name, slice_str(form->folders[i]));
    if (!is_known || name.len > USTAR_NAME_MAX)
        return false;
    char before = '/';
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool starts_segment = before == '/';
        if (c == '/' ? starts_segment : !is_name_byte(c) || (starts_segment && c == '.'))
            return false;
        before = c;
    }
    return before != '/';
}

bool ustar_name_is_valid(struct slice name)
{
    return name_is_valid(&forms[USTAR_BUNDLE], name);
}

static bool check_format(const struct header *header, struct err *err)
{
    if (memcmp(header->magic, "ustar", 6) != 0 || memcmp(header->version, "00", 2) != 0)
        return err_set(err, ERR_SYNTAX, "E_BUNDLE_FORMAT",
                       "this is not a ustar file; pack with tar --format=ustar, uncompressed");
    uint64_t sum;
    if (!parse_octal(header->checksum, 6, &sum) || header->checksum[6] != '\0' ||
        header->checksum[7] != ' ' || sum != compute_checksum(header))
        return err_set(err, ERR_SYNTAX, "E_BUNDLE_CHECKSUM", "a member's header is damaged");
    if (header->type != '0')
        return err_set(err, ERR_SYNTAX, "E_BUNDLE_TYPE",
                       "a member is not a plain file (links, folders, devices and pax headers are "
                       "refused)");
    if (!is_zero(header->link_name, sizeof(header->link_name)))
        return err_set(err, ERR_SYNTAX, "E_BUNDLE_FORMAT", "a plain member has a link name");
    if (!is_zero(header->padding, sizeof(header->padding)))
        return err_set(err, ERR_SYNTAX, "E_BUNDLE_PADDING", "the padding of a header is not zero");
    return true;
}

static bool check_name(const struct form *form, const struct header *header, struct err *err)
{
    size_t len = strnlen(header->name, sizeof(header->name));
    if (!is_zero(header->prefix, sizeof(header->prefix)) || len == sizeof(header->name) ||
        !is_zero(header->name + len, sizeof(header->name) - len))
        return err_set(err, ERR_SYNTAX, "E_BUNDLE_NAME",
                       "a member's name is longer than 99 bytes or not ended properly");
    if (!name_is_valid(form, slice_make(header->name, len)))
        return err_set(err, ERR_SYNTAX, "E_BUNDLE_NAME",
                       "a member's name is not allowed: only [a-z0-9._-] below %s, no segment "
                       "empty or starting with a dot",
                       form->places);
    return true;
}

static size_t member_max(const char *name)
{
    if (strcmp(name, USTAR_MANIFEST) == 0)
        return LIMIT_MANIFEST_BYTES;
    if (strcmp(name, USTAR_PULSE_TEXT) == 0)
        return LIMIT_PULSE_BYTES;
    bool is_signature = strncmp(name, "sig/", 4) == 0 || strncmp(name, "pulse.sig/", 10) == 0 ||
                        (strncmp(name, "root/", 5) == 0 && strstr(name, ".sig/") != NULL);
    return is_signature ? LIMIT_SIGNATURE_BYTES : LIMIT_MEMBER_BYTES;
}

static bool check_size(const struct header *header, size_t *ret_size, struct err *err)
{
    uint64_t size;
    char end = header->size[11];
    if (!parse_octal(header->size, 11, &size) || (end != '\0' && end != ' '))
        return err_set(err, ERR_SYNTAX, "E_BUNDLE_SIZEFIELD",
                       "the size of %s is not eleven octal digits", header->name);
    if (size > member_max(header->name))
        return err_set(err, ERR_LIMIT, "E_BUNDLE_MEMBER_SIZE",
                       "%s has %llu bytes, more than the %zu it may have", header->name,
                       (unsigned long long)size, member_max(header->name));
    *ret_size = (size_t)size;
    return true;
}

static bool check_place(const struct form *form, const struct ustar *archive, const char *name,
                        struct err *err)
{
    if (archive->n_members == 0 && form->first != NULL && strcmp(name, form->first) != 0)
        return err_set(err, ERR_SYNTAX, "E_BUNDLE_FIRST", "the first member is %s; it must be %s",
                       name, form->first);
    if (archive->n_members == LIMIT_BUNDLE_MEMBERS)
        return err_set(err, ERR_LIMIT, "E_BUNDLE_COUNT", "more than %d members",
                       LIMIT_BUNDLE_MEMBERS);
    if (archive->n_members != 0 && strcmp(archive->members[archive->n_members - 1].name, name) >= 0)
        return err_set(err, ERR_SYNTAX, "E_BUNDLE_ORDER",
                       "%s is there twice or not in byte order; sort with LC_ALL=C", name);
    return true;
}

static bool fail_truncated(struct err *err)
{
    return err_set(err, ERR_SYNTAX, "E_BUNDLE_TRUNCATED",
                   "the file ends too early; copy or fetch it again");
}

/* rest begins with a header; cuts the member off it. */
static bool read_member(const struct form *form, struct slice *rest, struct ustar *archive,
                        struct err *err)
{
    const struct header *header = (const struct header *)rest->ptr;
    size_t size = 0;
    if (!check_format(header, err) || !check_name(form, header, err) ||
        !check_size(header, &size, err) || !check_place(form, archive, header->name, err))
        return false;
    *rest = slice_from(*rest, USTAR_BLOCK);
    size_t padded = (size + USTAR_BLOCK - 1) / USTAR_BLOCK * USTAR_BLOCK;
    if (rest->len < padded)
        return fail_truncated(err);
    if (!is_zero(rest->ptr + size, padded - size))
        return err_set(err, ERR_SYNTAX, "E_BUNDLE_PADDING", "the padding after %s is not zero",
                       header->name);
    archive->members[archive->n_members++] =
        (struct ustar_member){.name = header->name, .data = slice_head(*rest, size)};
    *rest = slice_from(*rest, padded);
    return true;
}

static bool read_members(const struct form *form, struct slice rest, struct ustar *archive,
                         struct err *err)
{
    for (;;) {
        if (rest.len < USTAR_BLOCK)
            return fail_truncated(err);
        if (is_zero(rest.ptr, USTAR_BLOCK))
            break;
        if (!read_member(form, &rest, archive, err))
            return false;
    }
    if (archive->n_members == 0)
        return err_set(err, ERR_SYNTAX, "E_BUNDLE_FIRST", "the container is empty");
    if (rest.len < END_BYTES)
        return fail_truncated(err);
    if (rest.len > END_BYTES || !is_zero(rest.ptr, rest.len))
        return err_set(err, ERR_SYNTAX, "E_BUNDLE_TRAILER",
                       "bytes after the end mark, which is two zero blocks; pack with tar -b1");
    return true;
}

bool ustar_read(struct slice bytes, struct ustar *ret_archive, struct err *err)
{
    return ustar_read_form(bytes, USTAR_BUNDLE, ret_archive, err);
}

bool ustar_read_form(struct slice bytes, enum ustar_form form, struct ustar *ret_archive,
                     struct err *err)
{
    if (bytes.len > forms[form].max_bytes)
        return err_set(err, ERR_LIMIT, "E_BUNDLE_SIZE", "larger than %zu bytes",
                       forms[form].max_bytes);
    size_t capacity = bytes.len / USTAR_BLOCK + 1;
    if (capacity > LIMIT_BUNDLE_MEMBERS)
        capacity = LIMIT_BUNDLE_MEMBERS;
    struct ustar archive = {.members = calloc(capacity, sizeof(archive.members[0]))};
    if (archive.members == NULL)
        return err_set(err, ERR_MEMORY, "E_BUNDLE_SIZE", "no memory for the list of members");
    if (!read_members(&forms[form], bytes, &archive, err)) {
        ustar_done(&archive);
        return false;
    }
    *ret_archive = archive;
    return true;
}

void ustar_done(struct ustar *archive)
{
    free(archive->members);
    *archive = (struct ustar){0};
}

static int compare_name(const void *key, const void *member)
{
    return strcmp(key, ((const struct ustar_member *)member)->name);
}

const struct ustar_member *ustar_find(const struct ustar *archive, const char *name)
{
    if (archive->n_members == 0)
        return NULL;
    return bsearch(name, archive->members, archive->n_members, sizeof(archive->members[0]),
                   compare_name);
}

bool ustar_append(struct buf *out, const char *name, struct slice data)
{
    struct header header = {.type = '0'};
    size_t len = strlen(name);
    size_t padding = (USTAR_BLOCK - data.len % USTAR_BLOCK) % USTAR_BLOCK;
    if (len > USTAR_NAME_MAX || !buf_reserve(out, sizeof(header) + data.len + padding))
        return false;
    memcpy(header.name, name, len);
    memcpy(header.mode, "0000644", 8);
    memcpy(header.uid, "0000000", 8);
    memcpy(header.gid, "0000000", 8);
    (void)snprintf(header.size, sizeof(header.size), "%011llo", (unsigned long long)data.len);
    memcpy(header.mtime, "00000000000", 12);
    memcpy(header.magic, "ustar", 6);
    memcpy(header.version, "00", 2);
    memcpy(header.device_major, "0000000", 8);
    memcpy(header.device_minor, "0000000", 8);
    (void)snprintf(header.checksum, sizeof(header.checksum), "%06llo",
                   (unsigned long long)compute_checksum(&header));
    header.checksum[7] = ' ';
    char *to = out->ptr + out->len;
    memcpy(to, &header, sizeof(header));
    if (data.len != 0)
        memcpy(to + sizeof(header), data.ptr, data.len);
    memset(to + sizeof(header) + data.len, 0, padding);
    out->len += sizeof(header) + data.len + padding;
    return true;
}

bool ustar_finish(struct buf *out)
{
    if (!buf_reserve(out, END_BYTES))
        return false;
    memset(out->ptr + out->len, 0, END_BYTES);
    out->len += END_BYTES;
    return true;
}
