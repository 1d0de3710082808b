/* POST /trust: {"what": "pin", "name": "exchange-core", "serial": 7, "days": 7, "reason": "..."}.
 */
#include "admin/server.h"

#include <jansson.h>

#include "stopgap/banned.h"

static bool is_what(const struct admin_trust *asked, const char *what)
{
    return strcmp(asked->what, what) == 0;
}

/* What is wrong with the request, or NULL. */
static const char *check(const struct admin_trust *asked, json_int_t serial, json_int_t days)
{
    bool is_trial = is_what(asked, "promote") || is_what(asked, "abandon");
    bool has_serial = is_what(asked, "pin") || is_what(asked, "approve");
    if (!is_trial && !has_serial && !is_what(asked, "unpin") && !is_what(asked, "reset-floor"))
        return "'what' is pin, unpin, approve, promote, abandon or reset-floor";
    if (asked->name[0] == '\0' ||
        strlen(asked->name) >= (is_trial ? ADMIN_TRIAL_NAME_BYTES : (size_t)TRUST_NAME_BYTES))
        return "'name' is the name of a rule set";
    if (is_what(asked, "approve") && serial < 1)
        return "a set that is approved has a serial";
    if (is_what(asked, "pin") && (serial < 1 || days < 1 || days > TRUST_PIN_MAX_DAYS))
        return "a pin needs a serial, and holds for 1 to 90 days";
    /* The reason stands in log and state as it is. */
    if (!trust_reason_is_good(asked->reason))
        return "a reason is needed: one line of at most 200 printable ASCII characters";
    return NULL;
}

void admin_post_trust(struct admin_conn *conn)
{
    struct slice body = admin_parser_body(&conn->parser);
    struct admin_trust asked = {.what = "", .name = "", .reason = ""};
    json_int_t serial = 0;
    json_int_t days = 0;
    json_t *root = json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
    bool is_form =
        root != NULL &&
        json_unpack(root, "{s:s, s:s, s:s, s?I, s?I !}", "what", &asked.what, "name", &asked.name,
                    "reason", &asked.reason, "serial", &serial, "days", &days) == 0;
    const char *mistake = is_form
                              ? check(&asked, serial, days)
                              : "the body is no JSON object of what, name, reason, serial, days";
    struct admin_wait *wait = NULL;
    struct ucred peer;
    if (mistake != NULL)
        admin_conn_answer_text(conn, 400, mistake);
    else if (!admin_conn_peer(conn, &peer))
        admin_conn_answer_text(conn, 500, "it cannot be seen who asks");
    else if ((wait = admin_conn_wait(conn)) != NULL) {
        asked.serial = (uint64_t)serial;
        asked.days = (unsigned)days;
        asked.uid = peer.uid;
        conn->admin->backend.change_trust(conn->admin->backend.ctx, &asked, admin_conn_done, wait);
    }
    json_decref(root);
}
