/* Making the next root out of the one in force, or out of the draft that is there already. */
#include "cli/cmd_root.h"

#include <ctype.h>
#include <fcntl.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "cli/trust_report.h"
#include "trust/encode.h"
#include "trust/file.h"
#include "trust/root_edit.h"
#include "trust/utc.h"

#include "stopgap/banned.h"

enum {
    ROOT_LIFE_DAYS = 5 * 365, /* long: people must meet to make the next one */
    SHOWN_ID_MIN = 8          /* digits that name a key when they fit only one */
};

struct work {
    const struct root_change *change;
    struct chain chain;
    struct buf text;
    uint64_t version;
    int64_t created;
    int64_t end; /* default last day of new keys, and default end of a new root */
};

static bool fail_full(struct err *err)
{
    return err_set(err, ERR_LIMIT, "E_ROOT_SIZE", "the root would have more than %d bytes",
                   LIMIT_ROOT_BYTES);
}

__attribute__((format(printf, 3, 4))) static bool set_line(struct work *work, const char *words,
                                                           const char *format, ...)
{
    char line[4096];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    return len > 0 && (size_t)len < sizeof(line) && root_edit_set(&work->text, words, line);
}

static bool set_time(struct work *work, const char *field, int64_t seconds)
{
    char when[UTC_TIME_CHARS + 1];
    utc_format_time(seconds, when);
    return set_line(work, field, "%s %s", field, when);
}

/* ---- which key is meant */

static bool is_id_start(const char *text)
{
    size_t len = strlen(text);
    return len >= SHOWN_ID_MIN && len <= TEXT_HASH_CHARS && strspn(text, "0123456789abcdef") == len;
}

static const struct root_key *find_by_id(const struct root *root, const char *start)
{
    const struct root_key *found = NULL;
    for (size_t i = 0; i < root->n_keys; i++) {
        if (strncmp(root->keys[i].id, start, strlen(start)) != 0)
            continue;
        if (found != NULL)
            return NULL;
        found = &root->keys[i];
    }
    return found;
}

const struct root_key *root_resolve_key(const struct root *root, const char *text, struct err *err)
{
    const struct root_key *key = is_id_start(text) ? find_by_id(root, text) : NULL;
    if (key != NULL)
        return key;
    char id[HASH_SIZE];
    bool is_private;
    EVP_PKEY *pkey = key_read(text, false, &is_private, err);
    bool has_id = pkey != NULL && key_id(pkey, id, err);
    EVP_PKEY_free(pkey);
    if (!has_id) {
        if (is_id_start(text))
            (void)err_set(err, ERR_USAGE, "E_ROOT_KEYID",
                          "root %llu has no key, or more than one, whose id begins with %s",
                          (unsigned long long)root->version, text);
        return NULL;
    }
    key = root_find_key(root, id);
    if (key == NULL)
        (void)err_set(err, ERR_USAGE, "E_ROOT_KEYID", "root %llu does not list %s (key %.16s)",
                      (unsigned long long)root->version, text, id);
    return key;
}

/* ---- the steps of a change */

static bool put_new_key(struct work *work, const struct root_new_key *added, struct err *err)
{
    const struct root_change *change = work->change;
    struct root_draft_key key = {.pkey = added->pkey, .roles = added->roles};
    key.from = change->from != 0 ? change->from : work->created;
    key.end = change->end != 0 ? change->end : work->end;
    key.sunset = change->sunset != 0 ? change->sunset
                                     : key.end - (int64_t)REVIEW_NOTICE_DAYS * UTC_DAY_SECONDS;
    if (change->sunset == 0 && key.sunset < key.from)
        key.sunset = key.from;
    struct buf line;
    buf_init(&line, LIMIT_ROOT_BYTES);
    bool done = root_write_key(&key, &line, err);
    if (done) {
        line.ptr[line.len - 1] = '\0'; /* the line feed */
        done = root_edit_add(&work->text, line.ptr) || fail_full(err);
    }
    buf_done(&line);
    return done;
}

static bool has_pulse(const struct root_change *change)
{
    for (size_t i = 0; i < change->n_added; i++)
        if ((change->added[i].roles & (1u << ROLE_PULSE)) != 0)
            return true;
    return false;
}

static bool put_thresholds(struct work *work, const struct root *base, struct err *err)
{
    bool done = true;
    for (int role = 0; done && role < ROLE_COUNT; role++) {
        unsigned before = base != NULL ? base->thresholds[role] : role == ROLE_PULSE ? 0 : 1;
        unsigned threshold = work->change->thresholds[role];
        char words[32];
        if (threshold == 0)
            threshold = before == 0 && has_pulse(work->change) ? 1 : before;
        (void)snprintf(words, sizeof(words), "threshold %s", role_word((enum role)role));
        /* Taken out and put in again, all three keep their order. */
        (void)root_edit_drop(&work->text, words);
        if (threshold != 0)
            done = set_line(work, words, "%s %u", words, threshold);
    }
    return done || fail_full(err);
}

/* The one certificate in a file of PEM, as base64 of its DER. */
static bool append_certificate(struct buf *line, const char *path, struct err *err)
{
    static const struct file_codes codes = {.read = "E_ROOT_READ", .size = "E_ROOT_READ"};
    struct buf pem;
    unsigned char *der = NULL;
    buf_init(&pem, LIMIT_ROOT_BYTES);
    if (!file_read(AT_FDCWD, path, &codes, &pem, err)) {
        buf_done(&pem);
        return false;
    }
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    int len = cert != NULL ? i2d_X509(cert, &der) : 0;
    bool done =
        len > 0
            ? encode_to_base64(slice_make((char *)der, (size_t)len), line) || fail_full(err)
            : err_set(err, ERR_USAGE, "E_ROOT_EDIT", "%s holds no certificate in PEM form", path);
    OPENSSL_free(der);
    X509_free(cert);
    BIO_free(bio);
    ERR_clear_error();
    buf_done(&pem);
    return done;
}

/* "NAME:EPOCH:SERIAL" becomes three words; the colons of a URL stay. */
static bool append_words(struct buf *line, const char *field, const char *value)
{
    size_t from = line->len;
    bool is_url = strcmp(field, "mirror") == 0;
    if (!buf_append(line, slice_str(value)))
        return false;
    for (size_t i = from; !is_url && i < line->len; i++)
        if (line->ptr[i] == ':')
            line->ptr[i] = ' ';
    return true;
}

static bool put_line(struct work *work, const char *field, const char *value, struct err *err)
{
    struct buf line;
    buf_init(&line, LIMIT_ROOT_BYTES);
    bool is_file = strcmp(field, "eocs-sign-anchor") == 0 || strcmp(field, "eocs-ts-anchor") == 0;
    bool done = buf_printf(&line, "%s ", field) || fail_full(err);
    if (done)
        done = is_file ? append_certificate(&line, value, err)
                       : append_words(&line, field, value) || fail_full(err);
    done =
        done &&
        ((buf_append(&line, slice_make("", 1)) && root_edit_set(&work->text, line.ptr, line.ptr)) ||
         fail_full(err));
    buf_done(&line);
    return done;
}

static bool put_lines(struct work *work, struct err *err)
{
    const struct root_change *change = work->change;
    for (size_t i = 0; i < change->n_lines; i++)
        if (!put_line(work, change->lines[i], change->values[i], err))
            return false;
    for (size_t i = 0; i < change->n_dropped_mirrors; i++) {
        char line[2048];
        (void)snprintf(line, sizeof(line), "mirror %s", change->dropped_mirrors[i]);
        if (root_edit_drop(&work->text, line) == 0)
            return err_set(err, ERR_USAGE, "E_ROOT_EDIT", "there is no such mirror: %s",
                           change->dropped_mirrors[i]);
    }
    return true;
}

static bool retire(struct work *work, const struct root_key *key, struct err *err)
{
    int64_t sunset = work->change->sunset;
    int64_t end = work->change->end != 0 ? work->change->end : key->end;
    if (work->change->end == 0 && sunset > end)
        end = sunset;
    if (sunset < key->from || end < sunset)
        return err_set(err, ERR_USAGE, "E_ROOT_EDIT",
                       "the sunset must lie between the key's first day and its --end");
    return root_edit_dates(&work->text, key->id, sunset, end) || fail_full(err);
}

static bool revoke(struct work *work, const struct root_key *key, struct err *err)
{
    char date[UTC_DATE_CHARS + 1];
    char words[HASH_SIZE + 16];
    utc_format_date(work->change->date != 0 ? work->change->date : work->created, date);
    (void)snprintf(words, sizeof(words), "revoked %s", key->id);
    return set_line(work, words, "%s %s %s", words, date, work->change->reason) || fail_full(err);
}

static void drop(struct work *work, const struct root_key *key)
{
    char words[HASH_SIZE + 8];
    (void)snprintf(words, sizeof(words), "key %s", key->id);
    (void)root_edit_drop(&work->text, words);
}

static bool change_named_keys(struct work *work, const struct root *base, struct err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < work->change->n_named; i++) {
        const struct root_key *key = root_resolve_key(base, work->change->named[i], err);
        if (key == NULL)
            return false;
        if (work->change->verb == ROOT_RETIRE_KEY)
            done = retire(work, key, err);
        else if (work->change->verb == ROOT_REVOKE)
            done = revoke(work, key, err);
        else
            drop(work, key);
    }
    return done;
}

/* A rotation takes out what is over anyway. */
static void drop_old_keys(struct work *work, const struct root *base)
{
    for (size_t i = 0; i < base->n_keys; i++)
        if (base->keys[i].is_revoked || base->keys[i].sunset <= work->created)
            drop(work, &base->keys[i]);
}

/* ---- where the change begins */

static bool begin_first(struct work *work, struct err *err)
{
    const struct root_change *change = work->change;
    char expires[UTC_TIME_CHARS + 1];
    utc_format_time(work->end, expires);
    work->version = 1;
    return buf_printf(&work->text, "stopgap-root 1\nversion 1\nepoch %llu\nusage %s\nexpires %s\n",
                      (unsigned long long)(change->epoch != 0 ? change->epoch : 1),
                      change->is_test ? "test" : "production", expires) ||
           fail_full(err);
}

static bool begin_next(struct work *work, const struct root *base, struct err *err)
{
    const struct root *newest = chain_newest(&work->chain);
    unsigned long long epoch = base->epoch + (work->change->raises_epoch ? 1 : 0);
    work->version = newest != NULL ? newest->version + 1 : 1;
    bool done = buf_append(&work->text, buf_slice(&base->text)) &&
                set_line(work, "version", "version %llu", (unsigned long long)work->version) &&
                set_line(work, "epoch", "epoch %llu", epoch);
    if (done && newest != NULL)
        done = set_line(work, "previous", "previous %s", newest->hash);
    if (done && (work->change->verb == ROOT_ROTATE || work->change->expires != 0))
        done = set_time(work, "expires", work->end);
    return done || fail_full(err);
}

/* A draft that somebody signed is not changed under their hands. */
static bool check_state(const struct work *work, struct err *err)
{
    const struct chain *chain = &work->chain;
    bool is_init = work->change->verb == ROOT_INIT;
    if (is_init && (chain->n_roots != 0 || chain->draft != NULL))
        return err_set(err, ERR_USAGE, "E_ROOT_EDIT",
                       "there are roots in this folder already; give another folder, or change "
                       "them with 'stopgap root rotate'");
    if (!is_init && chain->n_roots == 0 && chain->draft == NULL)
        return err_set(err, ERR_USAGE, "E_ROOT_NONE",
                       "there is no root here; 'stopgap root init' makes one");
    if (chain->draft != NULL && chain_n_signatures(chain, chain->draft->version) != 0)
        return err_set(err, ERR_USAGE, "E_ROOT_SIGNED",
                       "%010llu.draft carries signatures, which a change would void: sign it to "
                       "its end with 'stopgap root sign', or delete the folder %010llu.sig first",
                       (unsigned long long)chain->draft->version,
                       (unsigned long long)chain->draft->version);
    return true;
}

static bool make_text(struct work *work, struct err *err)
{
    const struct root_change *change = work->change;
    const struct chain *chain = &work->chain;
    const struct root *base = chain->draft != NULL ? chain->draft : chain_newest(chain);
    if (!(base == NULL ? begin_first(work, err) : begin_next(work, base, err)) ||
        !put_thresholds(work, base, err))
        return false;
    if (!set_time(work, "created", work->created))
        return fail_full(err);
    if (base != NULL && change->verb == ROOT_ROTATE)
        drop_old_keys(work, base);
    if (base != NULL && !change_named_keys(work, base, err))
        return false;
    for (size_t i = 0; i < change->n_added; i++)
        if (!put_new_key(work, &change->added[i], err))
            return false;
    return put_lines(work, err);
}

/* ---- showing and writing */

/* Nothing is written that nobody could follow, or that is unwise and was not confirmed. */
static bool decide(const struct work *work, const struct review *review, struct err *err)
{
    enum review_level worst = review_worst(review);
    if (worst == REVIEW_REFUSAL)
        return err_set(err, ERR_TRUST, "E_ROOT_REFUSED",
                       "nothing was written, for the reasons above");
    if (worst == REVIEW_WARNING && !work->change->is_sure && !work->change->is_dry_run)
        return err_set(err, ERR_TRUST, "E_ROOT_WARNED",
                       "nothing was written, because of the warnings above; when all of it is "
                       "meant, say the same with --yes");
    return true;
}

static bool show_and_write(const struct work *work, const struct root *next, struct err *err)
{
    const struct root *old = chain_newest(&work->chain);
    const struct review_request request = {.old = old,
                                           .next = next,
                                           .conditions = report_conditions(work->created),
                                           .both_sets = work->change->both_sets};
    struct review review;
    review_root(&request, &review);
    report_diff(stdout, old, next);
    report_margins(stdout, next, &request.conditions);
    report_families(stdout, next, &request.conditions);
    report_review(stdout, &review);
    if (!decide(work, &review, err))
        return false;
    if (work->change->is_dry_run) {
        (void)puts("dry run: nothing was written");
        return true;
    }
    if (!chain_put_draft(work->change->folder, work->version, buf_slice(&work->text), err))
        return false;
    (void)printf("draft %s/%010llu.draft\nsha256 %s\nnot in force before it is signed: stopgap "
                 "root sign %s --key KEY\n",
                 work->change->folder, (unsigned long long)work->version, next->hash,
                 work->change->folder);
    return true;
}

bool root_apply(const struct root_change *change, struct err *err)
{
    struct work work = {.change = change};
    struct root *next = NULL;
    bool done = false;
    buf_init(&work.text, LIMIT_ROOT_BYTES);
    work.created = change->created != 0 ? change->created : (int64_t)time(NULL);
    work.end = change->expires != 0 ? change->expires
                                    : work.created + (int64_t)ROOT_LIFE_DAYS * UTC_DAY_SECONDS;
    if (chain_read(change->folder, CHAIN_PUBLISHER, &work.chain, err)) {
        if (!check_state(&work, err))
            (void)err_at(err, change->folder, 0, 0);
        else if (make_text(&work, err))
            next = root_parse(buf_slice(&work.text), err);
        done = next != NULL && show_and_write(&work, next, err);
    }
    root_free(next);
    buf_done(&work.text);
    chain_done(&work.chain);
    return done;
}
