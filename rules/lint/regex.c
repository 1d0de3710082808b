/* Walks over the tokens of a regex with a small stack of its open groups. */
#include "lint/regex.h"

#include "engine/regex_text.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "stopgap/banned.h"

enum { MAX_DEPTH = 64 }; /* deeper groups are not looked into */

/* The bytes that a part such as [a-z] stands for. */
struct byte_set {
    uint64_t words[4];
};

/* A branch of an open group, and what its finished branches showed. */
struct group {
    unsigned n_unbounded; /* parts of the branch that repeat without bound */
    unsigned n_fixed;     /* parts that must be there */
    unsigned n_wide;
    unsigned most_wide; /* of the finished branches */
    /* Of a branch that is nothing but x+y+z+: where neighbours differ, a round has one way only. */
    struct byte_set first;
    struct byte_set last;
    unsigned n_sets;
    bool overlaps;
    bool is_loose; /* some branch is nothing but repeats, and its rounds can be cut in many ways */
    bool is_assertion;
    bool is_atomic;
};

struct walk {
    struct slice regex;
    struct group groups[MAX_DEPTH];
    unsigned depth;
    unsigned run; /* known bytes so far */
    struct regex_traits traits;
};

static bool set_meets(const struct byte_set *a, const struct byte_set *b)
{
    return ((a->words[0] & b->words[0]) | (a->words[1] & b->words[1]) |
            (a->words[2] & b->words[2]) | (a->words[3] & b->words[3])) != 0;
}

/* Asks PCRE2 about each byte. */
static struct byte_set set_of(struct slice part)
{
    struct byte_set set = {{0}};
    int error;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)part.ptr, part.len, PCRE2_DOTALL | PCRE2_CASELESS,
                                     &error, &offset, NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    for (unsigned byte = 0; byte < 256 && code != NULL && data != NULL; byte++) {
        unsigned char text = (unsigned char)byte;
        if (pcre2_match(code, &text, 1, 0, 0, data, NULL) >= 0)
            set.words[byte / 64] |= (uint64_t)1 << (byte % 64);
    }
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return set;
}

static void end_branch(struct group *group)
{
    bool has_one_way = group->n_sets == group->n_unbounded && !group->overlaps &&
                       !set_meets(&group->last, &group->first);
    group->is_loose =
        group->is_loose || (group->n_unbounded != 0 && group->n_fixed == 0 && !has_one_way);
    group->n_sets = 0;
    group->overlaps = false;
    group->most_wide = group->n_wide > group->most_wide ? group->n_wide : group->most_wide;
    group->n_unbounded = group->n_fixed = group->n_wide = 0;
}

static void open_group(struct walk *walk, struct slice rest)
{
    if (++walk->depth >= MAX_DEPTH)
        return;
    walk->groups[walk->depth] = (struct group){
        .is_assertion =
            slice_starts_with(rest, SLICE("?=")) || slice_starts_with(rest, SLICE("?!")) ||
            slice_starts_with(rest, SLICE("?<=")) || slice_starts_with(rest, SLICE("?<!")),
        .is_atomic = slice_starts_with(rest, SLICE("?>")),
    };
}

/* Behind "(?:", "(?<name>" and the like, so that they are not taken for text. */
static size_t skip_group_head(struct slice regex, size_t at)
{
    struct slice rest = slice_from(regex, at);
    if (!slice_starts_with(rest, SLICE("?")))
        return at;
    static const char *const heads[] = {"?<=", "?<!", "?:", "?=", "?!", "?>", "?|"};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        if (slice_starts_with(rest, slice_str(heads[i])))
            return at + strlen(heads[i]);
    while (at < regex.len && strchr(":>)'", regex.ptr[at]) == NULL)
        at++;
    return at < regex.len && regex.ptr[at] != ')' ? at + 1 : at;
}

/* x+ of a branch. */
static void add_set(struct group *group, struct slice part)
{
    struct byte_set set = set_of(part);
    if (group->n_sets++ == 0)
        group->first = set;
    else
        group->overlaps = group->overlaps || set_meets(&group->last, &set);
    group->last = set;
}

/* One part of the branch with the repeat behind it; inner is the group that it was, or NULL. */
static void add_part(struct walk *walk, const struct regex_token *repeat, struct slice part,
                     const struct group *inner)
{
    struct group *group = &walk->groups[walk->depth];
    bool is_loose = inner != NULL && inner->is_loose && !inner->is_atomic;
    if (repeat->kind == TOKEN_REPEAT && repeat->is_unbounded) {
        walk->traits.has_nested_repeat =
            walk->traits.has_nested_repeat || (is_loose && !repeat->is_possessive);
        group->n_unbounded++;
        group->n_wide += slice_equal(part, SLICE("."));
        if (inner == NULL && !repeat->is_optional)
            add_set(group, part);
    } else if (is_loose) {
        group->n_unbounded++;
    } else if (repeat->kind != TOKEN_REPEAT || !repeat->is_optional) {
        group->n_fixed++;
    }
    group->n_wide += inner != NULL ? inner->most_wide : 0;
    walk->traits.n_wide = group->n_wide > walk->traits.n_wide ? group->n_wide : walk->traits.n_wide;
    if (repeat->kind == TOKEN_REPEAT && repeat->most > walk->traits.largest_count)
        walk->traits.largest_count = repeat->most;
}

static void add_byte(struct walk *walk, bool is_kept)
{
    walk->run = is_kept ? walk->run + 1 : 0;
    walk->traits.n_literals += is_kept;
    if (walk->run > walk->traits.literal_bytes)
        walk->traits.literal_bytes = walk->run;
}

static bool is_zero_width(struct slice regex, size_t at, size_t end)
{
    char c = regex.ptr[at];
    return c == '^' || c == '$' ||
           (c == '\\' && end == at + 2 && strchr("bBAzZG", regex.ptr[at + 1]) != NULL);
}

/* Returns the offset behind what was read. */
static size_t step(struct walk *walk, size_t at)
{
    struct slice regex = walk->regex;
    struct regex_token token = regex_token_read(regex, at);
    struct regex_token repeat = {.kind = TOKEN_OTHER};
    if (token.kind == TOKEN_OPEN) {
        open_group(walk, slice_from(regex, token.end));
        walk->run = 0;
        return skip_group_head(regex, token.end);
    }
    if (token.kind == TOKEN_BAR) {
        end_branch(&walk->groups[walk->depth]);
        walk->run = 0;
        return token.end;
    }
    size_t end = token.end;
    if (end < regex.len && (repeat = regex_token_read(regex, end)).kind == TOKEN_REPEAT)
        end = repeat.end;
    if (token.kind == TOKEN_CLOSE && walk->depth != 0) {
        struct group inner = walk->groups[walk->depth];
        end_branch(&inner);
        walk->depth--;
        walk->run = 0;
        if (!inner.is_assertion)
            add_part(walk, &repeat, slice_make("", 0), &inner);
        return end;
    }
    bool is_byte = token.kind == TOKEN_BYTE;
    add_byte(walk, is_byte && (repeat.kind != TOKEN_REPEAT || !repeat.is_optional));
    if (is_byte || !is_zero_width(regex, at, token.end))
        add_part(walk, &repeat, slice_make(regex.ptr + at, token.end - at), NULL);
    return end;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

static bool has_escape(struct slice text)
{
    for (size_t at = 0; at + 2 < text.len; at++)
        if (text.ptr[at] == '%' && is_hex(text.ptr[at + 1]) && is_hex(text.ptr[at + 2]))
            return true;
    return false;
}

struct regex_traits regex_traits_read(struct slice regex)
{
    struct walk walk = {.regex = regex};
    bool is_too_deep = false;
    for (size_t at = 0; at < regex.len && !is_too_deep;) {
        at = step(&walk, at);
        is_too_deep = walk.depth >= MAX_DEPTH;
    }
    walk.traits.has_escape = has_escape(regex);
    walk.traits.minds_case = memmem(regex.ptr, regex.len, "(?-i", 4) != NULL;
    return walk.traits;
}

/* ---- anchors */

static bool ends_with_anchor(struct slice regex)
{
    return regex.len != 0 && regex.ptr[regex.len - 1] == '$' &&
           (regex.len == 1 || regex.ptr[regex.len - 2] != '\\');
}

bool regex_is_anchored_whole(struct slice regex)
{
    struct slice alternative;
    while (regex_next_alternative(&regex, &alternative))
        if (!slice_starts_with(alternative, SLICE("^")) || !ends_with_anchor(alternative))
            return false;
    return true;
}

bool regex_has_anchor(struct slice regex)
{
    return memchr(regex.ptr, '^', regex.len) != NULL || memchr(regex.ptr, '$', regex.len) != NULL;
}
