/* One JSON object per request that a rule matched, schema version 1. Empty texts and a status
 * that is 0 are left out:
 *
 *   v                1
 *   time             RFC 3339, UTC, microseconds
 *   conn, req        as in the access log
 *   client           address
 *   incident         number that the client was told
 *   decision         block, abort, detect, excluded
 *   method, host, target, vdir
 *                    as in the access log
 *   ruleset          name of the set that judged
 *   status           sent to the client
 *   rules            the rules that matched, the one that decides first, each with
 *                    id, cve, title, action, enforced, excluded_by, field, view (raw, once,
 *                    stable), excerpt
 *   rules_truncated  true when there were more
 *
 * excerpt is "***" where the field's value is a secret; elsewhere credentials in it are masked. */
#include "log/chunk.h"
#include "log/mask.h"

#include "stopgap/banned.h"

/* Most bytes of each text in the line, escapes included. */
enum {
    MAX_CLIENT = 48,
    MAX_METHOD = 48,
    MAX_HOST = 288,
    MAX_TARGET = 2 * MASK_TARGET_BYTES,
    MAX_WORD = 96,
    MAX_RULESET = 512,
    MAX_TITLE = 200,
    MAX_FIELD = 120,
    MAX_LABEL = 64,
    MAX_EXCERPT = 2 * LIMIT_EXCERPT_BYTES,
    KEYS_BYTES = 300, /* all keys with their punctuation */
    MAX_HIT = 3 * MAX_WORD + MAX_TITLE + MAX_FIELD + MAX_LABEL + MAX_EXCERPT +
              150, /* keys, view, enforced */
};
_Static_assert(MAX_CLIENT + MAX_METHOD + MAX_HOST + MAX_TARGET + 3 * MAX_WORD + MAX_RULESET +
                       LINE_TIME_BYTES + 3 * LINE_U64_BYTES + KEYS_BYTES +
                       LIMIT_HITS_PER_REQUEST * MAX_HIT <=
                   LIMIT_LOG_LINE_BYTES,
               "a decision line has room for its fields");

static void write_hit(struct line *line, const struct rule_hit *hit)
{
    char masked[LIMIT_EXCERPT_BYTES];
    struct slice excerpt = slice_head(hit->excerpt, LIMIT_EXCERPT_BYTES);
    excerpt = hit->is_secret ? SLICE("***") : mask_excerpt(excerpt, masked, sizeof(masked));
    struct slice id = hit->rule_id.len != 0 ? hit->rule_id : SLICE("?");
    line_text(line, SLICE("{\"id\":"), id, MAX_WORD);
    line_text(line, SLICE(",\"cve\":"), hit->cve, MAX_WORD);
    line_text(line, SLICE(",\"title\":"), hit->title, MAX_TITLE);
    line_text(line, SLICE(",\"action\":"), hit->action, MAX_WORD);
    line_bytes(line, SLICE(",\"enforced\":"));
    line_bytes(line, hit->is_enforced ? SLICE("true") : SLICE("false"));
    line_text(line, SLICE(",\"excluded_by\":"), hit->excluded_by, MAX_LABEL);
    line_text(line, SLICE(",\"field\":"), hit->field, MAX_FIELD);
    line_text(line, SLICE(",\"view\":"), slice_str(view_name(hit->view)), MAX_WORD);
    line_text(line, SLICE(",\"excerpt\":"), excerpt, MAX_EXCERPT);
    line_bytes(line, SLICE("}"));
}

static void write_hits(struct line *line, const struct decision_record *record)
{
    size_t n = record->n_hits < LIMIT_HITS_PER_REQUEST ? record->n_hits : LIMIT_HITS_PER_REQUEST;
    line_bytes(line, SLICE(",\"rules\":["));
    for (size_t i = 0; i < n; i++) {
        if (i != 0)
            line_bytes(line, SLICE(","));
        write_hit(line, &record->hits[i]);
    }
    line_bytes(line, SLICE("]"));
    if (record->hits_truncated || n < record->n_hits)
        line_bytes(line, SLICE(",\"rules_truncated\":true"));
}

static void write_request(struct line *line, const struct decision_record *record)
{
    char masked[MASK_TARGET_BYTES + MASK_MARK_BYTES];
    line_text(line, SLICE(",\"method\":"), record->method, MAX_METHOD);
    line_text(line, SLICE(",\"host\":"), record->host, MAX_HOST);
    line_text(line, SLICE(",\"target\":"), mask_target(record->target, masked), MAX_TARGET);
    line_text(line, SLICE(",\"vdir\":"), record->vdir, MAX_WORD);
    line_text(line, SLICE(",\"ruleset\":"), record->ruleset, MAX_RULESET);
}

void decision_log_write(struct log_buffer *buffer, const struct decision_record *record)
{
    struct line line;
    if (!log_line_begin(buffer, LOG_DECISIONS, &line))
        return;
    char client[MAX_CLIENT];
    size_t len = net_address_format(&record->client, client, sizeof(client));
    line_bytes(&line, SLICE("{\"v\":1,\"time\":\""));
    line_time(&line, log_line_clock(buffer), record->wall_us);
    line_u64(&line, SLICE("\",\"conn\":"), record->connection_id);
    line_u64(&line, SLICE(",\"req\":"), record->request_number);
    line_text(&line, SLICE(",\"client\":"), slice_make(client, len), MAX_CLIENT);
    line_text(&line, SLICE(",\"incident\":"), record->incident_id, MAX_WORD);
    line_text(&line, SLICE(",\"decision\":"), record->decision, MAX_WORD);
    write_request(&line, record);
    if (record->status != 0)
        line_u64(&line, SLICE(",\"status\":"), record->status);
    write_hits(&line, record);
    line_bytes(&line, SLICE("}\n"));
    log_line_end(buffer, LOG_DECISIONS, &line);
}
