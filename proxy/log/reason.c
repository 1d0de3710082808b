/* Words and sentences of enum end_reason. */
#include "reason.h"

#include "stopgap/banned.h"

static const struct {
    const char *word;
    const char *text;
} reasons[END_REASON_COUNT] = {
#define X(id, word, text) [id] = {word, text},
    END_REASONS(X)
#undef X
};

const char *end_reason_word(enum end_reason reason)
{
    return (unsigned)reason < END_REASON_COUNT ? reasons[reason].word : "unknown";
}

const char *end_reason_text(enum end_reason reason)
{
    return (unsigned)reason < END_REASON_COUNT ? reasons[reason].text : "unknown";
}
