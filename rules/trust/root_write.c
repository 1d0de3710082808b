/* The line of a key in a root. */
#include "bundle_write.h"

#include "utc.h"

#include "stopgap/banned.h"

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
