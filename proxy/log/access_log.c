/* One JSON object per transaction, schema version 1. Empty texts and statuses that are 0 are left
 * out; all other fields are always there, in this order:
 *
 *   v                1
 *   time             end of the transaction, RFC 3339, UTC, microseconds
 *   conn, req        number of the connection, and of the request on it
 *   client, port     address and port of the client (behind trusted proxies)
 *   listener         URL it connected to
 *   upstream         URL that was asked; none was when it is absent
 *   method, host, target
 *                    as received; target at most 2 KiB, then "...[+N]"; query values of
 *                    password-like names are "***"
 *   vdir             first segment of the canonical path
 *   http             "1.0" or "1.1"
 *   status           sent to the client
 *   upstream_status  of the upstream's response
 *   bytes_in, bytes_out
 *                    body bytes from and to the client
 *   head_us          first to last byte of the head
 *   inspect_us       rules
 *   connect_us       connection to the upstream
 *   response_us      request forwarded to first byte of the response
 *   total_us         all of it
 *   end              why it ended: a word of reason.h
 *   detail           of that
 *   ruleset          name of the set that judged
 *   rule             the deciding rule
 *   excluded_by      the exclusion that let the request pass it
 *   incident         number that the client was told
 *   decision         pass, block, abort, detect, excluded, fault, pass_through
 *
 * A connection that was passed through (decision pass_through) has one record, with req 0, no http,
 * its TLS name as host, and the bytes of TLS. */
#include "log/chunk.h"
#include "log/mask.h"

#include "stopgap/banned.h"

/* Most bytes of each text in the line, escapes included. */
enum {
    MAX_CLIENT = 48,
    MAX_URL = 288,
    MAX_METHOD = 48,
    MAX_HOST = 288,
    MAX_TARGET = 5 * MASK_TARGET_BYTES, /* most hostile bytes take six each */
    MAX_WORD = 128,
    MAX_LABEL = 160,
    MAX_DETAIL = 512,
    MAX_RULESET = 512,
    N_NUMBERS = 12,
    KEYS_BYTES = 600, /* all keys with their punctuation */
};
_Static_assert(MAX_CLIENT + 2 * MAX_URL + MAX_METHOD + MAX_HOST + MAX_TARGET + MAX_DETAIL +
                       MAX_LABEL + MAX_RULESET + 5 * MAX_WORD + N_NUMBERS * LINE_U64_BYTES +
                       LINE_TIME_BYTES + KEYS_BYTES <=
                   LIMIT_LOG_LINE_BYTES,
               "an access line has room for its fields");

static void write_client(struct line *line, const struct access_record *record)
{
    char client[MAX_CLIENT];
    size_t len = net_address_format(&record->client, client, sizeof(client));
    line_text(line, SLICE(",\"client\":"), slice_make(client, len), MAX_CLIENT);
    line_u64(line, SLICE(",\"port\":"), record->client_port);
    line_text(line, SLICE(",\"listener\":"), record->listener, MAX_URL);
    line_text(line, SLICE(",\"upstream\":"), record->upstream, MAX_URL);
}

static void write_request(struct line *line, const struct access_record *record)
{
    char masked[MASK_TARGET_BYTES + MASK_MARK_BYTES];
    line_text(line, SLICE(",\"method\":"), record->method, MAX_METHOD);
    line_text(line, SLICE(",\"host\":"), record->host, MAX_HOST);
    line_text(line, SLICE(",\"target\":"), mask_target(record->target, masked), MAX_TARGET);
    line_text(line, SLICE(",\"vdir\":"), record->vdir, MAX_WORD);
    if (record->request_number != 0) {
        line_u64(line, SLICE(",\"http\":\"1."), record->http_minor);
        line_bytes(line, SLICE("\""));
    }
}

static void write_response(struct line *line, const struct access_record *record)
{
    if (record->status != 0)
        line_u64(line, SLICE(",\"status\":"), record->status);
    if (record->upstream_status != 0)
        line_u64(line, SLICE(",\"upstream_status\":"), record->upstream_status);
    line_u64(line, SLICE(",\"bytes_in\":"), record->bytes_in);
    line_u64(line, SLICE(",\"bytes_out\":"), record->bytes_out);
    line_u64(line, SLICE(",\"head_us\":"), record->head_us);
    line_u64(line, SLICE(",\"inspect_us\":"), record->inspect_us);
    line_u64(line, SLICE(",\"connect_us\":"), record->connect_us);
    line_u64(line, SLICE(",\"response_us\":"), record->response_us);
    line_u64(line, SLICE(",\"total_us\":"), record->total_us);
}

static void write_end(struct line *line, const struct access_record *record)
{
    line_text(line, SLICE(",\"end\":"), slice_str(end_reason_word(record->reason)), MAX_WORD);
    line_text(line, SLICE(",\"detail\":"), record->detail, MAX_DETAIL);
    line_text(line, SLICE(",\"ruleset\":"), record->ruleset, MAX_RULESET);
    line_text(line, SLICE(",\"rule\":"), record->rule_id, MAX_WORD);
    line_text(line, SLICE(",\"excluded_by\":"), record->excluded_by, MAX_LABEL);
    line_text(line, SLICE(",\"incident\":"), record->incident_id, MAX_WORD);
    line_text(line, SLICE(",\"decision\":"), record->decision, MAX_WORD);
}

void access_log_write(struct log_buffer *buffer, const struct access_record *record)
{
    struct line line;
    if (!log_line_begin(buffer, LOG_ACCESS, &line))
        return;
    line_bytes(&line, SLICE("{\"v\":1,\"time\":\""));
    line_time(&line, log_line_clock(buffer), record->wall_us);
    line_u64(&line, SLICE("\",\"conn\":"), record->connection_id);
    line_u64(&line, SLICE(",\"req\":"), record->request_number);
    write_client(&line, record);
    write_request(&line, record);
    write_response(&line, record);
    write_end(&line, record);
    line_bytes(&line, SLICE("}\n"));
    log_line_end(buffer, LOG_ACCESS, &line);
}
