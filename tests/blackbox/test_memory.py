"""A body that passes leaves no trace in memory, however long it is (tests/load has the gigabytes)."""

import os

import pytest

from harness.bulk import serve_bulk, transfer
from harness.http import request

MIB = 64
BOUND_KIB = 8 * 1024
# AddressSanitizer keeps what was freed, by default 256 MiB of it; other builds do not read this.
FORGET = {"ASAN_OPTIONS": ":".join([os.environ.get("ASAN_OPTIONS", ""), "quarantine_size_mb=1"]).strip(":")}


@pytest.mark.parametrize("kind", ["download", "upload", "chunked upload"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_long_body_does_not_show_in_the_memory(proxy, exchange, scheme, kind):
    one = proxy(exchange(serve_bulk(MIB)), schemes=(scheme,), env=FORGET)
    memory = transfer(one, kind, MIB, tls=scheme == "https")
    grown = memory.peak() - memory.before
    assert grown < BOUND_KIB, "%d KiB more for %d MiB" % (grown, MIB)


def waits_for_its_turn(proxy, exchange):
    """Bytes of a next request, while the one before it is not answered."""
    def script(conn):
        while b"hold" not in conn.request().target:
            conn.answer()
        conn.reader.rest()

    return proxy(exchange(script), env=FORGET), request("/owa/hold") + b"G", request("/owa/", "POST", body=FILLING)


def waits_for_more(proxy, exchange):
    """The beginning of a PROXY header."""
    one = proxy(exchange(), "--proxy-protocol", "--trusted-proxy", "127.0.0.0/8", env=FORGET)
    return one, b"PROXY TCP4", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + request("/owa/", "POST", body=FILLING)


FILLING = b"x" * 280 * 1000  # more than the memory that many reads share


@pytest.mark.parametrize("waits", [waits_for_its_turn, waits_for_more])
def test_a_few_bytes_that_wait_do_not_hold_the_memory_of_many(proxy, exchange, client, waits):
    one, few, much = waits(proxy, exchange)

    def let_others_pass():
        with client(one) as other:
            other.send(much)
            assert other.read().status == 200

    let_others_pass()
    before = one.rss_kib()
    for _ in range(100):
        client(one).send(few)
        let_others_pass()
    grown = one.rss_kib() - before
    assert grown < BOUND_KIB, "%d KiB more for 100 connections" % grown
