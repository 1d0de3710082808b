/* Writer of root files. */
#include "bundle_write.h"

#include "utc.h"

#include "stopgap/banned.h"

static bool write_head(struct buf *out, const struct root_draft *draft)
{
    char created[UTC_TIME_CHARS + 1];
    char expires[UTC_TIME_CHARS + 1];
    utc_format_time(draft->created, created);
    utc_format_time(draft->expires, expires);
    bool done = buf_printf(out,
                           "stopgap-root 1\nversion %llu\nepoch %llu\nusage %s\ncreated %s\n"
                           "expires %s\n",
                           (unsigned long long)draft->version, (unsigned long long)draft->epoch,
                           draft->is_test ? "test" : "production", created, expires);
    if (done && draft->previous != NULL)
        done = buf_printf(out, "previous %s\n", draft->previous);
    for (int role = 0; done && role < ROLE_COUNT; role++)
        if (draft->thresholds[role] != 0)
            done = buf_printf(out, "threshold %s %u\n", role_word((enum role)role),
                              draft->thresholds[role]);
    return done;
}

static bool write_roles(struct buf *out, unsigned roles)
{
    bool done = true;
    const char *separator = "";
    for (int role = 0; done && role < ROLE_COUNT; role++) {
        if ((roles & (1u << role)) == 0)
            continue;
        done = buf_printf(out, "%s%s", separator, role_word((enum role)role));
        separator = ",";
    }
    return done;
}

bool root_write_key(const struct root_draft_key *key, struct buf *out, struct err *err)
{
    char id[HASH_SIZE];
    char from[UTC_DATE_CHARS + 1];
    char sunset[UTC_DATE_CHARS + 1];
    char end[UTC_DATE_CHARS + 1];
    utc_format_date(key->from, from);
    utc_format_date(key->sunset, sunset);
    utc_format_date(key->end, end);
    struct buf der;
    buf_init(&der, LIMIT_ROOT_BYTES);
    bool done = key_id(key->pkey, id, err) && key_to_spki(key->pkey, &der, err);
    if (done)
        done =
            (buf_printf(out, "key %s %s ", id, key_algorithm_word(key_algorithm_of(key->pkey))) &&
             write_roles(out, key->roles) && buf_printf(out, " %s %s %s ", from, sunset, end) &&
             encode_to_base64(buf_slice(&der), out) && buf_append(out, SLICE("\n"))) ||
            err_set(err, ERR_LIMIT, "E_ROOT_SIZE", "the root would have more than %zu bytes",
                    out->max);
    buf_done(&der);
    return done;
}

bool root_write(const struct root_draft *draft, struct buf *out, struct err *err)
{
    if (!write_head(out, draft))
        return err_set(err, ERR_LIMIT, "E_ROOT_SIZE", "the root would have more than %zu bytes",
                       out->max);
    for (size_t i = 0; i < draft->n_keys; i++)
        if (!root_write_key(&draft->keys[i], out, err))
            return false;
    struct root *again = root_parse(buf_slice(out), err);
    root_free(again);
    return again != NULL;
}
