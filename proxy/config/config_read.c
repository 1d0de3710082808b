/* Reads a YAML file: the bytes, libyaml's events, and what libyaml has to say. */
#include "config/config_internal.h"
#include "config/config_walk.h"
#include "proxy_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "stopgap/banned.h"

/* libyaml's own words for the place, then what usually is the cause. */
static void report_syntax(struct walk *walk, const yaml_parser_t *parser)
{
    const char *problem = parser->problem != NULL ? parser->problem : "it cannot be read";
    char where[128] = "";
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR) {
        /* The reader counts bytes, not lines. */
        (void)snprintf(where, sizeof(where), " at byte %zu", parser->problem_offset);
        mark = parser->mark;
    } else if (parser->context != NULL) {
        (void)snprintf(where, sizeof(where), " %s that begins in line %zu", parser->context,
                       parser->context_mark.line + 1);
    }
    walk_complain(
        walk, mark,
        "not valid YAML, %s%s: look for a missing quote, bracket or colon, a tab, a wrong "
        "indent, or a file that was cut off",
        problem, where);
}

/* False when the reading ended early. */
static bool walk_stream(struct walk *walk, yaml_parser_t *parser)
{
    bool wants_more = true;
    bool is_end = false;
    while (wants_more) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            report_syntax(walk, parser);
            return false;
        }
        is_end = event.type == YAML_STREAM_END_EVENT;
        wants_more = !is_end && walk_event(walk, &event);
        yaml_event_delete(&event);
    }
    if (is_end && walk->n_documents == 0)
        walk_complain(walk, (yaml_mark_t){0},
                      "the file says nothing: it may be cut off, or everything is a comment");
    return is_end;
}

/* Every editor ends a file with a line break. A block that was cut off is valid YAML, and
 * "workers: 1" of "workers: 16" must not go live. */
static void check_end(struct walk *walk, struct slice text)
{
    yaml_mark_t mark = {0};
    if (text.len == 0 || text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '}')
        return;
    for (size_t i = 0; i < text.len; i++) {
        mark.column = text.ptr[i] == '\n' ? 0 : mark.column + 1;
        mark.line += text.ptr[i] == '\n';
    }
    walk_complain(walk, mark,
                  "the file does not end with a line break, so it may be cut off: complete it, or "
                  "add one");
}

bool config_read_text(struct config *config, const char *name, struct slice text,
                      config_error_cb on_error, void *ctx)
{
    struct walk walk = {.config = config, .name = name, .on_error = on_error, .ctx = ctx};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        walk_complain(&walk, (yaml_mark_t){0}, "out of memory");
        return false;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    if (walk_stream(&walk, &parser))
        check_end(&walk, text);
    yaml_parser_delete(&parser);
    return walk.n_errors == 0;
}

/* At most the limit and one byte, which says that the file is larger. */
static bool read_bytes(int fd, char *bytes, size_t size, size_t *ret_len, struct err *err)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, bytes + len, size - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, ERR_IO, NULL, "the file cannot be read: %s", strerror(errno));
        if (n == 0)
            break;
        len += (size_t)n;
    }
    if (len > LIMIT_CONFIG_BYTES)
        return err_set(err, ERR_LIMIT, NULL,
                       "the file is larger than %d bytes: is it a configuration?",
                       LIMIT_CONFIG_BYTES);
    *ret_len = len;
    return true;
}

bool config_read_file(struct config *config, const char *path, config_error_cb on_error, void *ctx)
{
    struct err err = {0};
    size_t len = 0;
    bool is_good = false;
    char *bytes = malloc(LIMIT_CONFIG_BYTES + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (bytes == NULL)
        (void)err_set(&err, ERR_MEMORY, NULL, "out of memory");
    else if (fd < 0)
        (void)err_set(&err, ERR_IO, NULL,
                      "the file cannot be opened: %s: check the path and who may read it",
                      strerror(errno));
    else
        is_good = config_replace(&config->source_path, path, &err) &&
                  read_bytes(fd, bytes, LIMIT_CONFIG_BYTES + 1, &len, &err);
    if (fd >= 0)
        (void)close(fd);
    if (!is_good) {
        (void)err_at(&err, path, 0, 0);
        on_error(ctx, &err);
    } else {
        is_good = config_read_text(config, path, slice_make(bytes, len), on_error, ctx);
    }
    free(bytes);
    return is_good;
}
