/* The threshold verifier. */
#include "signature.h"

#include "utc.h"

#include "stopgap/banned.h"

static const struct ustar_member *find_signature(const struct signature_request *request,
                                                 const char *id)
{
    char name[USTAR_NAME_MAX + 1];
    int len = snprintf(name, sizeof(name), "%s%s", request->prefix, id);
    return len > 0 && (size_t)len < sizeof(name) ? ustar_find(request->archive, name) : NULL;
}

static unsigned count_members(const struct ustar *archive, const char *prefix)
{
    unsigned n = 0;
    for (size_t i = 0; i < archive->n_members; i++)
        if (strncmp(archive->members[i].name, prefix, strlen(prefix)) == 0)
            n++;
    return n;
}

static void count_unusable(const struct root_key *key, struct signature_tally *tally)
{
    tally->unusable++;
    (void)snprintf(tally->unusable_word, sizeof(tally->unusable_word), SLICE_FMT,
                   SLICE_ARG(slice_head(key->algorithm_word, 31)));
}

/* Judge the signature of one key of the role. */
static void count_key(const struct root *root, size_t index,
                      const struct signature_request *request, const struct ustar_member *signature,
                      struct signature_tally *tally)
{
    const struct root_key *key = &root->keys[index];
    bool is_good = !key->is_revoked && key->pkey != NULL &&
                   key_verify(key->pkey, request->message, signature->data);
    if (key->is_revoked) {
        tally->revoked++;
    } else if (is_good) {
        tally->good++;
        tally->good_keys |= UINT32_C(1) << index;
    } else if (key->pkey == NULL || !key_works(key->algorithm)) {
        count_unusable(key, tally);
    } else {
        tally->bad++;
    }
}

void signature_count(const struct root *root, const struct signature_request *request,
                     struct signature_tally *ret_tally)
{
    struct signature_tally tally = {.needed = root->thresholds[request->role]};
    unsigned n_known = 0;
    for (size_t i = 0; i < root->n_keys; i++) {
        const struct ustar_member *signature = NULL;
        if ((root->keys[i].roles & (1u << request->role)) != 0)
            signature = find_signature(request, root->keys[i].id);
        if (signature == NULL)
            continue;
        n_known++;
        count_key(root, i, request, signature, &tally);
    }
    tally.strangers = count_members(request->archive, request->prefix) - n_known;
    *ret_tally = tally;
}

void signature_apply_time(const struct root *root, int64_t created, struct signature_tally *tally)
{
    for (size_t i = 0; i < root->n_keys; i++) {
        const struct root_key *key = &root->keys[i];
        uint32_t bit = UINT32_C(1) << i;
        bool is_in_force = created >= key->from && created < key->end + UTC_DAY_SECONDS;
        if ((tally->good_keys & bit) == 0 || is_in_force)
            continue;
        tally->good_keys &= ~bit;
        tally->good--;
        tally->out_of_time++;
    }
}

void signature_describe(const struct signature_tally *tally, char *out, size_t size)
{
    const struct {
        unsigned n;
        const char *text;
    } parts[] = {
        {tally->bad, "do not fit"},
        {tally->revoked, "of revoked keys"},
        {tally->out_of_time, "of keys not in force at that time"},
        {tally->unusable, "in an algorithm that this build cannot check"},
        {tally->strangers, "of keys that the root does not list for this role"},
    };
    int at = snprintf(out, size, "%u/%u", tally->good, tally->needed);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i].n != 0 && at > 0 && (size_t)at < size)
            at += snprintf(out + at, size - (size_t)at, ", %u %s", parts[i].n, parts[i].text);
}
