/* The verbs of `stopgap rules` that have a file of their own; argv[0] is the verb. */
#pragma once

int cmd_rules_lint(int argc, char **argv);
int cmd_rules_show(int argc, char **argv);
int cmd_rules_diff(int argc, char **argv);
int cmd_rules_cost(int argc, char **argv);
int cmd_rules_pin(int argc, char **argv); /* unpin and reset-floor, too */
