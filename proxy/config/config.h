/* The effective configuration: built once from options and file, then never changed. */
#pragma once

#include "stopgap/bundle.h"
#include "stopgap/err.h"
#include "stopgap/request.h"
#include "stopgap/ruleset.h"

struct net_list {
    struct net_prefix *items;
    size_t n;
};

struct listen_config {
    char *url; /* as given, for messages */
    char *host;
    uint16_t port;
    bool tls;
    char *cert_path; /* PEM chain; NULL: those of `certificates`, and without any a self-signed one
                      * is made in memory */
    char *key_path;
    char *ocsp_path; /* response to staple, DER; or NULL */
};

struct server_config { /* one Exchange server */
    char *url;         /* first: config_set_upstream_url relies on it */
    char *host;
    uint16_t port;
    bool tls;
    char *name;      /* expected in its certificate, sent as SNI; NULL: what the upstream says */
    uint64_t weight; /* its share of connections, beside the others' */
    char *build;     /* set by hand; NULL: see config_server_build */
};

enum balance_method {
    BALANCE_LEAST_CONNECTIONS = 0,
    BALANCE_SOURCE_HASH, /* the same client, the same server */
};

enum proxy_protocol_version { /* what goes out; what comes in is told apart by its bytes */
                              PROXY_PROTOCOL_NONE = 0,
                              PROXY_PROTOCOL_V1,
                              PROXY_PROTOCOL_V2,
};

struct upstream_config {
    struct server_config one;      /* .url NULL: there are several */
    struct server_config *servers; /* several; see config_server */
    size_t n_servers;
    bool verify;   /* CA and name; switching it off is explicit */
    char *ca_path; /* NULL: the system's store */
    char *build;   /* of Exchange, set by hand; NULL: learned from its responses */
    char *name;    /* of every server without its own; NULL: its host */
    bool parity;   /* compare the servers' certificates with ours */
    enum balance_method balance;
    enum proxy_protocol_version proxy_protocol; /* sent to the servers */
    uint64_t slow_start_ms; /* until a recovered server has its full weight; 0: at once */
};

enum health_mode {
    HEALTH_AUTO = 0, /* checks, when there are several servers */
    HEALTH_ON,
    HEALTH_OFF,
};

struct string_list {
    char **items;
    size_t n;
};

struct health_config {
    enum health_mode mode;
    uint64_t interval_ms, timeout_ms; /* of each directory; of one check */
    uint64_t rise, fall;              /* checks in a row that change the state */
    uint64_t status;                  /* of HTTP that means healthy */
    struct string_list vdirs;
};

struct admin_config {
    char *url;       /* unix:PATH or http://127.0.0.1:PORT */
    char *unix_path; /* one of the two */
    char *host;
    uint16_t port;
};

enum fail_mode {
    FAIL_CLOSED = 0, /* a matcher fault refuses the request */
    FAIL_OPEN,       /* a matcher fault lets the request pass, loudly */
};

struct timeouts_config { /* milliseconds; defaults in limits.h */
    uint64_t header_ms, keepalive_ms, connect_ms, handshake_ms, relay_ms, body_ms, write_ms,
        upstream_ms,      /* silence of the upstream before its response head; follows relay_ms
                           * while both are equal */
        upstream_idle_ms, /* of an upstream connection that nobody authenticated */
        drain_ms, drain_delay_ms;
};

/* A certificate that every https listener shows to clients that ask for one of its names. */
struct certificate_config {
    char *cert_path;
    char *key_path;
    char *ocsp_path;
    struct string_list names; /* instead of those in the certificate */
};

/* Names whose TLS is not ended here: bytes go through to a server, and no rule sees them. */
struct pass_through_config {
    struct server_config server; /* .url NULL: one of the upstream's servers */
    struct string_list names;
};

struct limits_config {
    uint64_t field_bytes, head_bytes, fields, target_bytes;
    uint64_t body_bytes; /* 0: no limit but 2^63-1 */
    uint64_t connections;
    uint64_t connections_per_address; /* 0: no limit */
};

enum applicability {
    APPLICABILITY_ON = 0, /* what no server behind needs is left out */
    APPLICABILITY_OFF,    /* every rule stays on */
};

struct mitigations_config {
    bool enabled;        /* the organisation's switch */
    bool server_enabled; /* this server's */
    struct string_list blocked;
    enum applicability applicability;
    uint64_t settle_ms; /* so long builds must have been watched before a rule is left out */
    uint64_t forget_ms; /* a build that did not show so long is gone */
    bool asks;          /* servers that do not show their build in their answers */
    uint64_t ask_every_ms;
};

enum feed_ring {
    FEED_STABLE = 0, /* not before the time that the publisher signed into the bundle */
    FEED_EARLY,
};

struct eocs_config { /* Microsoft's feed of mitigations */
    char *url;       /* NULL: it is not asked */
    uint64_t every_ms;
    uint64_t timeout_ms; /* of one visit */
    bool enforces;       /* its rules act; else they only report */
    char *ca_path;       /* of the web server; NULL: the system's store */
    char *proxy;         /* NULL: the environment's */
    char *sign_anchors;  /* as in struct eocs_trust_options */
    char *ts_anchors;
    char *deny;
};

struct events_config {          /* who is told of events, beside the log */
    struct string_list command; /* program and arguments; empty: none */
    char *webhook;              /* URL, a secret as a whole: see config_mask_url; NULL: none */
    char *webhook_ca;           /* PEM; NULL: the system's store */
    uint64_t webhook_timeout_ms;
};

struct feed_config {          /* signed bundles from web servers */
    struct string_list urls;  /* mirrors, each a folder; empty: none is asked */
    struct string_list names; /* of the bundles that are taken */
    enum feed_ring ring;
    uint64_t spread_ms; /* installs take a bundle one after the other within so long */
    uint64_t every_ms;
    uint64_t timeout_ms; /* of what is asked of one mirror in one visit */
    char *ca_path;       /* of the web servers; NULL: the system's store */
    char *proxy;         /* NULL: the environment's */
    bool allows_http;    /* mirrors without TLS, when none with TLS can be used */
};

enum root_expired { /* what a publisher can do whose root file is beyond its end */
                    ROOT_EXPIRED_GO_ON = 0, /* new sets are taken, after the long trial */
                    ROOT_EXPIRED_HOLD,      /* nothing new, but for the next root */
};

enum when_stale {
    WHEN_STALE_OFF = 0,
    WHEN_STALE_ON, /* rules with `activation: stale` are in force while the rules are stale */
};

struct mode_config { /* see struct mode_row */
    char *rule;
    char *vdir;
    enum rules_mode mode;
};

struct exclusion_config { /* see struct exclusion */
    char *rule;
    char *path;
    struct string_list methods;
    struct net_list networks;
    char *comment;
    char *until; /* of exclusion_until_parse; NULL: no end */
};

enum owa_light {
    OWA_LIGHT_ALLOW = 0,
    OWA_LIGHT_DENY,
};

enum shapes_mode {
    SHAPES_OFF = 0,
    SHAPES_DETECT,
    SHAPES_BLOCK,
};

struct harden_config {                         /* options among the shipped rules */
    struct net_list ecp_from, powershell_from; /* only from there; empty: from anywhere */
    enum owa_light owa_light;
    enum shapes_mode shapes; /* methods, content types and paths that no client uses */
};

struct canary_config {                      /* new rules of feeds and of the watched directory */
    uint64_t time_ms, critical_ms, long_ms; /* on trial; time 0: never */
    uint64_t requests;                      /* that a trial needs as well */
    uint64_t per_mille; /* of authenticated requests may be stopped, on trial and under watch */
};

struct config {
    struct listen_config *listen;
    size_t n_listen;
    struct certificate_config *certificates;
    size_t n_certificates;
    struct pass_through_config *pass_through;
    size_t n_pass_through;
    struct upstream_config upstream;
    struct health_config health;
    struct admin_config *admin;
    size_t n_admin;
    unsigned workers; /* 0: number of cores */
    enum rules_mode mode;
    enum fail_mode fail_mode;

    bool use_builtin;                 /* default true */
    struct string_list rules;         /* signed bundles */
    char *rules_watch;                /* directory; *.sgb renamed into it are loaded */
    char *trust_path;                 /* root file */
    struct string_list rules_enabled; /* ids of options */
    enum root_expired root_expired;
    enum when_stale when_stale;
    struct canary_config canary;
    uint64_t watchdog_ms;    /* how long new rules in force are watched; 0: not */
    uint64_t max_cost;       /* of rules that are not in the program; those that are cost 1000 */
    uint64_t stale_after_ms; /* without a sign of whoever looks after the rules */
    struct mode_config *modes;
    size_t n_modes;
    struct exclusion_config *exclusions;
    size_t n_exclusions;
    struct harden_config harden;

    struct mitigations_config mitigations;
    struct eocs_config eocs;
    struct feed_config feed;
    struct events_config events;
    bool log_syslog; /* events go there, too */

    char *state_dir;    /* NULL: nothing is kept */
    char *access_log;   /* path, "-" for standard output, NULL: none */
    char *decision_log; /* the same; default "-" */

    struct net_list trusted_proxies;
    bool allow_upgrade;  /* websocket and the like */
    bool proxy_protocol; /* listeners demand PROXY protocol v1 or v2 from trusted_proxies */
    struct timeouts_config timeouts;
    struct limits_config limits;
    char *source_path; /* the file it came from, or NULL */
};

/* The servers behind, whichever key they stand under; i below config_n_servers. */
size_t config_n_servers(const struct config *config);
const struct server_config *config_server(const struct config *config, size_t i);
/* The name that the certificate of a server must have, and its Host where a client named none. */
const char *config_server_name(const struct config *config, size_t i);
/* The build of Exchange that was set by hand for a server, or for all; NULL: to be learned. */
const char *config_server_build(const struct config *config, size_t i);
/* Does at least one server speak TLS? */
bool config_has_upstream_tls(const struct config *config);
bool config_checks_health(const struct config *config);
/* The virtual directories that are checked; borrowed. Returns how many, at most max. */
size_t config_health_vdirs(const struct config *config, struct slice *ret_vdirs, size_t max);

/* The entry of config->pass_through with this name, of any case; -1: none. */
int config_pass_through(const struct config *config, struct slice name);
/* Does it lead to one of the servers whose requests the rules see? A client tells TLS a name and
 * the request another, so everything there can be reached past the rules. */
bool config_pass_through_is_risky(const struct config *config, size_t index);

/* A config with every default set, no listener and no upstream. */
void config_init(struct config *config);
void config_done(struct config *config);

/* Called for each error found; a file can have many. */
typedef void (*config_error_cb)(void *ctx, const struct err *err);

/* Read a YAML file over the defaults. False when there was an error; every error is reported
 * with file, line, column and remedy; the config is then good for config_done only. */
bool config_read_file(struct config *config, const char *path, config_error_cb on_error, void *ctx);

/* Can there be signed rule sets? A state directory alone is for mitigations. */
bool config_wants_trust(const struct config *config);
/* How the trust store is opened for it. */
struct trust_options config_trust(const struct config *config);

/* What must hold for a whole config: at least one listener, an upstream, files that can be read.
 * Errors of kind ERR_IO are about what signed rules come from; it may have worked before. */
bool config_validate(const struct config *config, config_error_cb on_error, void *ctx);

/* The effective config as YAML, secrets masked. */
bool config_print(const struct config *config, FILE *out);

/* A URL for logs and screens: user, password, query and whatever in the path may be a token are
 * "***". Cut to fit. */
struct masked_url {
    char text[256];
};
struct masked_url config_mask_url(const char *url);

/* Set the key of a YAML path from text: ("timeouts.header", "15s"). "[]" appends to a list, as in
 * "rules.bundles[]"; "listen[].cert" and its like belong to the last element of their list. */
bool config_set(struct config *config, const char *path, const char *value, struct err *err);
void config_clear_listen(struct config *config);
void config_clear_admin(struct config *config);

/* Parsers of single values, used by the options, too. All return false with err. */
bool config_parse_duration(struct slice text, uint64_t *ret_ms, struct err *err); /* 15s, 65m */
bool config_parse_size(struct slice text, uint64_t *ret_bytes, struct err *err);  /* 64KiB */
bool config_parse_network(struct slice text, struct net_prefix *ret, struct err *err);
bool config_add_listen(struct config *config, const char *url, struct err *err);
bool config_set_upstream(struct config *config, const char *url, struct err *err);
/* One more server: the only one stands under upstream.url, several under upstream.servers. */
bool config_add_upstream(struct config *config, const char *url, struct err *err);
void config_clear_upstream(struct config *config);
bool config_add_admin(struct config *config, const char *url, struct err *err);
/* "ID=detect": a row of modes for one rule. */
bool config_add_rule_mode(struct config *config, const char *text, struct err *err);
bool config_add_string(struct string_list *list, const char *text, struct err *err);
/* Is address inside one of the networks? */
bool net_list_contains(const struct net_list *list, const struct net_address *address);
