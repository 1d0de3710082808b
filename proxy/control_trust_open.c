/* Opening the trust store, whatever of it is damaged: a mail server must not stay down for it. */
#include "control_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "stopgap/banned.h"

static bool open_both(struct control *control, const struct trust_options *options, struct err *err)
{
    struct trust_store *loads = trust_open(options, err);
    struct trust_store *watch = loads != NULL ? trust_open(options, err) : NULL;
    if (watch == NULL) {
        trust_close(loads);
        return false;
    }
    control->trust = loads;
    control->trust_watch->store = watch;
    return true;
}

static void note_damage(struct control_trust *trust, const struct err *why, const char *meaning)
{
    char line[400]; /* what is cut stands in the log */
    err_format(why, line, sizeof(line));
    (void)snprintf(trust->damage, sizeof(trust->damage),
                   "%s. Until that is mended and 'stopgap reload' was run, %s", line, meaning);
}

static const char without_memory[] =
    "nothing is remembered, so an older set is not told from a newer one";

/* What remains when not all can be used: first what was verified here before, then what the
 * operator gave, then what is in the program. */
static void open_part(struct control *control, const struct err *why)
{
    const struct config *config = control->config;
    bool holds = config_trust(config).holds;
    const struct {
        struct trust_options options;
        const char *meaning;
    } parts[] = {
        {{.state_dir = config->state_dir, .holds = holds},
         "signed sets are verified with the root of the state folder"},
        /* It does not hold: nothing is known here, so what was in force would be refused, too. */
        {{.root_path = config->trust_path}, without_memory},
    };
    const char *meaning = "no signed set can be verified; the rules of this program stay in force";
    bool is_open = false;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !is_open; i++) {
        struct err ignored;
        is_open = (parts[i].options.state_dir != NULL || parts[i].options.root_path != NULL) &&
                  open_both(control, &parts[i].options, &ignored);
        if (is_open)
            meaning = parts[i].meaning;
    }
    note_damage(control->trust_watch, why, meaning);
}

bool control_trust_forget(struct control *control, const struct err *why)
{
    struct trust_options options = config_trust(control->config);
    options.state_dir = NULL;
    struct trust_store *loads = control->trust;
    struct trust_store *watch = control->trust_watch->store;
    struct err ignored;
    if (options.root_path == NULL || !open_both(control, &options, &ignored))
        return false;
    trust_close(loads);
    trust_close(watch);
    note_damage(control->trust_watch, why, without_memory);
    return true;
}

bool control_trust_open(struct control *control, struct err *err)
{
    const struct config *config = control->config;
    const struct trust_options whole = config_trust(config);
    if (!config_wants_trust(config) || open_both(control, &whole, err))
        return true;
    /* The program that we would replace has its rules: better those than less protection. And whom
     * to trust was never said where there is no root at all. */
    bool was_never = strcmp(err->code, "E_ROOT_NONE") == 0 && !trust_was_used(config->state_dir);
    if (err->kind == ERR_MEMORY || control->take_over_url != NULL || was_never)
        return false;
    open_part(control, err);
    return true;
}

void control_trust_mend(struct control *control)
{
    const struct config *config = control->config;
    struct control_trust *trust = control->trust_watch;
    const struct trust_options whole = config_trust(config);
    struct err err;
    struct trust_store *store;
    if (trust->damage[0] == '\0' || (store = trust_open(&whole, &err)) == NULL)
        return;
    trust_close(control->trust);
    control->trust = store;
    trust->damage[0] = '\0';
    trust->is_mended = true;
    control_trust_poke(control);
}

void control_trust_take_mended(struct control_trust *trust)
{
    const struct config *config = trust->control->config;
    const struct trust_options whole = config_trust(config);
    struct err err;
    struct trust_store *store = trust->is_mended ? trust_open(&whole, &err) : NULL;
    if (store == NULL)
        return;
    trust_close(trust->store);
    trust->store = store;
    trust->is_mended = false;
}
