/* `stopgap run`: options, then the control loop. */
#include "cli/cli.h"
#include "cli/options.h"
#include "control.h"

#include "stopgap/trust.h"

#include "stopgap/banned.h"

struct run_check {
    bool is_mistaken; /* by more than what signed rules come from */
};

static void on_error(void *ctx, const struct err *err)
{
    struct run_check *check = ctx;
    check->is_mistaken = check->is_mistaken || err->kind != ERR_IO;
    options_print_error(NULL, err);
}

/* A path that never worked is a mistake that somebody who is there can mend; one that did is
 * damage, and mail must not stay down for it. A running program that would be replaced has its
 * rules. */
static bool may_start(const struct config *config, bool has_predecessor)
{
    struct run_check check = {.is_mistaken = false};
    return config_validate(config, on_error, &check) ||
           (!check.is_mistaken && !has_predecessor && trust_was_used(config->state_dir));
}

int cmd_run(int argc, char **argv)
{
    struct config config;
    struct control_launch launch = {.arguments = {.items = argv, .n = (size_t)argc}};
    int exit_code = EXIT_FINE;
    config_init(&config);
    enum options_result result =
        options_parse_run(argc, argv, &config, &launch.take_over_url, NULL, &exit_code);
    if (result == OPTIONS_OK)
        exit_code = may_start(&config, launch.take_over_url != NULL) ? control_run(&config, &launch)
                                                                     : EXIT_FAILED;
    config_done(&config);
    return exit_code;
}
