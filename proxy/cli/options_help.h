/* Used by options.c only. */
#pragma once

#include <stdbool.h>

/* Print the help of `stopgap run`, or of `stopgap check`, to standard output. */
void options_print_help(bool is_check);
