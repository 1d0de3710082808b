/* `stopgap eocs import`: rule files of a verified document, each proved before it is put in place.
 */
#include "cli/cmd_eocs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trust/file.h"

#include "stopgap/banned.h"

static bool fail_folder(const char *path, struct err *err)
{
    return err_set(err, ERR_IO, "E_EOCS_WRITE", "cannot be written: %s; check path and rights",
                   strerror(errno)) ||
           err_at(err, path, 0, 0);
}

static bool write_files(const char *folder, const struct eocs_files *files, struct err *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_folder(folder, err);
    bool done = true;
    for (size_t i = 0; i < files->n && done; i++)
        done = file_replace(fd, files->items[i].name, buf_slice(&files->items[i].text),
                            "E_EOCS_WRITE", err);
    (void)close(fd);
    return done;
}

static bool import_one(const struct eocs_call *call, const struct eocs_mitigation *mitigation,
                       size_t *ret_n_files, struct err *err)
{
    struct eocs_files files;
    *ret_n_files = 0;
    if (!eocs_convert(mitigation, call->enforce, &files, err))
        return false;
    bool done = files.n == 0 || write_files(call->out, &files, err);
    *ret_n_files = done ? files.n : 0;
    for (size_t i = 0; i < files.n && done; i++)
        (void)printf("written  %s/%s\n", call->out, files.items[i].name);
    eocs_files_free(&files);
    return done;
}

static int import_all(const struct eocs_call *call, const struct eocs_document *document)
{
    size_t n_written = 0;
    size_t n_refused = 0;
    for (size_t i = 0; i < document->n_mitigations; i++) {
        const struct eocs_mitigation *mitigation = &document->mitigations[i];
        struct err err = {0};
        size_t n = 0;
        if (import_one(call, mitigation, &n, &err)) {
            n_written += n;
            continue;
        }
        const char *known = eocs_known_rule(mitigation->id);
        n_refused++;
        (void)printf("ALARM    not imported: %s: ", err.code);
        cli_put_clean(stdout, err.text);
        (void)printf("%s%s\n", known != NULL ? "; shipped rules do its work: " : "",
                     known != NULL ? known : "");
    }
    (void)printf("%zu mitigations: %zu rule files written, %zu mitigations not imported\n",
                 document->n_mitigations, n_written, n_refused);
    return n_refused == 0 ? EXIT_FINE : EXIT_FAILED;
}

/* False with errno. */
static bool make_folder(const char *path)
{
    int folder = -1;
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0)
        (void)close(folder);
    return folder >= 0;
}

int eocs_import(const struct eocs_call *call)
{
    struct err err = {0};
    struct eocs_document *document = eocs_call_open(call, &err);
    if (document == NULL)
        return cli_error(&err);
    int exit_code = EXIT_FINE;
    if (!make_folder(call->out)) {
        (void)fail_folder(call->out, &err);
        exit_code = cli_error(&err);
    } else {
        exit_code = import_all(call, document);
        /* Also when a mitigation was left out: this document is the newest that is known. */
        if (call->state != NULL && document->signed_at != 0 &&
            !eocs_state_save(call->state, document, &err))
            exit_code = cli_error(&err);
    }
    eocs_document_free(document);
    return exit_code;
}
