/* The program's own messages: logfmt lines on standard error, each in one write. */
#include "log/line.h"
#include "log/log.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum {
    EVENT_MESSAGE_BYTES = 2048, /* err.text and a path */
    EVENT_ESCAPED_BYTES = 3072, /* the same with its quotes and odd bytes escaped */
    EVENT_WORD_BYTES = 64,
    EVENT_LINE_BYTES = 4000, /* below PIPE_BUF, so lines of two threads do not mix */
};
_Static_assert(EVENT_ESCAPED_BYTES + 2 * (EVENT_WORD_BYTES + 2) + LINE_TIME_BYTES + 40 <
                   EVENT_LINE_BYTES,
               "an event line has room for its parts");

static uint64_t wall_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* level and event are words of the program, not input; they need no quotes. */
static void event_word(struct line *line, struct slice key, const char *word)
{
    line_bytes(line, key);
    line_bytes(line, slice_head(slice_str(word), EVENT_WORD_BYTES));
}

void log_event(const char *level, const char *event, const char *format, ...)
{
    char message[EVENT_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (n < 0)
        message[0] = '\0';

    char text[EVENT_LINE_BYTES];
    struct line line = {.next = text, .end = text + sizeof(text)};
    struct line_clock clock = {0};
    line_bytes(&line, SLICE("ts="));
    line_time(&line, &clock, wall_us());
    event_word(&line, SLICE(" level="), level);
    event_word(&line, SLICE(" event="), event);
    line_text(&line, SLICE(" msg="), slice_str(message), EVENT_ESCAPED_BYTES);
    line_bytes(&line, SLICE("\n"));

    /* Any thread may come here, a worker too: rather lose a message than wait for its reader. */
    struct pollfd pfd = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&pfd, 1, 0) > 0)
        (void)!write(STDERR_FILENO, text, (size_t)(line.next - text));
}
