/* Feeds rules to SHA-256 as length-prefixed texts, so that no two sets look alike. */
#include "digest.h"

#include <openssl/evp.h>

#include "stopgap/banned.h"

static bool add_number(EVP_MD_CTX *sha, uint64_t number)
{
    return EVP_DigestUpdate(sha, &number, sizeof(number)) == 1;
}

static bool add_text(EVP_MD_CTX *sha, const char *text)
{
    struct slice bytes = slice_str(text);
    return add_number(sha, text != NULL ? bytes.len : UINT64_MAX) &&
           EVP_DigestUpdate(sha, bytes.len != 0 ? bytes.ptr : "", bytes.len) == 1;
}

/* Depth is limited by LIMIT_CONDITION_DEPTH. */
static bool add_node(EVP_MD_CTX *sha, const struct node *node)
{
    if (node == NULL)
        return add_number(sha, UINT64_MAX);
    bool fits = add_number(sha, node->kind) && add_number(sha, node->n_children);
    for (size_t i = 0; i < node->n_children && fits; i++)
        fits = add_node(sha, node->children[i]);
    if (!fits || node->kind != NODE_TEST)
        return fits;
    fits = add_number(sha, node->field) && add_text(sha, node->name) && add_number(sha, node->op) &&
           add_number(sha, node->is_negated) && add_number(sha, node->is_case_sensitive) &&
           add_text(sha, node->value) && add_number(sha, node->n_values);
    for (size_t i = 0; i < node->n_values && fits; i++)
        fits = add_text(sha, node->values[i]);
    return fits;
}

static bool add_effect(EVP_MD_CTX *sha, const struct rule *rule)
{
    return add_text(sha, rule->id) && add_number(sha, rule->is_detect_only) &&
           add_number(sha, rule->action) && add_number(sha, rule->status) &&
           add_text(sha, rule->header) && add_text(sha, rule->value) &&
           add_text(sha, rule->separator) && add_node(sha, rule->when) &&
           add_node(sha, rule->when_response);
}

static bool add_rule(EVP_MD_CTX *sha, const struct rule *rule)
{
    return add_text(sha, rule->source) && add_number(sha, rule->is_trial) && add_effect(sha, rule);
}

static bool add_places(EVP_MD_CTX *sha, const struct rule *rule)
{
    bool fits = add_text(sha, rule->mitigation) && add_number(sha, rule->activation) &&
                add_number(sha, rule->n_applies_to);
    for (size_t i = 0; i < rule->n_applies_to && fits; i++)
        fits = add_text(sha, rule->applies_to[i].from) && add_text(sha, rule->applies_to[i].before);
    return fits;
}

bool rule_digest(const struct rule *rule, struct rule_digest *ret_digest)
{
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    bool is_done = sha != NULL && EVP_DigestInit_ex(sha, EVP_sha256(), NULL) == 1 &&
                   add_effect(sha, rule) && add_places(sha, rule) &&
                   EVP_DigestFinal_ex(sha, ret_digest->bytes, NULL) == 1;
    EVP_MD_CTX_free(sha);
    return is_done;
}

static bool add_mitigation(EVP_MD_CTX *sha, const struct mitigation_info *info)
{
    return add_text(sha, info->id) && add_number(sha, info->state) &&
           add_number(sha, info->n_rules);
}

static bool add_mode(EVP_MD_CTX *sha, const struct mode_row *row)
{
    return add_text(sha, row->rule) && add_text(sha, row->vdir) && add_number(sha, row->mode);
}

static bool add_exclusion(EVP_MD_CTX *sha, const struct exclusion *exclusion)
{
    bool fits = add_text(sha, exclusion->rule) && add_text(sha, exclusion->path) &&
                add_number(sha, (uint64_t)exclusion->until_unix) &&
                add_number(sha, exclusion->n_methods);
    for (size_t i = 0; i < exclusion->n_methods && fits; i++)
        fits = add_text(sha, exclusion->methods[i]);
    fits = fits && add_number(sha, exclusion->n_networks);
    for (size_t i = 0; i < exclusion->n_networks && fits; i++) {
        const struct net_prefix *network = &exclusion->networks[i];
        fits = add_number(sha, network->bits) &&
               EVP_DigestUpdate(sha, network->address.bytes, sizeof(network->address.bytes)) == 1;
    }
    return fits;
}

static bool add_changes(EVP_MD_CTX *sha, const struct rules_changes *changes)
{
    bool fits = add_number(sha, changes->n_modes) && add_number(sha, changes->n_exclusions);
    for (size_t i = 0; i < changes->n_modes && fits; i++)
        fits = add_mode(sha, &changes->modes[i]);
    for (size_t i = 0; i < changes->n_exclusions && fits; i++)
        fits = add_exclusion(sha, &changes->exclusions[i]);
    return fits;
}

bool rules_digest(const struct digest_input *input, char ret_hex[DIGEST_HEX_BYTES])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    bool is_done = sha != NULL && EVP_DigestInit_ex(sha, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; i < input->rules->n && is_done; i++)
        is_done = add_rule(sha, input->rules->items[i]);
    for (size_t i = 0; i < input->n_mitigations && is_done; i++)
        is_done = add_mitigation(sha, &input->mitigations[i]);
    is_done = is_done && add_changes(sha, input->changes);
    is_done = is_done && EVP_DigestFinal_ex(sha, bytes, &len) == 1;
    EVP_MD_CTX_free(sha);
    for (unsigned i = 0; i < len && is_done; i++)
        (void)snprintf(ret_hex + (size_t)i * 2, 3, "%02x", bytes[i]);
    return is_done;
}
