"""A body that passes leaves no trace in memory, however long it is (tests/load has the gigabytes)."""

import os

import pytest

from harness.bulk import serve_bulk, transfer

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
