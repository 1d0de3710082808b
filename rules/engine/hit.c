/* What a match means for the verdict, and how it is shown. */
#include "engine/inspection.h"

#include "engine/effect.h"

#include "stopgap/banned.h"

enum {
    EXCERPT_BEFORE = 64, /* bytes shown in front of a match */
    MAX_FIELD_TEXT = 96, /* a name longer than this is cut in the log */
    MIN_SECRET_WORD = 3, /* length of the shortest word below */
};

/* What a match leads to. */
struct effect {
    struct slice excluded_by; /* empty: no exclusion holds */
    bool is_acting;           /* the rule does what it says */
};

/* ---- secrets */

static bool contains_word(struct slice text, struct slice word)
{
    for (size_t at = 0; at + word.len <= text.len; at++)
        if (slice_equal_nocase(slice_make(text.ptr + at, word.len), word))
            return true;
    return false;
}

static bool names_secret(struct slice text)
{
    static const char *const words[] = {"passw", "pwd", "secret", "token", "authorization"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && text.len >= MIN_SECRET_WORD; i++)
        if (contains_word(text, slice_str(words[i])))
            return true;
    return false;
}

/* Cookies that steer the front end and prove nothing; every other one may be a session. The name
 * is the rule's own: without one, any cookie could stand here. */
static bool cookie_is_public(struct slice name)
{
    return slice_starts_with_nocase(name, SLICE("X-")) || slice_equal_nocase(name, SLICE("Email"));
}

bool witness_is_secret(const struct witness *witness)
{
    struct slice name = witness->value.name;
    switch (witness->cond->node->field) {
    case FIELD_HEADER:
        return names_secret(name) || slice_equal_nocase(name, SLICE("Cookie"));
    case FIELD_COOKIE:
        return !cookie_is_public(witness->cond->name);
    case FIELD_ARG:
    case FIELD_FORM:
    case FIELD_JSON:
    case FIELD_XML_TEXT:
    case FIELD_XML_ATTR:
    case FIELD_XML_BASE64:
    case FIELD_MULTIPART:
        return names_secret(name);
    case FIELD_IIS_INPUT: /* any of "{HTTP_COOKIE}", "{HTTP_AUTHORIZATION}", "{QUERY_STRING}" */
        return names_secret(name) || names_secret(witness->value.value) ||
               contains_word(name, SLICE("cookie"));
    case FIELD_TARGET:
    case FIELD_QUERY:
    case FIELD_BODY:
        return names_secret(witness->value.value);
    case FIELD_METHOD:
    case FIELD_PATH:
    case FIELD_ARG_NAME:
    case FIELD_HEADER_NAME:
    case FIELD_COOKIE_NAME:
    case FIELD_HOST:
    case FIELD_VDIR:
    case FIELD_CLIENT:
    case FIELD_ANOMALY:
    case FIELD_FORM_NAME:
    case FIELD_JSON_KEY:
    case FIELD_XML_ELEMENT:
    case FIELD_XML_ATTRIBUTE:
    case FIELD_MULTIPART_NAME:
    case FIELD_MULTIPART_FILENAME:
    case FIELD_BODY_ANOMALY:
    case FIELD_STATUS:
    case FIELD_RESPONSE_HEADER:
    case FIELD_COUNT:
        break;
    }
    return false;
}

/* ---- texts, in the transaction's arena: they outlive the lease */

struct slice witness_field(struct arena *arena, const struct witness *witness)
{
    char text[MAX_FIELD_TEXT];
    struct slice name = slice_head(witness->value.name, MAX_FIELD_TEXT);
    int len = snprintf(text, sizeof(text), "%s%s", field_word(witness->cond->node->field),
                       name.len != 0 ? " " : "");
    size_t used = len > 0 ? (size_t)len : 0;
    name = slice_head(name, sizeof(text) - used);
    if (name.len != 0) /* it may hold any byte, so no printf */
        memcpy(text + used, name.ptr, name.len);
    return arena_copy(arena, slice_make(text, used + name.len));
}

struct slice witness_excerpt(struct arena *arena, const struct witness *witness, size_t *ret_start)
{
    size_t offset = witness->match.offset;
    *ret_start = offset > EXCERPT_BEFORE ? offset - EXCERPT_BEFORE : 0;
    struct slice around = slice_from(witness->value.value, *ret_start);
    return arena_copy(arena, slice_head(around, LIMIT_EXCERPT_BYTES));
}

static void hit_fill(struct rule_hit *hit, const struct inspection *inspection,
                     const struct compiled_rule *rule, const struct effect *effect,
                     const struct witness *witness)
{
    struct arena *arena = inspection->fields.arena;
    size_t start;
    *hit = (struct rule_hit){
        .rule_id = arena_copy(arena, slice_str(rule->info.id)),
        .cve = arena_copy(arena, rule->first_cve),
        .title = arena_copy(arena, slice_str(rule->info.title)),
        .action = slice_str(rule->info.action),
        .excluded_by = effect->excluded_by.len != 0 ? arena_copy(arena, effect->excluded_by)
                                                    : effect->excluded_by,
        .is_enforced = effect->is_acting,
    };
    if (witness->cond == NULL)
        return;
    hit->view = witness->view;
    hit->field = witness_field(arena, witness);
    hit->excerpt = witness_excerpt(arena, witness, &start);
    hit->is_secret = witness_is_secret(witness);
}

/* ---- decisions */

static bool can_stop(const struct compiled_rule *rule)
{
    enum rule_action action = rule->rule->action;
    return action == ACTION_BLOCK || action == ACTION_DENY_VDIR || action == ACTION_ABORT;
}

static unsigned rank_of(const struct compiled_rule *rule, const struct effect *effect)
{
    if (!effect->is_acting || !can_stop(rule))
        return 0;
    return rule->rule->action == ACTION_ABORT ? 2 : 1;
}

/* Room for one more hit, in front when it leads. NULL: no room, no memory. */
static struct rule_hit *hit_slot(struct inspection *inspection, bool leads)
{
    struct verdict *verdict = &inspection->verdict;
    if (inspection->hits == NULL) {
        inspection->hits =
            arena_alloc(inspection->fields.arena, LIMIT_HITS_PER_REQUEST * sizeof(*verdict->hits));
        if (inspection->hits == NULL)
            return NULL;
        verdict->hits = inspection->hits;
    }
    bool is_full = verdict->n_hits == LIMIT_HITS_PER_REQUEST;
    verdict->hits_truncated = verdict->hits_truncated || is_full;
    if (is_full && !leads)
        return NULL;
    if (!is_full)
        verdict->n_hits++;
    if (!leads)
        return &inspection->hits[verdict->n_hits - 1];
    memmove(&inspection->hits[1], &inspection->hits[0],
            (verdict->n_hits - 1) * sizeof(*verdict->hits));
    return &inspection->hits[0];
}

static void decide(struct inspection *inspection, const struct compiled_rule *rule, unsigned rank)
{
    bool is_abort = rule->rule->action == ACTION_ABORT;
    inspection->decision_rank = rank;
    inspection->verdict.action = is_abort ? VERDICT_ABORT : VERDICT_BLOCK;
    inspection->verdict.status = is_abort ? 0 : rule->rule->status;
}

/* In rule order, also when the body decided an earlier rule later. */
static void remember_edit(struct inspection *inspection, uint32_t rule_index)
{
    size_t at = inspection->n_edits;
    if (at == LIMIT_HEADER_EDITS)
        return;
    while (at != 0 && inspection->edits[at - 1] > rule_index) {
        inspection->edits[at] = inspection->edits[at - 1];
        at--;
    }
    inspection->edits[at] = rule_index;
    inspection->n_edits++;
}

void inspection_count(struct lease *lease, uint32_t rule_index)
{
    /* One writer; readers on other threads may see it a little late. */
    __atomic_store_n(&lease->hits[rule_index], lease->hits[rule_index] + 1, __ATOMIC_RELAXED);
}

void inspection_note_match(struct inspection *inspection, uint32_t rule_index, enum rules_mode mode,
                           const struct witness *witness)
{
    const struct compiled_rule *rule = &inspection->lease->set->rules[rule_index];
    if (inspection->matched != NULL) {
        inspection->matched[rule_index] = true;
        return;
    }
    struct effect effect = {.excluded_by = effect_excluded_by(inspection, rule_index)};
    effect.is_acting = mode == RULES_BLOCK && effect.excluded_by.len == 0;
    if (rule->is_response && mode == RULES_BLOCK) {
        if (effect.is_acting)
            remember_edit(inspection, rule_index); /* counted when the response is edited */
        return;
    }
    inspection_count(inspection->lease, rule_index);
    inspection->verdict.would_stop |= rule->info.is_on_trial && can_stop(rule) &&
                                      !rule->rule->is_detect_only && effect.excluded_by.len == 0;
    unsigned rank = rank_of(rule, &effect);
    bool is_deciding = rank > inspection->decision_rank;
    bool is_first = effect.excluded_by.len == 0 && !inspection->has_unexcluded;
    inspection->has_unexcluded |= is_first;
    inspection->verdict.is_excluded = !inspection->has_unexcluded;
    struct rule_hit *hit = hit_slot(inspection, is_deciding || is_first);
    if (hit != NULL)
        hit_fill(hit, inspection, rule, &effect, witness);
    if (is_deciding)
        decide(inspection, rule, rank);
}
