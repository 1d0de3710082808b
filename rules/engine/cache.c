/* Finding, checking, storing and forgetting compiled databases. */
#include "engine/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hs.h>
#include <openssl/evp.h>

#include "stopgap/limits.h"
#include "trust/file.h"

#include "stopgap/banned.h"

/* Of databases, and of the empty files that are marks. */
#define DATABASE ".hsdb"
#define MARK ".good"

enum {
    MAGIC_BYTES = 24,
    HASH_BYTES = 32,
    KEY_OFFSET = MAGIC_BYTES,
    HASH_OFFSET = KEY_OFFSET + CACHE_KEY_BYTES, /* SHA-256 of what follows it */
    HEADER_BYTES = HASH_OFFSET + HASH_BYTES,
    NAME_LEN = (size_t)2 * CACHE_KEY_BYTES + sizeof(DATABASE) - 1,
    PATH_BYTES = 4096,
};

_Static_assert(sizeof(DATABASE) == sizeof(MARK), "names have one length");

/* All files together; a large set's two databases have 10 MiB. */
#define CACHE_BYTES ((off_t)LIMIT_DATABASE_BYTES * 2)

/* The number changes with the layout of the file, or with how expressions are made into one. */
static const char magic[MAGIC_BYTES] = "stopgap-database 1\n";

/* ---- keys and names */

static bool add_bytes(EVP_MD_CTX *sha, const void *bytes, size_t n)
{
    uint64_t len = n; /* in front, so that no two lists look alike */
    return EVP_DigestUpdate(sha, &len, sizeof(len)) == 1 && EVP_DigestUpdate(sha, bytes, n) == 1;
}

/* The format, the library and the processor come first in every key. NULL: no memory. */
static EVP_MD_CTX *start_key(void)
{
    hs_platform_info_t platform = {0};
    const char *version = hs_version();
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    if (sha != NULL && hs_populate_platform(&platform) == HS_SUCCESS &&
        EVP_DigestInit_ex(sha, EVP_sha256(), NULL) == 1 && add_bytes(sha, magic, sizeof(magic)) &&
        add_bytes(sha, version, strlen(version)) &&
        add_bytes(sha, &platform.tune, sizeof(platform.tune)) &&
        add_bytes(sha, &platform.cpu_features, sizeof(platform.cpu_features)))
        return sha;
    EVP_MD_CTX_free(sha);
    return NULL;
}

bool cache_key_of_parts(const struct cache_part *parts, size_t n, struct cache_key *ret_key)
{
    EVP_MD_CTX *sha = start_key();
    bool is_done = sha != NULL && add_bytes(sha, MARK, sizeof(MARK));
    for (size_t i = 0; i < n && is_done; i++)
        is_done = add_bytes(sha, parts[i].bytes, parts[i].n);
    is_done = is_done && EVP_DigestFinal_ex(sha, ret_key->bytes, NULL) == 1;
    EVP_MD_CTX_free(sha);
    return is_done;
}

bool cache_key_of(const struct cache_input *input, struct cache_key *ret_key)
{
    EVP_MD_CTX *sha = start_key();
    bool is_done = sha != NULL;
    for (unsigned i = 0; i < input->n && is_done; i++)
        is_done = add_bytes(sha, input->texts[i], strlen(input->texts[i])) &&
                  add_bytes(sha, &input->flags[i], sizeof(input->flags[i])) &&
                  add_bytes(sha, &input->ids[i], sizeof(input->ids[i]));
    is_done = is_done && EVP_DigestFinal_ex(sha, ret_key->bytes, NULL) == 1;
    EVP_MD_CTX_free(sha);
    return is_done;
}

static bool hash_of(struct slice bytes, unsigned char ret_hash[HASH_BYTES])
{
    return EVP_Digest(bytes.ptr, bytes.len, ret_hash, NULL, EVP_sha256(), NULL) == 1;
}

static void name_of(const struct cache_key *key, const char *suffix, char out[NAME_LEN + 1])
{
    for (size_t i = 0; i < CACHE_KEY_BYTES; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", key->bytes[i]);
    memcpy(out + 2 * (size_t)CACHE_KEY_BYTES, suffix, sizeof(DATABASE));
}

/* ---- looking up */

/* What the header promises is what is there. */
static bool is_whole(struct slice file, const struct cache_key *key)
{
    unsigned char hash[HASH_BYTES];
    return file.len > HEADER_BYTES && memcmp(file.ptr, magic, MAGIC_BYTES) == 0 &&
           memcmp(file.ptr + KEY_OFFSET, key->bytes, CACHE_KEY_BYTES) == 0 &&
           hash_of(slice_from(file, HEADER_BYTES), hash) &&
           memcmp(file.ptr + HASH_OFFSET, hash, HASH_BYTES) == 0;
}

hs_database_t *cache_load(const char *directory, const struct cache_key *key)
{
    const struct file_codes codes = {.read = "E_CACHE", .size = "E_CACHE"};
    struct buf file = {.max = HEADER_BYTES + (size_t)LIMIT_DATABASE_BYTES};
    struct err ignored = {0};
    hs_database_t *database = NULL;
    char name[NAME_LEN + 1];
    name_of(key, DATABASE, name);
    int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return NULL;
    if (file_read(folder, name, &codes, &file, &ignored) && is_whole(buf_slice(&file), key)) {
        struct slice bytes = slice_from(buf_slice(&file), HEADER_BYTES);
        if (hs_deserialize_database(bytes.ptr, bytes.len, &database) != HS_SUCCESS)
            database = NULL;
    }
    if (database != NULL) /* so that those in use are the last to be forgotten */
        (void)utimensat(folder, name, NULL, 0);
    (void)close(folder);
    buf_done(&file);
    return database;
}

/* ---- storing */

struct cached_file {
    char name[NAME_LEN + 1];
    struct timespec used;
    off_t size;
};

static bool is_cached_name(const char *name, const char *suffix)
{
    return strlen(name) == NAME_LEN &&
           strspn(name, "0123456789abcdef") == 2 * (size_t)CACHE_KEY_BYTES &&
           strcmp(name + 2 * (size_t)CACHE_KEY_BYTES, suffix) == 0;
}

static int compare_used(const void *a, const void *b)
{
    const struct timespec *left = &((const struct cached_file *)a)->used;
    const struct timespec *right = &((const struct cached_file *)b)->used;
    if (left->tv_sec != right->tv_sec)
        return left->tv_sec > right->tv_sec ? -1 : 1;
    return left->tv_nsec > right->tv_nsec ? -1 : left->tv_nsec < right->tv_nsec;
}

/* The files of the folder; what does not fit into the list is removed at once. */
static size_t list_files(DIR *dir, const char *suffix, struct cached_file *files, size_t max)
{
    const struct dirent *entry;
    size_t n = 0;
    /* cppcheck-suppress readdirCalled; glibc locks each stream, and readdir_r is deprecated */
    while ((entry = readdir(dir)) != NULL) {
        struct stat st;
        if (!is_cached_name(entry->d_name, suffix) ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (n == max) {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
            continue;
        }
        memcpy(files[n].name, entry->d_name, NAME_LEN + 1);
        files[n].used = st.st_mtim;
        files[n++].size = st.st_size;
    }
    return n;
}

static void forget_old(const char *directory, const char *suffix)
{
    struct cached_file files[4 * CACHE_FILES];
    off_t sum = 0;
    DIR *dir = opendir(directory);
    if (dir == NULL)
        return;
    size_t n = list_files(dir, suffix, files, sizeof(files) / sizeof(files[0]));
    qsort(files, n, sizeof(files[0]), compare_used);
    for (size_t i = 0; i < n; i++) {
        sum += files[i].size;
        if (i >= CACHE_FILES || (i != 0 && sum > CACHE_BYTES))
            (void)unlinkat(dirfd(dir), files[i].name, 0);
    }
    (void)closedir(dir);
}

/* The whole file for a serialised database. */
static bool compose(const struct cache_key *key, struct slice database, struct buf *file)
{
    unsigned char hash[HASH_BYTES];
    return hash_of(database, hash) && buf_reserve(file, HEADER_BYTES + database.len) &&
           buf_append(file, slice_make(magic, MAGIC_BYTES)) &&
           buf_append(file, slice_make((const char *)key->bytes, CACHE_KEY_BYTES)) &&
           buf_append(file, slice_make((const char *)hash, HASH_BYTES)) &&
           buf_append(file, database);
}

void cache_store(const char *directory, const struct cache_key *key, const hs_database_t *database)
{
    char path[PATH_BYTES];
    char name[NAME_LEN + 1];
    struct buf file = {.max = HEADER_BYTES + (size_t)LIMIT_DATABASE_BYTES};
    struct err ignored = {0};
    char *bytes = NULL;
    size_t size = 0;
    name_of(key, DATABASE, name);
    int len = snprintf(path, sizeof(path), "%s/%s", directory, name);
    if (len < 0 || (size_t)len >= sizeof(path) ||
        hs_serialize_database(database, &bytes, &size) != HS_SUCCESS)
        return;
    (void)mkdir(directory, 0700); /* it may be there */
    if (compose(key, slice_make(bytes, size), &file) &&
        file_replace(AT_FDCWD, path, buf_slice(&file), "E_CACHE", &ignored))
        forget_old(directory, DATABASE);
    free(bytes);
    buf_done(&file);
}

/* ---- marks */

bool cache_is_marked(const char *directory, const struct cache_key *key)
{
    char path[PATH_BYTES];
    char name[NAME_LEN + 1];
    name_of(key, MARK, name);
    int len = snprintf(path, sizeof(path), "%s/%s", directory, name);
    /* Used again, so it is the last to be forgotten. */
    return len > 0 && (size_t)len < sizeof(path) && utimensat(AT_FDCWD, path, NULL, 0) == 0;
}

void cache_mark(const char *directory, const struct cache_key *key)
{
    char path[PATH_BYTES];
    char name[NAME_LEN + 1];
    struct err ignored = {0};
    name_of(key, MARK, name);
    int len = snprintf(path, sizeof(path), "%s/%s", directory, name);
    if (len > 0 && (size_t)len < sizeof(path) &&
        file_replace(AT_FDCWD, path, slice_make(NULL, 0), "E_CACHE", &ignored))
        forget_old(directory, MARK);
}
