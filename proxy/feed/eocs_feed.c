/* The steps of a visit, in order; the first that fails ends it. */
#include "feed/eocs_feed.h"

#include <time.h>

#include "stopgap/trust.h"

#include "stopgap/banned.h"

static bool fetch(struct eocs_feed_visit *visit, struct buf *bytes)
{
    const struct fetch_request request = {.url = visit->config->url,
                                          .ca_path = visit->config->ca_path,
                                          .proxy = visit->config->proxy,
                                          .etag = visit->etag,
                                          .total_ms = (unsigned)visit->config->timeout_ms,
                                          .cancel = visit->cancel};
    if (!fetch_get(&request, bytes, &visit->response, &visit->err))
        return false;
    feed_tell(&visit->steps, "fetch", "status %ld, %zu bytes from %s in %u ms",
              visit->response.status, bytes->len, visit->response.address,
              visit->response.total_ms);
    return true;
}

/* Opened each time: an anchor that the admin replaces, or a publisher's new root, counts at once.
 */
static struct eocs_trust *open_trust(struct eocs_feed_visit *visit)
{
    const struct trust_options options = {
        .root_path = visit->root_path, .state_dir = visit->state_dir, .is_read_only = true};
    struct trust_store *publisher = trust_open(&options, &visit->err);
    struct eocs_trust *trust = NULL;
    if (publisher != NULL || strcmp(visit->err.code, "E_ROOT_NONE") == 0) {
        const struct eocs_trust_options anchors = {.sign_anchors = visit->config->sign_anchors,
                                                   .ts_anchors = visit->config->ts_anchors,
                                                   .deny = visit->config->deny,
                                                   .publisher = publisher};
        visit->err = (struct err){0};
        trust = eocs_trust_open(&anchors, &visit->err);
    }
    trust_close(publisher);
    return trust;
}

static bool verify(struct eocs_feed_visit *visit, struct slice bytes,
                   struct eocs_document **ret_document)
{
    struct eocs_options options = {.now = (int64_t)time(NULL)};
    struct eocs_trust *trust = open_trust(visit);
    if (trust == NULL)
        return false;
    options.trust = trust;
    bool done = (visit->state_dir == NULL ||
                 eocs_state_load(visit->state_dir, &options.newest, &visit->err)) &&
                eocs_verify(bytes, &options, ret_document, &visit->err);
    eocs_trust_close(trust);
    if (done)
        feed_tell(&visit->steps, "verify", "signed by %s%s%s", (*ret_document)->signer,
                  (*ret_document)->signed_at != 0 ? ", stamped by " : ", no time stamp",
                  (*ret_document)->stamper);
    return done;
}

static bool convert(struct eocs_feed_visit *visit, const struct eocs_document *document,
                    struct slice bytes)
{
    struct eocs_set *set = &visit->set;
    if (!eocs_set_make(visit->writes ? visit->state_dir : NULL, document, bytes,
                       visit->config->enforces, set, &visit->err))
        return false;
    feed_tell(&visit->steps, "convert", "%zu mitigations, %zu rule files, %zu left out",
              set->n_mitigations, set->n_files, set->n_left_out);
    for (size_t i = 0; i < set->n_left_out && i < EOCS_MAX_LEFT_OUT; i++)
        feed_tell(&visit->steps, "left out", "%s: %s: %s", set->left_out[i].id,
                  set->left_out[i].why.code, set->left_out[i].why.text);
    return true;
}

void eocs_feed_run(struct eocs_feed_visit *visit)
{
    struct buf bytes;
    struct eocs_document *document = NULL;
    buf_init(&bytes, EOCS_MAX_BYTES);
    visit->err = (struct err){0};
    visit->set = (struct eocs_set){0};
    visit->is_good = fetch(visit, &bytes);
    visit->is_unchanged = visit->is_good && visit->response.is_unchanged;
    if (visit->is_good && !visit->is_unchanged) {
        visit->is_good = verify(visit, buf_slice(&bytes), &document) &&
                         convert(visit, document, buf_slice(&bytes));
        memcpy(visit->etag, visit->is_good ? visit->response.etag : "",
               visit->is_good ? sizeof(visit->etag) : 1);
    }
    eocs_document_free(document);
    buf_done(&bytes);
}
