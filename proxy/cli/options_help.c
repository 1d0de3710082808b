/* Help text of the options of `stopgap run` and `stopgap check`. */
#include "cli/options_help.h"

#include <stdio.h>

#include "stopgap/banned.h"

static const char run_head[] =
    "Usage: stopgap run [-c FILE] [OPTION]...\n"
    "Run the proxy in the foreground. An option overrides the file; --rules,\n"
    "--rule-mode, --enable-rule and --trusted-proxy add to the file's lists,\n"
    "--listen, --upstream and --admin replace them.\n";

static const char check_head[] =
    "Usage: stopgap check [-c FILE] [OPTION]...\n"
    "Check a configuration: print every error with its place, start nothing.\n"
    "Takes the options of 'stopgap run', and:\n"
    "      --print            print the effective configuration as YAML\n";

static const char options[] =
    "\n"
    "Configuration:\n"
    "  -c, --config FILE      read this YAML file first\n"
    "  -h, --help             print this help\n"
    "\n"
    "Listeners:\n"
    "  --listen URL           http://HOST:PORT or https://HOST[:PORT]; repeatable\n"
    "  --cert FILE            certificate chain (PEM) and\n"
    "  --key FILE             private key (PEM) of the --listen before; before any\n"
    "                         --listen: of every https listener that has none.\n"
    "                         https without both makes a self-signed certificate.\n"
    "  --trusted-proxy CIDR   believe the client address that this network names;\n"
    "                         repeatable\n"
    "  --proxy-protocol       expect the PROXY protocol from trusted proxies\n"
    "  --allow-upgrade        let protocol upgrades (WebSocket) pass\n"
    "  --workers N            threads, or auto for one per core (default)\n"
    "\n"
    "Upstream:\n"
    "  --upstream URL         http[s]://HOST[:PORT] of the Exchange server;\n"
    "                         repeatable, for several servers\n"
    "  --upstream-ca FILE     CA certificates (PEM); default: those of the system\n"
    "  --upstream-name NAME   expected in its certificate; default: its host\n"
    "  --balance METHOD       least_connections (default) or source_hash\n"
    "  --health NAME=VALUE    repeatable; enabled=auto (with several servers)\n"
    "                         interval=10s timeout=5s rise=2 fall=3 status=200 are\n"
    "                         the defaults\n"
    "  --upstream-proxy-protocol VERSION\n"
    "                         v1 or v2: tell the servers the client's address by the\n"
    "                         PROXY protocol; none (default)\n"
    "  --upstream-no-verify-certificate-dangerous\n"
    "                         accept any certificate: whoever is between can read\n"
    "                         and change everything\n"
    "\n"
    "Rules:\n"
    "  --mode MODE            block (default), detect (only report) or off\n"
    "  --fail-mode MODE       closed (default): a fault of the matcher refuses the\n"
    "                         request; open: lets it pass\n"
    "  --rules FILE           signed bundle (.sgb) to load; repeatable\n"
    "  --rules-watch DIR      load bundles that are moved into this directory\n"
    "  --trust FILE           root file: who may sign bundles\n"
    "  --no-builtin-rules     leave out the rules in this program\n"
    "  --rule-mode ID=MODE    block, detect or off for this rule; repeatable\n"
    "  --enable-rule ID       switch an option among the rules on; repeatable\n"
    "\n"
    "Operation:\n"
    "  --admin URL            unix:PATH or http://127.0.0.1:PORT; repeatable\n"
    "  --state DIR            keep what was learned of signed rules here\n"
    "  --log FILE             access and decision log; - is standard output (default)\n"
    "                         none: no log\n"
    "  --access-log FILE      only the log of requests; also - and none\n"
    "  --decision-log FILE    only the log of what rules matched; also - and none\n"
    "\n"
    "Limits:\n"
    "  --timeout NAME=TIME    repeatable; header=15s keepalive=40m connect=5s\n"
    "                         handshake=10s relay=65m body=60s write=60s\n"
    "                         upstream=65m upstream_idle=5s drain=60s\n"
    "                         drain_delay=0s are the defaults\n"
    "  --limit NAME=VALUE     repeatable; field=64KiB head=128KiB fields=100\n"
    "                         target=16KiB body=0 (no limit) connections=20000\n"
    "                         connections_per_address=0 (no limit) are the defaults\n"
    "\n";

static const char run_examples[] =
    "Only of 'stopgap run':\n"
    "  --take-over URL        replace the running stopgap with this admin socket: take\n"
    "                         its listening sockets, serve, let it drain. When\n"
    "                         anything fails it goes on, and this one ends.\n"
    "                         'stopgap upgrade' does this for you.\n"
    "\n"
    "Examples:\n"
    "  stopgap run -c /etc/stopgap/stopgap.yaml\n"
    "  stopgap run --listen https://0.0.0.0:443 --cert chain.pem --key key.pem \\\n"
    "      --upstream https://exchange.example.com\n"
    "  stopgap run --listen http://127.0.0.1:8080 --upstream http://127.0.0.1:8081 \\\n"
    "      --mode detect --log /tmp/stopgap.log\n";

static const char check_examples[] = "Examples:\n"
                                     "  stopgap check -c /etc/stopgap/stopgap.yaml\n"
                                     "  stopgap check -c /etc/stopgap/stopgap.yaml --print\n"
                                     "  stopgap check --print --listen https://0.0.0.0 \\\n"
                                     "      --upstream https://exchange.example.com\n"
                                     "\n"
                                     "Exit status: 0 valid, 1 not valid, 2 usage.\n";

void options_print_help(bool is_check)
{
    (void)printf("%s%s%s", is_check ? check_head : run_head, options,
                 is_check ? check_examples : run_examples);
}
