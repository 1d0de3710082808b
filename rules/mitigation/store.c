/* The file that keeps what was changed at run time:
 *
 *   stopgap-mitigations 1
 *   off TIME UID REASON            absent while the switch is on
 *   blocked ID TIME UID REASON     any number of them; the reason is base64
 *   sum SHA256                     of everything above */
#include "stopgap/mitigation.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trust/encode.h"
#include "trust/file.h"
#include "trust/text.h"
#include "trust/utc.h"

#include "stopgap/banned.h"

static const char file_name[] = "mitigations";

enum {
    MAX_STORE_BYTES = MITIGATION_MAX_BLOCKS * 512, /* a line has at most 400 */
    SUM_LINE_BYTES = 4 + TEXT_HASH_CHARS + 1,      /* "sum ", the hash, line feed */
};

static bool fail(struct err *err)
{
    return err_set(err, ERR_SYNTAX, "E_MITIGATIONS",
                   "the file of blocked mitigations was damaged or edited; remove it and block "
                   "again what shall be blocked");
}

/* ---- changes */

bool mitigation_reason_is_good(const char *reason)
{
    size_t len = strlen(reason);
    for (size_t i = 0; i < len; i++)
        if (reason[i] < 0x20 || reason[i] > 0x7e)
            return false;
    return len != 0 && len < MITIGATION_REASON_BYTES;
}

bool mitigation_store_unblock(struct mitigation_store *store, const char *id)
{
    for (size_t i = 0; i < store->n_blocks; i++) {
        if (!mitigation_id_equals(store->blocks[i].id, id))
            continue;
        store->n_blocks--;
        memmove(&store->blocks[i], &store->blocks[i + 1],
                (store->n_blocks - i) * sizeof(store->blocks[0]));
        return true;
    }
    return false;
}

bool mitigation_store_block(struct mitigation_store *store, const struct mitigation_block *block,
                            struct err *err)
{
    (void)mitigation_store_unblock(store, block->id);
    if (store->n_blocks == MITIGATION_MAX_BLOCKS)
        return err_set(err, ERR_LIMIT, "E_LIMIT",
                       "%d mitigations are blocked already; unblock some, or use modes",
                       MITIGATION_MAX_BLOCKS);
    store->blocks[store->n_blocks++] = *block;
    return true;
}

/* ---- reading */

static bool read_first(void *ctx, const struct slice *words, struct err *err)
{
    (void)ctx;
    return slice_equal(words[1], SLICE("1")) || fail(err);
}

static bool read_text(struct slice word, size_t size, char *out)
{
    if (word.len >= size)
        return false;
    memcpy(out, word.ptr, word.len);
    out[word.len] = '\0';
    return true;
}

static bool read_reason(struct slice word, char out[MITIGATION_REASON_BYTES])
{
    struct buf bytes;
    buf_init(&bytes, MITIGATION_REASON_BYTES);
    bool is_good = encode_from_base64(word, &bytes) && memchr(bytes.ptr, '\0', bytes.len) == NULL &&
                   read_text(buf_slice(&bytes), MITIGATION_REASON_BYTES, out) &&
                   mitigation_reason_is_good(out);
    buf_done(&bytes);
    return is_good;
}

/* TIME UID REASON */
static bool read_origin(const struct slice *words, struct mitigation_block *block)
{
    uint64_t uid;
    if (!utc_parse_time(words[0], &block->when_unix) || !text_size(words[1], &uid) ||
        uid > UINT32_MAX)
        return false;
    block->uid = (uint32_t)uid;
    return read_reason(words[2], block->reason);
}

static bool read_off(void *ctx, const struct slice *words, struct err *err)
{
    struct mitigation_store *store = ctx;
    store->is_off = true;
    return read_origin(words + 1, &store->off) || fail(err);
}

static bool read_blocked(void *ctx, const struct slice *words, struct err *err)
{
    struct mitigation_store *store = ctx;
    struct mitigation_block block = {.when_unix = 0};
    if (!read_text(words[1], sizeof(block.id), block.id) || !mitigation_id_is_good(block.id) ||
        !read_origin(words + 2, &block))
        return fail(err);
    return mitigation_store_block(store, &block, err);
}

static bool read_sum(void *ctx, const struct slice *words, struct err *err)
{
    (void)ctx; /* mitigation_store_parse compares it with the bytes before it */
    return text_is_hash(words[1]) || fail(err);
}

static const struct text_field fields[] = {
    {"stopgap-mitigations", TEXT_ONCE, 2, read_first},
    {"off", TEXT_OPTIONAL, 4, read_off},
    {"blocked", TEXT_REPEATED, 5, read_blocked},
    {"sum", TEXT_ONCE, 2, read_sum},
};

bool mitigation_store_parse(struct slice text, struct mitigation_store *ret_store, struct err *err)
{
    static const struct text_grammar grammar = {
        .what = "list of blocked mitigations",
        .fields = fields,
        .n_fields = sizeof(fields) / sizeof(fields[0]),
        .syntax_code = "E_MITIGATIONS",
        .unknown_code = "E_MITIGATIONS",
    };
    char hash[HASH_SIZE];
    *ret_store = (struct mitigation_store){0};
    if (text.len < SUM_LINE_BYTES || !hash_hex(slice_head(text, text.len - SUM_LINE_BYTES), hash))
        return fail(err);
    struct slice sum = slice_from(text, text.len - SUM_LINE_BYTES);
    return text_parse(&grammar, text, ret_store, err) &&
           (slice_equal(slice_make(sum.ptr + 4, TEXT_HASH_CHARS), slice_str(hash)) || fail(err));
}

/* Before the first start nothing was decided. A link to a disk that is away is not absent. */
static bool folder_is_absent(const char *directory)
{
    return faccessat(AT_FDCWD, directory, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

static bool folder_open(const char *directory, int *ret_folder, struct err *err)
{
    *ret_folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_folder >= 0 ||
           err_set(err, ERR_IO, "E_MITIGATIONS", "cannot open the state directory %s", directory);
}

bool mitigation_store_load(const char *directory, struct mitigation_store *ret_store,
                           struct err *err)
{
    static const struct file_codes codes = {.read = "E_MITIGATIONS", .size = "E_MITIGATIONS"};
    struct buf text;
    int folder;
    *ret_store = (struct mitigation_store){0};
    if (folder_is_absent(directory))
        return true;
    if (!folder_open(directory, &folder, err))
        return false;
    buf_init(&text, MAX_STORE_BYTES);
    bool is_absent = faccessat(folder, file_name, F_OK, AT_SYMLINK_NOFOLLOW | AT_EACCESS) != 0 &&
                     errno == ENOENT;
    bool is_good = is_absent || (file_read(folder, file_name, &codes, &text, err) &&
                                 mitigation_store_parse(buf_slice(&text), ret_store, err));
    buf_done(&text);
    (void)close(folder);
    return is_good;
}

/* ---- writing */

static bool add_origin(const struct mitigation_block *block, struct buf *text)
{
    char when[UTC_TIME_CHARS + 1];
    utc_format_time(block->when_unix, when);
    return buf_printf(text, " %s %lu ", when, (unsigned long)block->uid) &&
           encode_to_base64(slice_str(block->reason), text) && buf_append(text, SLICE("\n"));
}

static bool format_store(const struct mitigation_store *store, struct buf *text)
{
    char hash[HASH_SIZE];
    bool done = buf_append(text, SLICE("stopgap-mitigations 1\n"));
    if (done && store->is_off)
        done = buf_append(text, SLICE("off")) && add_origin(&store->off, text);
    for (size_t i = 0; done && i < store->n_blocks; i++)
        done = buf_printf(text, "blocked %s", store->blocks[i].id) &&
               add_origin(&store->blocks[i], text);
    return done && hash_hex(buf_slice(text), hash) && buf_printf(text, "sum %s\n", hash);
}

bool mitigation_store_save(const char *directory, const struct mitigation_store *store,
                           struct err *err)
{
    struct buf text;
    int folder;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return err_set(err, ERR_IO, "E_MITIGATIONS", "cannot create the state directory %s: %s",
                       directory, strerror(errno));
    if (!folder_open(directory, &folder, err))
        return false;
    buf_init(&text, MAX_STORE_BYTES);
    bool is_written = format_store(store, &text)
                          ? file_replace(folder, file_name, buf_slice(&text), "E_MITIGATIONS", err)
                          : err_set(err, ERR_MEMORY, "E_MEMORY", "no memory for the list");
    buf_done(&text);
    (void)close(folder);
    return is_written;
}
