/* Starts the program file anew with --take-over, and waits until it has replaced this one or given
 * up. What it says until then goes to our standard error, and to whoever asked for the upgrade. */
#include "control_start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "stopgap/banned.h"

enum {
    UPGRADE_MS = SUCCESSOR_MS,
    LAST_WORDS_MS = 1000, /* what a program that has ended said is in the pipe already */
    SAID_BYTES = 2048,    /* a page of a terminal */
    STDERR_FD = 3,        /* in the new program: our standard error, for the time after */
};
#define STDERR_VARIABLE "STOPGAP_STDERR"

struct upgrade {
    struct control *control;
    uv_process_t process;
    uv_pipe_t said; /* its standard error */
    uv_timer_t timer;
    unsigned n_open;  /* handles */
    bool has_process; /* its handle is in use */
    bool has_exited;
    bool is_silent;       /* its standard error has ended */
    admin_reload_cb done; /* NULL: called */
    void *done_ctx;
    char text[SAID_BYTES]; /* the last of what it said */
    size_t len;
    char input[1024];
};

/* ---- the new program's side */

/* A file that was replaced is not found by /proc/self/exe any more, so this is asked at the start.
 * An absolute name is kept as it is: it may be a link that the upgrade changes. */
static void find_program(struct control *control)
{
    const char *name = program_invocation_name;
    if (name[0] == '/' && strlen(name) < sizeof(control->program)) {
        memcpy(control->program, name, strlen(name) + 1);
        return;
    }
    ssize_t len = readlink("/proc/self/exe", control->program, sizeof(control->program) - 1);
    control->program[len > 0 ? len : 0] = '\0';
}

void control_upgrade_init(struct control *control)
{
    const char *fd = getenv(STDERR_VARIABLE);
    find_program(control);
    control->has_spare_stderr = fd != NULL && fcntl(STDERR_FD, F_SETFD, FD_CLOEXEC) == 0;
    (void)unsetenv(STDERR_VARIABLE);
}

void control_upgrade_done(struct control *control)
{
    if (!control->has_spare_stderr)
        return;
    control->has_spare_stderr = false;
    (void)dup2(STDERR_FD, STDERR_FILENO);
    (void)close(STDERR_FD);
}

/* ---- the old program's side: what it hears */

static void upgrade_answer(struct upgrade *upgrade, bool ok, const char *text)
{
    admin_reload_cb done = upgrade->done;
    upgrade->done = NULL;
    if (done != NULL)
        done(upgrade->done_ctx, ok, text);
}

static void on_closed(uv_handle_t *handle)
{
    struct upgrade *upgrade = handle->data;
    if (--upgrade->n_open == 0)
        free(upgrade);
}

static void close_one(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

/* The new program is gone, and all it said is here; or a child of its holds the pipe open. */
static void upgrade_end(struct upgrade *upgrade)
{
    char text[SAID_BYTES + 128];
    if (!upgrade->has_exited || !upgrade->is_silent)
        return;
    (void)snprintf(text, sizeof(text),
                   "the new program has ended, and this one goes on as before. It said:\n%.*s",
                   (int)upgrade->len, upgrade->text);
    upgrade_answer(upgrade, false, text);
    upgrade->control->upgrade = NULL;
    close_one((uv_handle_t *)&upgrade->timer);
}

static void upgrade_hear_end(struct upgrade *upgrade)
{
    upgrade->is_silent = true;
    close_one((uv_handle_t *)&upgrade->said);
    upgrade_end(upgrade);
}

static void on_last_words(uv_timer_t *timer)
{
    upgrade_hear_end(timer->data);
}

static void on_exit_program(uv_process_t *process, int64_t status, int signal_number)
{
    struct upgrade *upgrade = process->data;
    log_event("warn", upgrade->done != NULL ? "upgrade_failed" : "successor_ended",
              "the new program ended with status %lld, signal %d", (long long)status,
              signal_number);
    upgrade->has_exited = true;
    close_one((uv_handle_t *)process);
    if (!upgrade->is_silent)
        (void)uv_timer_start(&upgrade->timer, on_last_words, LAST_WORDS_MS, 0);
    upgrade_end(upgrade);
}

static void upgrade_keep(struct upgrade *upgrade, struct slice said)
{
    size_t room = sizeof(upgrade->text) - upgrade->len;
    if (said.len > room) {
        size_t out = said.len - room;
        memmove(upgrade->text, upgrade->text + out, upgrade->len - out);
        upgrade->len -= out;
    }
    memcpy(upgrade->text + upgrade->len, said.ptr, said.len);
    upgrade->len += said.len;
}

static void on_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    struct upgrade *upgrade = handle->data;
    (void)suggested;
    *ret_buf = uv_buf_init(upgrade->input, sizeof(upgrade->input));
}

static void on_said(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct upgrade *upgrade = stream->data;
    if (n > 0) {
        (void)fwrite(buf->base, 1, (size_t)n, stderr);
        upgrade_keep(upgrade, slice_make(buf->base, (size_t)n));
    }
    if (n < 0)
        upgrade_hear_end(upgrade);
}

static void on_hang(uv_timer_t *timer)
{
    struct upgrade *upgrade = timer->data;
    (void)uv_process_kill(&upgrade->process, SIGKILL);
}

/* ---- the old program's side: what it starts */

/* Our own command line, with the option for the new program in place of one we had. NULL: no
 * memory. The strings are borrowed. */
static char **upgrade_argv(struct control *control, char *url)
{
    static char option[] = "--take-over";
    const struct string_list *own = &control->arguments;
    char **argv = calloc(own->n + 4, sizeof(*argv));
    size_t n = 0;
    if (argv == NULL)
        return NULL;
    argv[n++] = control->program;
    for (size_t i = 0; i < own->n; i++) {
        if (strcmp(own->items[i], option) == 0)
            i++; /* its value */
        else if (strncmp(own->items[i], "--take-over=", 12) != 0)
            argv[n++] = own->items[i];
    }
    argv[n++] = option;
    argv[n] = url;
    return argv;
}

static char **upgrade_env(void)
{
    static char variable[] = STDERR_VARIABLE "=3";
    size_t n = 0;
    while (environ[n] != NULL)
        n++;
    char **env = calloc(n + 2, sizeof(*env));
    if (env == NULL)
        return NULL;
    memcpy(env, environ, n * sizeof(*env));
    env[n] = variable;
    return env;
}

static int upgrade_spawn(struct upgrade *upgrade, char *url)
{
    struct control *control = upgrade->control;
    char **argv = upgrade_argv(control, url);
    char **env = upgrade_env();
    uv_stdio_container_t files[] = {
        {.flags = UV_INHERIT_FD, .data.fd = STDIN_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = STDOUT_FILENO},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&upgrade->said},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    uv_process_options_t options = {.file = control->program,
                                    .args = argv,
                                    .env = env,
                                    .exit_cb = on_exit_program,
                                    .stdio = files,
                                    .stdio_count = sizeof(files) / sizeof(files[0])};
    int status = UV_ENOMEM;
    if (argv != NULL && env != NULL) {
        upgrade->has_process = true; /* even if it fails, the handle has to be closed */
        upgrade->n_open++;
        status = uv_spawn(&control->loop, &upgrade->process, &options);
    }
    free(argv);
    free(env);
    return status;
}

static char *own_url(const struct control *control)
{
    for (size_t i = 0; i < control->config->n_admin; i++)
        if (control->config->admin[i].unix_path != NULL)
            return control->config->admin[i].url;
    return NULL;
}

void control_upgrade(void *ctx, admin_reload_cb done, void *done_ctx)
{
    struct control *control = ctx;
    struct upgrade *upgrade;
    char text[256];
    char *url = own_url(control);
    if (control->upgrade != NULL || control->is_draining || control->is_stopping || url == NULL) {
        done(done_ctx, false, "an upgrade is under way, or this program ends already");
        return;
    }
    upgrade = calloc(1, sizeof(*upgrade));
    if (upgrade == NULL) {
        done(done_ctx, false, "no memory");
        return;
    }
    *upgrade =
        (struct upgrade){.control = control, .done = done, .done_ctx = done_ctx, .n_open = 2};
    upgrade->process.data = upgrade->said.data = upgrade->timer.data = upgrade;
    (void)uv_pipe_init(&control->loop, &upgrade->said, 0);
    (void)uv_timer_init(&control->loop, &upgrade->timer);
    control->upgrade = upgrade;
    log_event("info", "upgrade", "starting %s", control->program);
    int status = upgrade_spawn(upgrade, url);
    if (status == 0)
        status = uv_read_start((uv_stream_t *)&upgrade->said, on_buffer, on_said);
    (void)uv_timer_start(&upgrade->timer, on_hang, UPGRADE_MS, 0);
    if (status == 0)
        return;
    (void)snprintf(text, sizeof(text), "cannot start the new program: %s", uv_strerror(status));
    upgrade_answer(upgrade, false, text);
    control_upgrade_stop(control);
}

void control_upgrade_taken(struct control *control, int pid)
{
    struct upgrade *upgrade = control->upgrade;
    char text[128];
    if (upgrade == NULL || uv_process_get_pid(&upgrade->process) != pid)
        return;
    (void)uv_timer_stop(&upgrade->timer);
    (void)snprintf(text, sizeof(text), "process %d serves now; the one before, %d, drains", pid,
                   (int)getpid());
    upgrade_answer(upgrade, true, text);
}

void control_upgrade_stop(struct control *control)
{
    struct upgrade *upgrade = control->upgrade;
    if (upgrade == NULL)
        return;
    control->upgrade = NULL;
    upgrade_answer(upgrade, false, "this program ends");
    if (upgrade->has_process)
        close_one((uv_handle_t *)&upgrade->process);
    close_one((uv_handle_t *)&upgrade->said);
    close_one((uv_handle_t *)&upgrade->timer);
}
