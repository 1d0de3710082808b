/* load-generator: requests that all differ, at full speed or at a fixed rate, over plain or TLS
 * connections, and what they cost the server's processes. */
#include "load.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "stopgap/banned.h"

enum { MAX_CONNECTIONS = 1000 * 1000, MAX_MS = 24 * 60 * 60 * 1000 };

static const char usage[] =
    "usage: load-generator --port N --request FILE [OPTION]...\n"
    "\n"
    "  --port N          of the server on 127.0.0.1\n"
    "  --request FILE    a raw request; every '#' in it becomes a random hex digit\n"
    "  --connections N   at once (64)\n"
    "  --rate R          requests a second, sent when they are due however late answers are;\n"
    "                    latency counts from the due time. Without it every connection asks\n"
    "                    again as soon as it has its answer\n"
    "  --warm MS         before the measurement (300)\n"
    "  --time MS         of the measurement (1000)\n"
    "  --least N         in closed loop, measure on until so many were answered (1)\n"
    "  --tls             TLS 1.3, AES-256-GCM, X25519; the certificate is not looked at\n"
    "  --one-shot        a connection for each request\n"
    "  --resume          offer the TLS session of an earlier connection\n"
    "  --hold            one request on each connection, print 'held', hold them until standard\n"
    "                    input ends\n"
    "  --proxy PIDS      count the CPU time of these processes: 12,13\n"
    "  --others PIDS     and apart, of these\n"
    "  --seed N          of the digits (1)\n"
    "\n"
    "Prints 'warm' when the measurement begins, then one JSON object: requests, CPU time and\n"
    "latencies in the measured time; bad_status, lost, held, handshakes and resumed of the whole\n"
    "run.\n"
    "\n"
    "Exit status: 0 measured (look at bad_status and lost), 1 failed, 2 usage.\n"
    "\n"
    "Example: load-generator --port 8080 --request get.txt --rate 4000 --proxy $(pidof stopgap)\n";

static bool to_number(const char *text, double min, double max, double *ret_value)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= min && value <= max))
        return false;
    *ret_value = value;
    return true;
}

/* False: the value makes no sense. */
static bool take_option(struct load_options *options, int option, const char *value)
{
    double number = 0;
    bool is_good = true;
    switch (option) {
    case 'p':
        is_good = to_number(value, 1, UINT16_MAX, &number);
        options->port = (uint16_t)number;
        break;
    case 'q':
        options->request = value;
        break;
    case 'c':
        is_good = to_number(value, 1, MAX_CONNECTIONS, &number);
        options->connections = (unsigned)number;
        break;
    case 'r':
        is_good = to_number(value, 0.1, 1e7, &options->rate);
        break;
    case 'w':
        is_good = to_number(value, 0, MAX_MS, &number);
        options->warm_ms = (unsigned)number;
        break;
    case 't':
        is_good = to_number(value, 1, MAX_MS, &number);
        options->run_ms = (unsigned)number;
        break;
    case 'l':
        is_good = to_number(value, 1, 1e9, &number);
        options->least = (unsigned)number;
        break;
    case 's':
        is_good = to_number(value, 0, UINT32_MAX, &number);
        options->seed = (uint64_t)number;
        break;
    case 'P':
        is_good = usage_parse_pids(value, &options->proxy);
        break;
    case 'O':
        is_good = usage_parse_pids(value, &options->others);
        break;
    default: /* flags */
        options->has_tls |= option == 'T';
        options->is_one_shot |= option == '1';
        options->resumes |= option == 'R';
        options->holds |= option == 'H';
        break;
    }
    return is_good;
}

/* 0: run; else the exit status + 1. */
static int parse(int argc, char **argv, struct load_options *options)
{
    static const struct option longs[] = {
        {"port", required_argument, NULL, 'p'},  {"request", required_argument, NULL, 'q'},
        {"rate", required_argument, NULL, 'r'},  {"connections", required_argument, NULL, 'c'},
        {"warm", required_argument, NULL, 'w'},  {"time", required_argument, NULL, 't'},
        {"proxy", required_argument, NULL, 'P'}, {"others", required_argument, NULL, 'O'},
        {"seed", required_argument, NULL, 's'},  {"least", required_argument, NULL, 'l'},
        {"tls", no_argument, NULL, 'T'},         {"one-shot", no_argument, NULL, '1'},
        {"resume", no_argument, NULL, 'R'},      {"hold", no_argument, NULL, 'H'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
    };
    int option;
    int index = 0;
    while ((option = getopt_long(argc, argv, "h", longs, &index)) != -1) {
        if (option == 'h') {
            (void)fputs(usage, stdout);
            return 1;
        }
        if (option == '?')
            return 3;
        if (!take_option(options, option, optarg)) {
            (void)fprintf(stderr, "load-generator: --%s cannot be '%s'\n", longs[index].name,
                          optarg);
            return 3;
        }
    }
    bool is_whole = options->port != 0 && options->request != NULL && optind == argc;
    if (!is_whole || (options->rate > 0 && options->holds)) {
        (void)fputs(usage, stderr);
        return 3;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct load_options options = {
        .connections = 64, .warm_ms = 300, .run_ms = 1000, .least = 1, .seed = 1};
    struct rlimit files;
    int status = parse(argc, argv, &options);
    if (status != 0)
        return status - 1;
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    return run(&options);
}
