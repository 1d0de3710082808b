/* `stopgap run`: options, then the control loop. */
#include "cli/cli.h"
#include "cli/options.h"
#include "control.h"

#include "stopgap/banned.h"

int cmd_run(int argc, char **argv)
{
    struct config config;
    struct control_launch launch = {.arguments = {.items = argv, .n = (size_t)argc}};
    int exit_code = EXIT_FINE;
    config_init(&config);
    enum options_result result =
        options_parse_run(argc, argv, &config, &launch.take_over_url, NULL, &exit_code);
    if (result == OPTIONS_OK)
        exit_code = config_validate(&config, options_print_error, NULL)
                        ? control_run(&config, &launch)
                        : EXIT_FAILED;
    config_done(&config);
    return exit_code;
}
