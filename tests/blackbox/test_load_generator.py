"""The load generator of the benchmark: it counts what it says, and hides no wait."""

import json
import os
import pathlib
import signal
import subprocess

import pytest

STANDIN = os.environ.get("STANDIN_BIN", "build/dev/tests/exchange-standin")
GENERATOR = pathlib.Path(STANDIN).resolve().parent.parent / "bench" / "load-generator"
REQUEST = "GET %s?id=######## HTTP/1.1\r\nHost: mail.example.com\r\n\r\n"


@pytest.fixture
def start():
    """Start a program; its standard output is read as text."""
    children = []

    def run(*argv, **streams):
        children.append(subprocess.Popen(list(map(str, argv)), stdout=subprocess.PIPE, text=True, **streams))
        return children[-1]

    yield run
    for child in children:
        child.send_signal(signal.SIGCONT)
        child.kill()
        child.wait()


@pytest.fixture
def standin(start):
    def run(*options):
        child = start(STANDIN, "--port", "0", *options)
        child.port = int(child.stdout.readline().rsplit(":", 1)[1])
        return child

    return run


@pytest.fixture
def load(start, tmp_path):
    def run(port, *options, path="/owa/bench", **streams):
        form = tmp_path / "request"
        form.write_text(REQUEST % path)
        return start(GENERATOR, "--port", port, "--request", form, *options, **streams)

    return run


def result(child):
    assert child.wait(120) == 0
    return json.loads(child.stdout.read().splitlines()[-1])


def test_every_request_differs(standin, load):
    origin = standin("--print-requests")
    child = load(origin.port, "--connections", 4, "--warm", 0, "--time", 60000)
    seen = [origin.stdout.readline() for _ in range(200)]
    child.kill()
    assert all(line.startswith("GET /owa/bench?id=") for line in seen)
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("options", [[], ["--one-shot"]])
def test_a_closed_loop_counts_its_answers(standin, load, options):
    found = result(load(standin().port, "--time", 500, *options))
    assert found["lost"] == found["bad_status"] == 0
    assert found["requests"] == found["latency_n"] > 0
    assert found["bytes"] > 1024 * found["requests"]


def test_the_cpu_time_of_the_server_is_counted(standin, load):
    origin = standin()
    found = result(load(origin.port, "--time", 500, "--proxy", origin.pid))
    assert 0 < found["proxy_ns"] <= found["elapsed_ns"] * 1.1


def test_requests_that_were_due_while_the_server_stood_still_count_as_late(standin, load):
    # a generator that waits with the next request for the answer to the last one would show one slow request
    origin = standin()
    child = load(origin.port, "--connections", 2, "--rate", 200, "--time", 3000)
    assert child.stdout.readline() == "warm\n"
    origin.send_signal(signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(2)  # two of the three seconds
    origin.send_signal(signal.SIGCONT)
    found = result(child)
    assert found["latency_n"] > 590  # none is left out
    assert found["latency_us"]["50"] > 400_000
    assert found["overdue_max"] > 300


def test_connections_are_held_until_standard_input_ends(standin, load):
    child = load(standin().port, "--connections", 300, "--hold", stdin=subprocess.PIPE)
    assert child.stdout.readline() == "held\n"
    child.stdin.close()
    found = result(child)
    assert (found["held"], found["lost"]) == (300, 0)


def test_answers_that_are_errors_are_counted(standin, load):
    assert result(load(standin().port, "--time", 200, path="/ews/exchange.asmx"))["bad_status"] > 0


@pytest.mark.parametrize("options", [[], ["--rate", 100]])
def test_a_server_that_goes_away_ends_the_run(standin, load, options):
    origin = standin()
    child = load(origin.port, "--time", 60000, *options)
    assert child.stdout.readline() == "warm\n"
    origin.kill()
    assert result(child)["lost"] > 0


@pytest.mark.parametrize("options", [["--rate", "none"], ["--connections", "0"], ["--bogus"], ["extra"]])
def test_wrong_options_are_refused(load, options):
    assert load(1, *options, stderr=subprocess.DEVNULL).wait(60) == 2
