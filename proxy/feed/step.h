/* What a visit to a feed did, step by step: for `stopgap feed test`. */
#pragma once

/* One line for a person. */
typedef void (*feed_step_cb)(void *ctx, const char *step, const char *text);

struct feed_steps {
    feed_step_cb on_step; /* NULL: nobody looks on */
    void *ctx;
};

__attribute__((format(printf, 3, 4))) void feed_tell(const struct feed_steps *steps,
                                                     const char *step, const char *format, ...);
