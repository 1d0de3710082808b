/* Ids and states of mitigations: pure. */
#include "stopgap/mitigation.h"

#include "stopgap/banned.h"

enum { MAX_ID_NUMBERS = 8 }; /* M2.1.0 has three */

/* "M2.1" as letters and numbers. */
struct id_parts {
    struct slice letters;
    uint64_t numbers[MAX_ID_NUMBERS];
    size_t n;
};

const char *mitigation_state_word(enum mitigation_state state)
{
    static const char *const words[MITIGATION_STATE_COUNT] = {"Applied", "Blocked", "Disabled",
                                                              "NotApplicable", "Failed"};
    return state < MITIGATION_STATE_COUNT ? words[state] : "?";
}

enum mitigation_state mitigation_judge(const struct mitigation_facts *facts)
{
    if (facts->is_blocked)
        return MITIGATION_BLOCKED;
    if (!facts->is_org_on || !facts->is_server_on || facts->is_off_by_rule)
        return MITIGATION_DISABLED;
    if (!facts->is_applicable)
        return MITIGATION_NOT_APPLICABLE;
    return facts->is_load_failed ? MITIGATION_FAILED : MITIGATION_APPLIED;
}

static bool is_letter(char c)
{
    c = ascii_lower(c);
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool mitigation_id_is_good(const char *id)
{
    size_t len = strlen(id);
    for (size_t i = 0; i < len; i++)
        if (!is_letter(id[i]) && !is_digit(id[i]) && strchr("._-", id[i]) == NULL)
            return false;
    return len != 0 && len < MITIGATION_ID_BYTES;
}

/* False for an id of another form, such as that of a rule. */
static bool split_id(const char *text, struct id_parts *ret_parts)
{
    struct slice rest = slice_str(text);
    struct slice number;
    size_t n_letters = 0;
    while (n_letters < rest.len && is_letter(rest.ptr[n_letters]))
        n_letters++;
    *ret_parts = (struct id_parts){.letters = slice_head(rest, n_letters)};
    rest = slice_from(rest, n_letters);
    if (n_letters == 0 || rest.len == 0)
        return false;
    while (slice_next(&rest, '.', &number)) {
        if (ret_parts->n == MAX_ID_NUMBERS ||
            !slice_to_u64(number, &ret_parts->numbers[ret_parts->n]))
            return false;
        ret_parts->n++;
    }
    return true;
}

static bool numbers_cover(const struct id_parts *block, const struct id_parts *id)
{
    for (size_t i = 0; i < block->n; i++) {
        uint64_t number = i < id->n ? id->numbers[i] : 0;
        if (block->numbers[i] != number)
            return false;
    }
    return true;
}

bool mitigation_id_covers(const char *block, const char *id)
{
    struct id_parts left;
    struct id_parts right;
    if (split_id(block, &left) && split_id(id, &right))
        return slice_equal_nocase(left.letters, right.letters) && numbers_cover(&left, &right);
    struct slice family = slice_str(block);
    struct slice member = slice_str(id);
    return slice_starts_with_nocase(member, family) &&
           (member.len == family.len || member.ptr[family.len] == '.');
}

bool mitigation_id_equals(const char *left, const char *right)
{
    return mitigation_id_covers(left, right) && mitigation_id_covers(right, left);
}
