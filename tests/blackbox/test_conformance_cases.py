"""The cases of tests/conformance/cases.jsonl (ours, in the format of the desync suite, whose run.py takes them by --cases): a
message is refused, or what arrives is exactly what RFC 9112 sees in it; an answer that is broken never looks whole. Each is
sent with nothing behind it, and then another client must get its own answer."""

import json
import pathlib

import pytest

from harness.exchange import answer_all
from harness.http import Closed, Malformed, request

CASES = [json.loads(line) for line in (pathlib.Path(__file__).parents[1] / "conformance" / "cases.jsonl").open(encoding="utf-8")]
GROUPS = sorted({case["group"] for case in CASES})


def raw(writes):
    """The bytes of a case; they stand as Latin-1 text in its file. Its pauses are left out: the kernel makes its own."""
    return "".join(part for part in writes if isinstance(part, str)).encode("latin-1")


def as_asked(entries):
    return [(entry["m"], entry["t"], entry.get("b", "")) for entry in entries]


def arrived(pair):
    return [(m.method.decode(), m.target.decode("latin-1"), m.body.decode("latin-1")) for m in pair.exchange.requests]


def answers(one, methods):
    """Every final answer up to the end of the connection."""
    found = []
    try:
        while True:
            method = methods[len(found)] if len(found) < len(methods) else "GET"
            found.append(one.read(method.encode(), []))
    except (Closed, OSError):
        return found


def request_fault(case, pair, client):
    """What is wrong with the outcome of a request, or None."""
    one = client(pair.proxy)
    try:
        one.send(raw(case["writes"]))
        one.finish()
    except OSError:
        pass  # refused before the last byte
    got = answers(one, [entry["m"] for entry in case["requests"]])
    seen, readings = arrived(pair), [as_asked(entries) for entries in [case["requests"]] + case.get("alts", [])]
    statuses = [message.status for message in got]
    is_whole = seen in readings and len([s for s in statuses if s == 200]) == len(seen)
    is_refused = any(seen == r[:len(seen)] for r in readings) and statuses[:len(seen)] == [200] * len(seen) and \
        len(statuses) <= len(seen) + 1 and all(s >= 400 for s in statuses[len(seen):])
    allowed = {"forward": is_whole, "reject": is_refused, "either": is_whole or is_refused}[case["expect"]]
    for message in pair.exchange.requests:
        for name, value in case.get("no_header", {}).items():
            if value.encode() in message.get(name.encode()):
                return "%s: %s arrived" % (case["id"], name)
    return None if allowed else "%s: %s, arrived %r" % (case["id"], statuses, seen)


def response_fault(case, pair, client):
    """What is wrong with the outcome of a response, or None."""

    def script(conn):
        if conn.number != 0:
            return answer_all(conn)
        conn.request()
        conn.send(raw(case["resp"]))
        return None if case["resp_close"] else answer_all(conn)

    pair.exchange.script = script
    one = client(pair.proxy)
    one.send(raw(case["writes"]))
    one.finish()
    got = answers(one, [case["requests"][0]["m"]])
    pair.exchange.script = answer_all
    is_own = len(got) == 1 and got[0].status == 502
    bodies = [body.encode("latin-1") for body in (case["rbody"], case.get("alt_body")) if body is not None]
    is_whole = len(got) == 1 and got[0].status == case["rstatus"] and got[0].body in bodies
    is_cut = got == []
    allowed = {"resp-forward": is_whole, "resp-reject": is_own or is_cut, "resp-either": is_own or is_cut or is_whole}
    for name, value in case.get("no_resp_header", {}).items():
        if any(value.encode() in message.get(name.encode()) for message in got):
            return "%s: %s arrived" % (case["id"], name)
    return None if allowed[case["expect"]] else "%s: %r" % (case["id"], [(m.status, m.body[:40]) for m in got])


def fault_of(case, pair, client):
    pair.exchange.forget()
    try:
        fault = (response_fault if "resp" in case else request_fault)(case, pair, client)
    except Malformed as odd:
        fault = "%s: the client got %s" % (case["id"], odd)
    pair.exchange.forget()
    other = client(pair.proxy)
    other.send(request("/probe/" + case["id"]))
    if other.read().status != 200 or arrived(pair) != [("GET", "/probe/" + case["id"], "")]:
        fault = "%s: another client was touched" % case["id"]
    other.close()
    return fault


def test_the_file_holds_what_it_is_for():
    assert len({case["id"] for case in CASES}) == len(CASES) >= 500
    assert {"reject", "forward", "either", "resp-reject", "resp-forward", "resp-either"} == {case["expect"] for case in CASES}


@pytest.mark.parametrize("group", GROUPS)
def test_messages_are_refused_or_arrive_as_the_rfc_reads_them(detect_pair, client, group):
    faults = [fault_of(case, detect_pair, client) for case in CASES if case["group"] == group]
    assert [fault for fault in faults if fault] == []
