#!/bin/sh
# The demo: an Exchange stand-in, stopgap with TLS in front of it, the famous attacks, and a signed
# rule set that is published while traffic flows. Leaves nothing running and nothing behind.
#
#   tests/demo/demo.sh BINDIR      BINDIR holds stopgap and tests/exchange-standin
set -u

bin=${1:?usage: demo.sh BINDIR}
stopgap=$bin/stopgap
standin=$bin/tests/exchange-standin
work=$(mktemp -d "${TMPDIR:-/tmp}/stopgap-demo.XXXXXX") || exit 1
standin_pid=
stopgap_pid=
load_pid=
failures=0

cleanup() {
    for pid in $load_pid $stopgap_pid $standin_pid; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    load_pid='' stopgap_pid='' standin_pid=''
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

die() {
    echo "demo: $*" >&2
    [ -s "$work/stopgap.err" ] && tail -n 5 "$work/stopgap.err" >&2
    exit 1
}

# wait_until SECONDS COMMAND...: poll until the command succeeds.
wait_until() {
    left=$(($1 * 20))
    shift
    until "$@"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 0.05
    done
}

for tool in "$stopgap" "$standin" curl; do
    command -v "$tool" >/dev/null || die "$tool is missing"
done

# ---- start both programs

"$standin" --port 0 >"$work/standin.out" 2>&1 &
standin_pid=$!
wait_until 5 grep -q 'listens on' "$work/standin.out" || die "the stand-in does not start"
bare=$(sed -n 's/.*listens on //p' "$work/standin.out")

# write_rule PATH: one rule that blocks one path.
write_rule() {
    mkdir -p "$work/set/rules"
    cat >"$work/set/rules/demo-1.yaml" <<EOF
id: DEMO-1
title: block one path, for the demo
cve: []
references: []
severity: low
side_effects: none known
action: {type: block, status: 403}
when:
  all:
    - {field: path, equals: $1}
samples:
  must_block:
    - target: $1
  must_pass:
    - target: /owa/
EOF
}

# publish SERIAL PATH: build and sign a set that blocks PATH, then move it into place.
publish() {
    write_rule "$2"
    { "$stopgap" bundle build "$work/set" --name demo --serial "$1" --root "$work/roots" \
        --out "$work/new.sgb" >"$work/bundle.out" 2>&1 &&
        "$stopgap" bundle sign "$work/new.sgb" --key "$work/key" >>"$work/bundle.out" 2>&1; } ||
        die "cannot make a rule set: $(cat "$work/bundle.out")"
    mv "$work/new.sgb" "$work/demo.sgb"
}

{ "$stopgap" bundle keygen --alg ed25519 --out "$work/key" >"$work/bundle.out" 2>&1 &&
    "$stopgap" root init "$work/roots" --key "$work/key" --yes >>"$work/bundle.out" 2>&1 &&
    "$stopgap" root sign "$work/roots" --key "$work/key" >>"$work/bundle.out" 2>&1; } ||
    die "cannot make a signing key: $(cat "$work/bundle.out")"
publish 1 /owa/first-hole

# start PORT: true when it runs and is ready.
start() {
    "$stopgap" run --listen "https://127.0.0.1:$1" --upstream "$bare" --rules "$work/demo.sgb" \
        --trust "$work/roots/0000000001" --admin "unix:$work/admin" --log "$work/log" \
        >"$work/stopgap.out" 2>"$work/stopgap.err" &
    stopgap_pid=$!
    wait_until 20 is_ready_or_gone && kill -0 "$stopgap_pid" 2>/dev/null
}

is_ready_or_gone() {
    kill -0 "$stopgap_pid" 2>/dev/null || return 0
    curl -s -f -o "$work/ready" --unix-socket "$work/admin" http://localhost/readyz 2>/dev/null
}

port=8443
until start "$port"; do
    wait "$stopgap_pid"
    stopgap_pid=
    { grep -q 'in use' "$work/stopgap.err" && [ "$port" -lt 8453 ]; } || die "stopgap does not start"
    port=$((port + 1))
done
front=https://127.0.0.1:$port
echo "A stand-in for Exchange (not Exchange itself) listens on $bare, stopgap on $front."
echo

# ---- what must pass

# served NAME WORD CURL-ARGUMENTS...: the answer through stopgap has status 200 and WORD in it.
served() {
    name=$1 word=$2
    shift 2
    status=$(curl -s -k -o "$work/body" -w '%{http_code}' "$@")
    if [ "$status" = 200 ] && grep -q "$word" "$work/body"; then
        printf 'served   %-28s %s, %s bytes\n' "$name" "$status" "$(wc -c <"$work/body")"
    else
        printf 'FAILED   %-28s %s\n' "$name" "$status"
        failures=$((failures + 1))
    fi
}

served 'OWA logon page' '<form' "$front/owa/auth/logon.aspx"
served 'Autodiscover (POX)' '<Autodiscover' -H 'Content-Type: text/xml' \
    -d '<Autodiscover/>' "$front/autodiscover/autodiscover.xml"
served 'EWS GetFolder' 'GetFolderResponse' -H 'Content-Type: text/xml' \
    -d '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>' "$front/ews/exchange.asmx"

policy() {
    curl -s -k -o /dev/null -D - "$1/owa/" | tr -d '\r' | sed -n 's/^Content-Security-Policy: //p'
}
before=$(policy "$bare")
after=$(policy "$front")
if [ "$after" != "$before" ] && [ "${after#*script-src-attr}" != "$after" ]; then
    echo "edited   Content-Security-Policy of OWA (M2, CVE-2026-42897): added${after#"$before"}"
else
    echo "FAILED   M2 is not in the policy of the OWA page: $after"
    failures=$((failures + 1))
fi
echo

# ---- what must not pass

decision_of() {
    decision=$(grep "\"incident\":\"$1\"" "$work/log" | grep '"rules":\[') && [ -n "$decision" ]
}

# attack NAME CVE TARGET CURL-ARGUMENTS...
attack() {
    name=$1 cve=$2 target=$3
    shift 3
    bare_word='did not reach'
    curl -s --path-as-is -o "$work/body" "$@" "$bare$target"
    grep -q 'STAND-IN: this request reached' "$work/body" && bare_word='reached the bare server'
    status=$(curl -s -k --path-as-is -o "$work/body" -w '%{http_code}' "$@" "$front$target")
    incident=$(sed -n 's/^Incident: //p' "$work/body")
    decision=
    [ "$status" = 403 ] && [ -n "$incident" ] && wait_until 3 decision_of "$incident"
    rule=$(printf '%s' "$decision" | tr '{' '\n' | grep '"enforced":true' | grep "\"cve\":\"$cve\"" |
        sed -n 's/.*"id":"\([^"]*\)".*/\1/p' | head -n 1)
    if [ -n "$rule" ] && [ "$bare_word" != 'did not reach' ]; then
        printf 'attack   %-15s %s, then %s by %s, %s, incident %s\n' \
            "$name" "$bare_word" "$status" "$rule" "$cve" "$incident"
    else
        printf 'FAILED   %-15s %s, then %s\n' "$name" "$bare_word" "$status"
        failures=$((failures + 1))
    fi
}

attack 'ProxyLogon' CVE-2021-26855 '/ecp/x.js' \
    -H 'Cookie: X-BEResource=a]@evil.example:444/autodiscover/autodiscover.xml?#~1941962753'
attack 'ProxyLogon, OWA' CVE-2021-26855 '/owa/auth/x.js' \
    -H 'Cookie: X-AnonResource=true; X-AnonResource-Backend=evil.example/ecp/default.flt?~3'
attack 'ProxyShell' CVE-2021-34473 \
    '/autodiscover/autodiscover.json?@evil.example/mapi/nspi/?&Email=autodiscover/autodiscover.json%3F@evil.example'
attack 'ProxyNotShell' CVE-2022-41040 '/autodiscover/user@evil.example/powershell/autodiscover.json?x=a' \
    -d MARKER
attack 'OWASSRF' CVE-2022-41080 '/owa/mastermailbox%40evil.example/powershell' \
    -H 'X-OWA-ExplicitLogonUser: owa/mastermailbox@evil.example' -d MARKER
attack 'ProxyToken' CVE-2021-33766 '/ecp/user@evil.example/RulesEditor/InboxRules.svc/NewObject' \
    -H 'Cookie: SecurityToken=x' -d MARKER
echo

# ---- a signed set under traffic

# Sixty-four connections for four seconds, in the background: load_pid is the program itself.
start_load() {
    if command -v wrk >/dev/null; then
        wrk -t 1 -c 64 -d 4s --timeout 10s "$front/owa/bench" >"$work/load" 2>&1 &
    else
        cat >"$work/load.py" <<'EOF'
import http.client, ssl, sys, threading, time
context = ssl._create_unverified_context()
end = time.monotonic() + 4
done, failed = [], []
def run():
    try:
        conn = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), timeout=10, context=context)
        while time.monotonic() < end:
            conn.request("GET", "/owa/bench")
            answer = conn.getresponse()
            answer.read()
            (done if answer.status == 200 else failed).append(1)
    except OSError:
        failed.append(1)
threads = [threading.Thread(target=run) for _ in range(64)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(done) + len(failed), "requests in all")
print("Non-2xx:", len(failed))
EOF
        python3 "$work/load.py" "$port" >"$work/load" 2>&1 &
    fi
    load_pid=$!
}

# "REQUESTS FAILED" from the report of the load.
read_load() {
    awk '/requests in/ { n = $1 }
        /Socket errors/ { gsub(",", ""); failed += $4 + $6 + $8 + $10 }
        /Non-2xx/ { failed += $NF }
        END { print n + 0, failed + 0 }' "$work/load"
}

status_of() {
    curl -s -k -o /dev/null -w '%{http_code}' "$front$1"
}

start_load
earlier=$(status_of /owa/new-hole)
publish 2 /owa/new-hole
sleep 1
"$stopgap" reload --admin "unix:$work/admin" >"$work/reload" 2>&1 || die "reload: $(cat "$work/reload")"
later=$(status_of /owa/new-hole)
wait "$load_pid"
load_pid=
requests=$(read_load)
failed=${requests#* }
requests=${requests% *}
echo "signed rules published under load: /owa/new-hole answered $earlier before, $later after;"
echo "  64 connections, $requests requests meanwhile, $failed failed"
[ "$failed" = 0 ] && [ "$requests" -gt 0 ] && [ "$later" = 403 ] || failures=$((failures + 1))

LC_ALL=C sed 's,/owa/new-hole,/owa/new-h0le,g' "$work/demo.sgb" >"$work/new.sgb"
mv "$work/new.sgb" "$work/demo.sgb"
if "$stopgap" reload --admin "unix:$work/admin" >"$work/reload" 2>&1; then
    echo "FAILED   the tampered set was accepted"
    failures=$((failures + 1))
else
    reason=$(grep -o 'E_[A-Z_]*' "$work/reload" | head -n 1)
    echo "tampered rules refused: $reason; the active set goes on ($(status_of /owa/new-hole))"
    [ -n "$reason" ] || failures=$((failures + 1))
fi
echo

[ "$failures" -eq 0 ] || die "$failures of the steps above failed"
cleanup
echo "Nothing is left running. Next, in front of a test server of yours:"
echo "  $stopgap run --listen https://0.0.0.0:8443 --upstream https://exchange.example.com --mode detect"
