/* POST /mitigations: {"what": "block", "id": "M1", "reason": "..."}. */
#include "admin/server.h"

#include <stdlib.h>

#include <jansson.h>

#include "stopgap/banned.h"

/* What is wrong with the request, or NULL. */
static const char *check(const struct admin_mitigation *asked)
{
    bool is_switch = strcmp(asked->what, "enable") == 0 || strcmp(asked->what, "disable") == 0;
    if (!is_switch && strcmp(asked->what, "block") != 0 && strcmp(asked->what, "unblock") != 0)
        return "'what' is block, unblock, enable or disable";
    if (is_switch ? asked->id[0] != '\0' : !mitigation_id_is_good(asked->id))
        return is_switch ? "a switch has no id" : "this is no id of a mitigation";
    bool needs_reason = strcmp(asked->what, "block") == 0 || strcmp(asked->what, "disable") == 0;
    if ((needs_reason || asked->reason[0] != '\0') && !mitigation_reason_is_good(asked->reason))
        return "a reason is needed: one line of at most 200 printable ASCII characters";
    return NULL;
}

void admin_post_mitigations(struct admin_conn *conn)
{
    struct slice body = admin_parser_body(&conn->parser);
    struct admin_mitigation asked = {.what = "", .id = "", .reason = ""};
    json_t *root = json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
    bool is_form = root != NULL && json_unpack(root, "{s:s, s?s, s?s !}", "what", &asked.what, "id",
                                               &asked.id, "reason", &asked.reason) == 0;
    const char *mistake =
        is_form ? check(&asked) : "the body is no JSON object of what, id, reason";
    struct admin_wait *wait = NULL;
    struct ucred peer;
    if (mistake != NULL)
        admin_conn_answer_text(conn, 400, mistake);
    else if (!admin_conn_peer(conn, &peer))
        admin_conn_answer_text(conn, 500, "it cannot be seen who asks");
    else if ((wait = admin_conn_wait(conn)) != NULL) {
        asked.uid = peer.uid;
        conn->admin->backend.mitigate(conn->admin->backend.ctx, &asked, admin_conn_done, wait);
    }
    json_decref(root);
}
