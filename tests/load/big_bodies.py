#!/usr/bin/python3
"""Big bodies: 1 GiB down, 1 GiB up and 200 MB up in chunks, plain and with TLS on both sides.

Peers are scripted and as fast as Python is. Each transfer has a proxy of its own, and what arrived
is proved by its checksum. Prints the proxy's resident memory before, at its peak and after; passes
when the peak is less than --bound MiB above the first. Takes about a minute.

  tests/load/big_bodies.py --bin build/release
"""

import argparse
import os
import pathlib
import ssl
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "blackbox"))

from harness.bulk import serve_bulk, transfer  # noqa: E402
from harness.certs import Authority  # noqa: E402
from harness.exchange import Exchange  # noqa: E402
from harness.launcher import Launcher  # noqa: E402
from harness.wait import Ports  # noqa: E402

TRANSFERS = (("download", 1024), ("upload", 1024), ("chunked upload", 200))


def run_one(args, launcher, authority, kind, mib, tls):
    context = None
    options = []
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.leaf())
        options = ["--upstream-ca", authority.cert]
    exchange = Exchange(serve_bulk(mib), tls=context)
    try:
        proxy = launcher.start(exchange, *options, schemes=("https" if tls else "http",))
        began = time.monotonic()
        memory = transfer(proxy, kind, mib, tls)
        seconds = time.monotonic() - began
        grown = (memory.peak() - memory.before) / 1024
        print("%-5s %-14s %5d MiB in %5.1f s: RSS %.1f MiB before, %.1f at its peak, %.1f after (+%.1f)"
              % ("TLS" if tls else "plain", kind, mib, seconds, memory.before / 1024, memory.peak() / 1024, memory.now() / 1024, grown),
              flush=True)
        assert grown < args.bound, "the memory grew by %.1f MiB, %d are allowed" % (grown, args.bound)
    finally:
        launcher.finish()
        exchange.close()
    exchange.check()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(HERE.parents[1] / "build" / "release"), help="the build folder")
    parser.add_argument("--bound", type=int, default=8, help="MiB that the memory may grow by")
    args = parser.parse_args()
    ports = Ports()
    try:
        with tempfile.TemporaryDirectory(prefix="stopgap-load-") as folder:
            authority = Authority(os.path.join(folder, "ca"))
            for number, (tls, (kind, mib)) in enumerate((t, one) for t in (False, True) for one in TRANSFERS):
                place = pathlib.Path(folder) / str(number)
                place.mkdir()
                run_one(args, Launcher(os.path.join(os.path.abspath(args.bin), "stopgap"), ports, place), authority, kind, mib, tls)
    except AssertionError as failure:
        sys.exit("FAILED: %s" % failure)
    finally:
        ports.close()


if __name__ == "__main__":
    main()
