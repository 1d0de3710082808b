#!/bin/sh
# Runs the proxy in the foreground for the conformance suites.
# usage: stopgap.sh LISTEN_PORT BACKEND_PORT WORKDIR PROFILE
#
# STOPGAP_BIN  the program (default: build/release/stopgap of this checkout)
# The suites judge the data path, so the rules are off: their requests ask for paths that no
# Exchange publishes. TLS_PEM, if set, is a PEM file with key and certificate.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
bin=${STOPGAP_BIN:-$here/build/release/stopgap}
listen=$1 backend=$2 workdir=$3 profile=${4:-default}

scheme=http
[ -n "${TLS_PEM:-}" ] && scheme=https
set -- --listen "$scheme://127.0.0.1:$listen" --upstream "http://127.0.0.1:$backend" \
    --mode off --workers 1 --allow-upgrade --access-log "$workdir/access.log" \
    --decision-log none --admin "unix:$workdir/admin.sock" \
    --timeout header=3s --timeout body=3s --timeout keepalive=10s --timeout connect=2s \
    --timeout upstream=4s --timeout relay=4s --timeout write=4s
[ -n "${TLS_PEM:-}" ] && set -- "$@" --cert "$TLS_PEM" --key "$TLS_PEM"
case $profile in
default | down) ;;
long) set -- "$@" --timeout upstream=20s --timeout relay=20s ;;
limits) set -- "$@" --limit field=8KiB --limit head=16KiB --limit target=8KiB \
    --limit fields=50 --limit body=1MiB ;;
proxyproto) set -- "$@" --proxy-protocol --trusted-proxy 127.0.0.1/32 ;;
fdlimit) ;;
*)
    echo "unknown profile $profile" >&2
    exit 2
    ;;
esac
exec "$bin" run "$@"
