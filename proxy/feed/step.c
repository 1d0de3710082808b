/* Telling of steps. */
#include "feed/step.h"

#include <stdarg.h>
#include <stdio.h>

#include "stopgap/banned.h"

void feed_tell(const struct feed_steps *steps, const char *step, const char *format, ...)
{
    char text[1024];
    va_list args;
    if (steps->on_step == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    steps->on_step(steps->ctx, step, text);
}
