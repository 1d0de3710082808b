/* What must hold for a whole config. Looks at files, opens none for long, changes nothing. */
#include "config/config.h"

#include "config/config_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy_limits.h"

#include "stopgap/builds.h"

#include "stopgap/banned.h"

struct checker {
    const struct config *config;
    config_error_cb on_error;
    void *ctx;
    enum err_kind kind; /* of what is complained about now */
    bool is_good;
};

__attribute__((format(printf, 2, 3))) static void complain(struct checker *checker,
                                                           const char *format, ...)
{
    struct err err = {.kind = checker->kind};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err.text, sizeof(err.text), format, args);
    va_end(args);
    (void)err_at(&err, checker->config->source_path, 0, 0);
    checker->is_good = false;
    checker->on_error(checker->ctx, &err);
}

/* The user of this check must be able to read path; NULL is nothing to check. */
static void check_readable(struct checker *checker, const char *what, const char *path)
{
    struct stat st;
    if (path == NULL)
        return;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        complain(checker, "%s: '%.500s' cannot be read: %s: check the path and who may read it",
                 what, path, strerror(errno));
        return;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        complain(checker, "%s: '%.500s' is not a file: name a file", what, path);
    (void)close(fd);
}

static void check_directory(struct checker *checker, const char *what, const char *path,
                            bool must_exist)
{
    struct stat st;
    if (path == NULL)
        return;
    if (stat(path, &st) != 0) {
        if (must_exist || errno != ENOENT)
            complain(checker, "%s: '%.500s' cannot be used: %s: create this directory", what, path,
                     strerror(errno));
        return;
    }
    if (!S_ISDIR(st.st_mode))
        complain(checker, "%s: '%.500s' is not a directory: name one", what, path);
}

static void check_certificate(struct checker *checker, const struct listen_config *listen)
{
    const char *url = listen->url;
    if (!listen->tls && (listen->cert_path != NULL || listen->key_path != NULL))
        complain(checker,
                 "listen: %.300s has a cert or a key, which only https needs: write https://, or "
                 "remove them",
                 url);
    else if (listen->cert_path != NULL && listen->key_path == NULL)
        complain(checker, "listen: %.300s has a cert but no key: add the private key's file", url);
    else if (listen->cert_path == NULL && listen->key_path != NULL)
        complain(checker, "listen: %.300s has a key but no cert: add the certificate chain's file",
                 url);
    check_readable(checker, "listen.cert", listen->cert_path);
    check_readable(checker, "listen.key", listen->key_path);
    check_readable(checker, "listen.ocsp", listen->ocsp_path);
    if (listen->ocsp_path != NULL && listen->cert_path == NULL)
        complain(checker, "listen: %.300s has ocsp but no cert: add the certificate it is about",
                 url);
}

static void check_certificates(struct checker *checker)
{
    const struct config *config = checker->config;
    bool has_tls = false;
    for (size_t i = 0; i < config->n_listen; i++)
        has_tls |= config->listen[i].tls;
    for (size_t i = 0; i < config->n_certificates; i++) {
        const struct certificate_config *one = &config->certificates[i];
        if (one->key_path == NULL)
            complain(checker, "certificates: %.300s has no key: add the private key's file",
                     one->cert_path);
        check_readable(checker, "certificates.cert", one->cert_path);
        check_readable(checker, "certificates.key", one->key_path);
        check_readable(checker, "certificates.ocsp", one->ocsp_path);
    }
    if (!has_tls && config->n_certificates != 0)
        complain(checker, "certificates are given, but no listener is https: write https:// there, "
                          "or remove them");
}

static bool is_same_place(const char *host_a, uint16_t port_a, const char *host_b, uint16_t port_b)
{
    return port_a == port_b && slice_equal_nocase(slice_str(host_a), slice_str(host_b));
}

static void check_pass_through_names(struct checker *checker, size_t index)
{
    const struct config *config = checker->config;
    const struct string_list *names = &config->pass_through[index].names;
    for (size_t i = 0; i < names->n; i++) {
        size_t n_same = 0;
        if (strchr(names->items[i], '*') != NULL)
            complain(checker,
                     "pass_through: '%s' is a pattern: write each name, so that no name goes "
                     "uninspected by accident",
                     config_echo(slice_str(names->items[i])).text);
        for (size_t k = 0; k < config->n_pass_through; k++)
            for (size_t j = 0; j < config->pass_through[k].names.n; j++)
                n_same += slice_equal_nocase(slice_str(config->pass_through[k].names.items[j]),
                                             slice_str(names->items[i]));
        if (n_same > 1)
            complain(checker, "pass_through: '%s' stands there twice: remove one",
                     config_echo(slice_str(names->items[i])).text);
    }
}

static void check_pass_through(struct checker *checker)
{
    const struct config *config = checker->config;
    bool has_tls = false;
    bool has_plain_server = false;
    for (size_t i = 0; i < config->n_listen; i++)
        has_tls |= config->listen[i].tls;
    for (size_t i = 0; i < config_n_servers(config); i++)
        has_plain_server |= !config_server(config, i)->tls;
    if (config->n_pass_through != 0 && !has_tls)
        complain(checker, "pass_through is given, but no listener is https: write https:// there, "
                          "or remove it");
    for (size_t i = 0; i < config->n_pass_through; i++) {
        const struct server_config *server = &config->pass_through[i].server;
        check_pass_through_names(checker, i);
        if (server->url == NULL ? has_plain_server : !server->tls)
            complain(checker,
                     "pass_through: what goes through is TLS, so its upstream must be https: give "
                     "it an upstream such as https://exchange.example.com:8443");
        for (size_t k = 0; server->url != NULL && k < config->n_listen; k++)
            if (is_same_place(config->listen[k].host, config->listen[k].port, server->host,
                              server->port))
                complain(checker,
                         "pass_through: %.300s is a listener of this proxy: name the server "
                         "behind instead",
                         server->url);
    }
}

static void check_listeners(struct checker *checker)
{
    const struct config *config = checker->config;
    if (config->n_listen == 0)
        complain(checker, "there is no listener: add one under 'listen' or with --listen, such as "
                          "https://0.0.0.0:443");
    for (size_t i = 0; i < config->n_listen; i++) {
        const struct listen_config *listen = &config->listen[i];
        check_certificate(checker, listen);
        for (size_t j = 0; j < i; j++)
            if (config->listen[j].port == listen->port &&
                slice_equal_nocase(slice_str(config->listen[j].host), slice_str(listen->host)))
                complain(checker, "listen: %.300s stands there twice: remove one", listen->url);
    }
}

static void check_build(struct checker *checker, const char *key, const char *text)
{
    struct build build;
    if (text != NULL && !build_parse(slice_str(text), &build))
        complain(checker,
                 "%s: '%s' is no build: write four numbers such as 15.1.2507.6, or leave it out to "
                 "have it learned",
                 key, config_echo(slice_str(text)).text);
}

static void check_server(struct checker *checker, size_t index)
{
    const struct config *config = checker->config;
    const struct server_config *server = config_server(config, index);
    check_build(checker, "upstream.servers.build", server->build);
    if (server->url == NULL) /* refused already */
        return;
    for (size_t i = 0; i < config->n_listen; i++)
        if (is_same_place(config->listen[i].host, config->listen[i].port, server->host,
                          server->port))
            complain(
                checker,
                "upstream: %.300s is a listener of this proxy: name the Exchange server instead",
                server->url);
    for (size_t i = 0; i < index; i++) {
        const struct server_config *other = config_server(config, i);
        if (other->url != NULL &&
            is_same_place(other->host, other->port, server->host, server->port))
            complain(checker,
                     "upstream.servers: %.300s stands there twice: remove one, or give a "
                     "weight",
                     server->url);
    }
}

static void check_upstream(struct checker *checker)
{
    const struct upstream_config *upstream = &checker->config->upstream;
    size_t n = config_n_servers(checker->config);
    if (n == 0) {
        complain(checker, "there is no upstream: add 'upstream: url' or --upstream, such as "
                          "https://exchange.example.com");
        return;
    }
    if (upstream->one.url != NULL && upstream->n_servers != 0)
        complain(checker, "upstream has a url and servers: write the url as one of the servers");
    check_readable(checker, "upstream.ca", upstream->ca_path);
    check_build(checker, "upstream.build", upstream->build);
    for (size_t i = 0; i < n; i++)
        check_server(checker, i);
}

static void check_rules(struct checker *checker)
{
    const struct config *config = checker->config;
    checker->kind = ERR_IO;
    for (size_t i = 0; i < config->rules.n; i++)
        check_readable(checker, "rules.bundles", config->rules.items[i]);
    check_directory(checker, "rules.watch", config->rules_watch, true);
    check_readable(checker, "rules.trust", config->trust_path);
    check_directory(checker, "state", config->state_dir, false);
    checker->kind = ERR_USAGE;
    bool has_signed = config->rules.n != 0 || config->rules_watch != NULL;
    if (has_signed && config->trust_path == NULL && config->state_dir == NULL)
        complain(checker, "signed bundles need to know whom to trust: add rules.trust (--trust) "
                          "with a root file, or state (--state) with a directory that holds one");
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcasecmp(a, b) == 0);
}

static void check_modes(struct checker *checker)
{
    const struct config *config = checker->config;
    for (size_t i = 0; i < config->n_modes; i++) {
        const struct mode_config *one = &config->modes[i];
        if (one->rule == NULL && one->vdir == NULL)
            complain(checker,
                     "modes, entry %zu: it has neither rule nor vdir: add one, or set 'mode' for "
                     "everything",
                     i + 1);
        for (size_t j = 0; j < i; j++)
            if (is_same_text(config->modes[j].rule, one->rule) &&
                is_same_text(config->modes[j].vdir, one->vdir))
                complain(checker, "modes, entries %zu and %zu are about the same: remove one",
                         j + 1, i + 1);
    }
}

static void check_exclusions(struct checker *checker)
{
    const struct config *config = checker->config;
    for (size_t i = 0; i < config->n_exclusions; i++) {
        const struct exclusion_config *one = &config->exclusions[i];
        if (one->comment == NULL)
            complain(checker,
                     "exclusions, entry %zu: it has no comment: write for whom and why it is there",
                     i + 1);
        if (one->path == NULL && one->methods.n == 0 && one->networks.n == 0)
            complain(checker,
                     "exclusions, entry %zu: nothing restricts it: add path, methods or networks, "
                     "or give the rule a mode under 'modes'",
                     i + 1);
    }
}

static void check_eocs(struct checker *checker)
{
    const struct eocs_config *eocs = &checker->config->eocs;
    if (eocs->url == NULL)
        return;
    if (strncmp(eocs->url, "https://", 8) != 0 && strncmp(eocs->url, "http://", 7) != 0)
        complain(checker,
                 "eocs.url: '%.300s' is not a URL: write "
                 "https://officeclient.microsoft.com/GetExchangeMitigations",
                 eocs->url);
    if (checker->config->state_dir == NULL)
        complain(checker, "eocs.url needs a place for the rules of the feed: add state with a "
                          "directory that this user can write");
    check_readable(checker, "eocs.ca", eocs->ca_path);
    check_readable(checker, "eocs.deny", eocs->deny);
}

static void check_feed(struct checker *checker)
{
    const struct feed_config *feed = &checker->config->feed;
    size_t n_plain = 0;
    for (size_t i = 0; i < feed->urls.n; i++)
        n_plain += strncmp(feed->urls.items[i], "http://", 7) == 0;
    if (feed->urls.n > LIMIT_FEED_MIRRORS || feed->names.n > LIMIT_FEED_NAMES)
        complain(checker, "feed: there are more than %d mirrors or %d names", LIMIT_FEED_MIRRORS,
                 LIMIT_FEED_NAMES);
    if (feed->urls.n == 0)
        return;
    if (feed->names.n == 0)
        complain(checker, "feed.urls needs feed.names: list the bundles to take, such as "
                          "exchange-core");
    if (checker->config->state_dir == NULL)
        complain(checker, "feed.urls needs a place for what it brings: add state with a directory "
                          "that this user can write");
    if (!feed->allows_http && n_plain == feed->urls.n)
        complain(checker, "feed.urls has only http mirrors, and feed.allow_http is false: none is "
                          "left");
    check_readable(checker, "feed.ca", feed->ca_path);
}

static void check_events(struct checker *checker)
{
    const struct events_config *events = &checker->config->events;
    const struct string_list *command = &events->command;
    check_readable(checker, "events.webhook_ca", events->webhook_ca);
    if (events->webhook == NULL && events->webhook_ca != NULL)
        complain(checker, "events.webhook_ca is for events.webhook: add that, or remove this");
    if (command->n != 0 && (command->items[0][0] != '/' || access(command->items[0], X_OK) != 0))
        complain(checker,
                 "events.command: '%.500s' cannot be run: name a program with its whole path",
                 command->items[0]);
}

static void check_limits(struct checker *checker)
{
    const struct limits_config *limits = &checker->config->limits;
    if (limits->field_bytes > limits->head_bytes)
        complain(checker,
                 "limits: field (%s) is larger than head (%s), which contains it: raise "
                 "head or lower field",
                 config_format_size(limits->field_bytes).text,
                 config_format_size(limits->head_bytes).text);
    if (limits->target_bytes > limits->head_bytes)
        complain(checker,
                 "limits: target (%s) is larger than head (%s), which contains it: raise "
                 "head or lower target",
                 config_format_size(limits->target_bytes).text,
                 config_format_size(limits->head_bytes).text);
}

bool config_validate(const struct config *config, config_error_cb on_error, void *ctx)
{
    struct checker checker = {
        .config = config, .on_error = on_error, .ctx = ctx, .kind = ERR_USAGE, .is_good = true};
    check_listeners(&checker);
    check_certificates(&checker);
    check_upstream(&checker);
    check_pass_through(&checker);
    check_rules(&checker);
    check_modes(&checker);
    check_exclusions(&checker);
    check_eocs(&checker);
    check_feed(&checker);
    check_events(&checker);
    check_limits(&checker);
    /* Without them anybody could claim any client address, or nobody could connect. */
    if (config->proxy_protocol && config->trusted_proxies.n == 0)
        complain(&checker, "proxy_protocol needs trusted_proxies: add the networks of the "
                           "balancers that send it");
    return checker.is_good;
}
