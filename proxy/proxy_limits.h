/* Every maximum and time-out of the proxy that is not shared with the rules; one reason each.
 * Times are defaults that the configuration may change within the given range. */
#pragma once

enum {
    LIMIT_FIELD_BYTES = 64 * 1024,  /* Kerberos tokens of users in many groups reach 48 KiB */
    LIMIT_HEAD_BYTES = 128 * 1024,  /* one such field, cookies and the rest */
    LIMIT_FIELDS = 100,             /* Outlook sends 30, chained proxies add 20 */
    LIMIT_TARGET_BYTES = 16 * 1024, /* http.sys refuses more than MaxRequestBytes 16 KiB */
    LIMIT_METHOD_BYTES = 24,        /* "VERSION-CONTROL" has 15 */
    LIMIT_LEADING_CRLF_BYTES = 4,   /* RFC 9112 2.2: one empty line is tolerated, two at most */
    LIMIT_CHUNK_OVERHEAD =
        8 * 1024,                 /* chunk extensions and trailers of a message, above its data */
    LIMIT_INTERIM_RESPONSES = 16, /* 1xx before a final response; real servers send one */

    LIMIT_READ_BYTES = 64 * 1024,        /* one read: measured, 16 KiB costs 1.8 times the CPU */
    LIMIT_READ_LONG_BYTES = 256 * 1024,  /* one read of a long body: 15-27 % less CPU */
    LIMIT_QUEUE_HIGH_BYTES = 256 * 1024, /* unsent bytes at which the source is paused */
    LIMIT_QUEUE_LOW_BYTES = 64 * 1024,   /* and resumed */
    LIMIT_DRAIN_BYTES = 1024 * 1024,     /* of a refused body read so that the answer arrives */
    LIMIT_DRAIN_MS = 2000,               /* and for how long */

    LIMIT_WORKERS = 64,                   /* one per core; more only add switches */
    LIMIT_LISTENERS = 16,                 /* addresses times ports of one program */
    LIMIT_PASSED_FDS = 250,               /* in one message; the kernel takes 253 */
    LIMIT_INHERITED_SOCKETS = 1040,       /* workers times listeners, and the admin sockets */
    LIMIT_CONNECTIONS = 20000,            /* default of the whole process; a phone holds two */
    LIMIT_CERTIFICATES = 32,              /* of one listener; a name seldom has more than two */
    LIMIT_CERTIFICATE_NAMES = 1024,       /* of one listener; a public CA puts 100 into one */
    LIMIT_PASS_THROUGH = 8,               /* groups of names that are not inspected; one is usual */
    LIMIT_CLIENT_HELLO_BYTES = 16 * 1024, /* real ones have 2 KiB with post-quantum shares */
    LIMIT_OCSP_BYTES = 16 * 1024,         /* a response with its signer's certificate takes 2 KiB */
    LIMIT_SERVERS = 16,                   /* a database availability group has at most 16 members */
    LIMIT_HEALTH_VDIRS = 16,              /* Exchange has eight */
    LIMIT_VDIR_BYTES = 64,                /* "Microsoft-Server-ActiveSync" has 27 */
    LIMIT_HEALTH_HEAD_BYTES = 16 * 1024,  /* of an answer to a health check; real ones have 500 */
    LIMIT_PROBE_FIELD_BYTES = 256, /* a value in somebody else's health check; short ones suffice */
    LIMIT_FD_RESERVE = 64,         /* descriptors kept for logs, rules and the admin socket */
    LIMIT_FD_OWN = 4096,           /* descriptors of the start: 64 workers with 16 listeners */
    LIMIT_ACCEPT_BURST = 256,      /* connections taken in one go, so that those there get a turn */
    LIMIT_REFUSAL_LOG_MS = 10 * 1000, /* between two lines about refused connections */
    LIMIT_TRUSTED_NETWORKS = 64,      /* networks of balancers in front */

    LIMIT_EXCLUSION_LABEL_BYTES = 64, /* number and comment in a log line; cut there */

    LIMIT_FEED_MIRRORS = 16,      /* of the configuration and of the root; a publisher has three */
    LIMIT_FEED_NAMES = 8,         /* bundles that one install takes; there is one, or two */
    LIMIT_MIRROR_BYTES = 512,     /* a URL; real ones have 60 */
    LIMIT_BUNDLE_NAME_BYTES = 64, /* with the NUL, as in the trust design */

    LIMIT_CONFIG_BYTES = 1024 * 1024,        /* a config file; the complete example has 10 KiB */
    LIMIT_CONFIG_VALUE_BYTES = 4096,         /* PATH_MAX; the longest value is a path */
    LIMIT_CONFIG_ERRORS = 50,                /* reported of one file; more help nobody */
    LIMIT_ADMIN_LISTENERS = 8,               /* a socket and loopback in both families, and room */
    LIMIT_LOG_LINE_BYTES = 16 * 1024,        /* one record, escaped */
    LIMIT_LOG_QUEUE_BYTES = 4 * 1024 * 1024, /* per worker while the disk is slow; then dropped */
    LIMIT_ADMIN_CONNECTIONS = 32,            /* scrapers and a person */
    LIMIT_ADMIN_TCP_CONNECTIONS = 16,        /* of these: every local user may make them */
    LIMIT_ADMIN_HEAD_BYTES = 8 * 1024,       /* of an admin request */
    LIMIT_ADMIN_BODY_BYTES = 64 * 1024,      /* of an admin request */
    LIMIT_ADMIN_KEPT_BYTES = 2048,           /* of a body that is looked at: an id and a reason */
    LIMIT_ADMIN_PATH_BYTES = 256,            /* of an admin request; the longest we know has 12 */
    LIMIT_ADMIN_RESPONSE_BYTES = 12 * 1024 * 1024, /* 6000 rules with long titles in status.json */
};

/* What is learned of the servers behind, and what is told of it. */
enum {
    LIMIT_SEEN_BUILDS = 8,   /* of one worker; a farm in the middle of an update has two */
    LIMIT_KNOWN_BUILDS = 16, /* of all workers */
    LIMIT_POLICY_BUILDS = LIMIT_KNOWN_BUILDS + LIMIT_SERVERS, /* learned, and set by hand */
    LIMIT_EVENTS_QUEUED =
        192, /* all 80 shipped rules off and on again; a storm is not worth more */
    LIMIT_EVENT_TEXT_BYTES = 1024, /* one line */
    LIMIT_AUDIT_BYTES =
        4 * 1024 * 1024, /* 15,000 changes of mitigations; then the file before goes */
};

/* Time-outs in milliseconds. */
enum {
    TIMEOUT_HEADER_MS = 15 * 1000,          /* first byte of a head to its last: slowloris */
    TIMEOUT_KEEPALIVE_MS = 40 * 60 * 1000,  /* longer than Exchange's own 15..30 min */
    TIMEOUT_CONNECT_MS = 5 * 1000,          /* SYN to a server in the same building */
    TIMEOUT_HANDSHAKE_MS = 10 * 1000,       /* TLS on either side */
    TIMEOUT_RELAY_MS = 65 * 60 * 1000,      /* silence of both sides: Sync waits up to 59 min */
    TIMEOUT_BODY_MS = 60 * 1000,            /* silence of the client while we wait for its body */
    TIMEOUT_WRITE_MS = 60 * 1000,           /* a peer that does not take a byte */
    TIMEOUT_UPSTREAM_IDLE_MS = 5 * 1000,    /* the pause within a page; HAProxy purges after 5 s */
    TIMEOUT_DRAIN_MS = 60 * 1000,           /* graceful stop */
    TIMEOUT_DRAIN_IDLE_MS = 2000,           /* silent for so long, nothing is on its way any more */
    TIMEOUT_ADMIN_MS = 10 * 1000,           /* an admin request to come, and its answer to go */
    TIMEOUT_EVENT_MS = 10 * 1000,           /* an events.command that hangs is killed */
    MITIGATIONS_TICK_MS = 1000,             /* how soon a new build is acted upon */
    MITIGATIONS_RETRY_MS = 10 * 1000,       /* rules are missing until the load succeeds */
    MITIGATIONS_SETTLE_MS = 10 * 60 * 1000, /* a farm behind one address shows all its servers */
    MITIGATIONS_ASK_MS = 24 * 60 * 60 * 1000, /* an update takes a night */
    TIMEOUT_BUILD_ASK_MS = 15 * 1000, /* of one page: the first one after a restart is slow */
    MITIGATIONS_FORGET_MS = 7 * 24 * 60 * 60 * 1000, /* a server in maintenance comes back */
    STALE_AFTER_MS = 14 * 24 * 60 * 60 * 1000, /* rules come weekly, and somebody is on leave */
    STALE_RETRY_MS = 10 * 60 * 1000,           /* whether rules are stale changes in days */
    CERTIFICATE_TICK_MS = 60 * 1000,       /* look at expiries; ask a server again that was away */
    PARITY_EVERY_MS = 24 * 60 * 60 * 1000, /* a certificate is renewed at Exchange, too */
    TIMEOUT_SWEEP_MS = 250,                /* granularity of all of them */
};

/* Before a certificate or a response expires, in seconds. */
enum {
    CERTIFICATE_SOON_S = 21 * 24 * 60 * 60, /* an order, a maintenance window and a holiday */
    STAPLE_SOON_S = 24 * 60 * 60,           /* responses live for a week: three would always warn */
};

/* What the process that judges rules may take. */
enum {
    LOAD_NICENESS = 5,         /* a third of what a request gets; it may still finish in time */
    JAIL_MEMORY_MIB = 1024,    /* of addresses; 5000 rules take 160 */
    JAIL_CPU_S = 60,           /* 5000 rules take 5 */
    JAIL_WALL_MS = 120 * 1000, /* on a busy machine, and behind requests */
    JAIL_FILE_MIB = 257,       /* a compiled database of the largest size, and its header */
    JAIL_FILES = 32,           /* three streams, a few files of the cache */
};
