"""A document of Microsoft's feed that fails leaves the rules of the one before, over restarts, too."""

import re
import signal

import pytest

from harness.eocs_documents import Feed, HEARTBEAT, config, inbound
from harness.feed_server import FeedServer
from harness.http import request
from harness.wait import wait_for
from test_feed import Fed

KNOWN = ["Authorization: Basic YW5uYTpob3JzZQ=="]  # a client that Exchange answers well
OLD_ATTACK = "/owa/frobnicate?powershell"
NEW_ATTACK = "/owa/defenestrate?powershell"


def rule(name, word):
    return HEARTBEAT + config(name, inbound("(?=.*%s)(?=.*powershell)" % word))


@pytest.fixture
def documents(tmp_path):
    """Those that are "newer" have one stamp, later than that of "first"."""
    folder = tmp_path / "documents"
    folder.mkdir()
    return Feed(folder, first=rule("M7", "frobnicate"), newer=rule("M8", "defenestrate"),
                newer2=rule("M9", "perambulate"), altered=rule("M6", "obfuscate"))


@pytest.fixture
def server(authority, documents):
    made = FeedServer(authority.leaf())
    made.document = (documents.folder / "first.xml").read_bytes()
    yield made
    made.close()


@pytest.fixture
def fed(proxy, exchange, authority, documents, server, tmp_path):
    """The first document is in force and proved."""
    made = Fed(proxy, exchange, authority, documents, server, tmp_path)
    restart(made, "canary: 0s", "watchdog: 0s")
    made.wait_rule("M7")
    made.first = made.feed()["document"]
    assert sets(made) == ["current"]
    made.proxy.terminate()
    return made


def restart(fed, *rules):
    fed.lines = fed.lines[:fed.lines.index("rules:") + 1] + ["  " + line for line in rules]
    return fed.start("enforce: true")


def folder(fed):
    return fed.state / "eocs-sets"


def sets(fed):
    """The links."""
    return sorted(path.name for path in folder(fed).iterdir() if path.is_symlink())


def n_folders(fed):
    return sum(not path.is_symlink() for path in folder(fed).iterdir())


def trial_of(proxy, nth=0):
    wait_for(lambda: len(trials(proxy)) > nth, "trial %d" % (nth + 1), 60)
    return trials(proxy)[nth]


def trials(proxy):
    return re.findall("event=rules_on_trial .*name=(eocs@[0-9a-f]{12})", proxy.err.text())


def abandon(proxy, name):
    done = proxy.command("rules", "abandon", name, "--reason", "a test")
    assert done.returncode == 0, done.stderr


def wait_back(fed):
    wait_for(lambda: fed.proxy.ruleset_name().endswith("+eocs@" + fed.first[:12]), "the first document to be back", 60)


def is_stopped(fed, client, target):
    one = client(fed.proxy)
    one.send(request(target))
    return one.is_closed()  # the rule's AbortRequest


def assert_the_first_is_in_force(fed, client):
    assert fed.has_rule("M7") and fed.feed()["document"] == fed.first
    assert "eocs@" + fed.first[:12] in fed.proxy.ruleset_name()
    assert is_stopped(fed, client, OLD_ATTACK) and not is_stopped(fed, client, NEW_ATTACK)


def test_after_a_failed_trial_a_restart_has_the_rules_of_the_document_before(fed, server, client):
    one = restart(fed, "canary: 30m")
    fed.serve("newer")
    abandon(one, trial_of(one))
    wait_back(fed)
    fed.wait_error("E_EOCS_REFUSED")
    one.terminate()
    server.close()
    one = restart(fed, "canary: 30m")
    assert_the_first_is_in_force(fed, client)
    assert one.command("reload").returncode == 0
    assert_the_first_is_in_force(fed, client)


def test_a_restart_tells_which_document_was_refused(fed, client):
    one = restart(fed, "canary: 30m")
    fed.serve("newer")
    name = trial_of(one)
    abandon(one, name)
    wait_back(fed)
    one.terminate()
    restart(fed, "canary: 30m")
    fed.wait_error("E_EOCS_REFUSED")
    assert name[len("eocs@"):] in fed.feed()["error"]["text"]
    assert_the_first_is_in_force(fed, client)


def test_two_documents_that_fail_in_a_row_leave_the_first(fed, client):
    one = restart(fed, "canary: 30m")
    for nth, name in enumerate(("newer", "newer2")):
        fed.serve(name)
        abandon(one, trial_of(one, nth))
        wait_back(fed)
    fed.wait_error("E_EOCS_REFUSED")
    wait_for(lambda: n_folders(fed) <= 2, "all but the first and what the feed still has to go", 60)
    one.signal(signal.SIGKILL)
    one.wait_end()
    restart(fed, "canary: 30m")
    assert_the_first_is_in_force(fed, client)


def test_killed_during_a_trial_a_restart_acts_by_the_old_document_and_tries_the_new_again(fed, client):
    one = restart(fed, "canary: 30m")
    fed.serve("newer")
    name = trial_of(one)
    one.signal(signal.SIGKILL)
    one.wait_end()
    one = restart(fed, "canary: 30m")
    assert is_stopped(fed, client, OLD_ATTACK)
    assert trial_of(one) == name
    assert is_stopped(fed, client, OLD_ATTACK) and not is_stopped(fed, client, NEW_ATTACK)


def in_force_and_watched(fed):
    one = restart(fed, "canary: 0s", "canary_per_mille: 5")
    fed.serve("newer")
    fed.wait_rule("M8")
    wait_for(lambda: sets(fed) == ["current", "former"], "the way back", 60)
    return one


def test_what_the_watch_takes_back_does_not_come_again_with_a_restart(fed, client):
    one = in_force_and_watched(fed)
    for _ in range(8):
        known = client(one)
        assert known.ask("/owa/", fields=KNOWN).status == 200
        known.send(request(NEW_ATTACK, fields=KNOWN))
        assert known.is_closed()
    assert "E_WATCHDOG" in one.wait_event("event=rules_returned", 60)
    wait_back(fed)
    wait_for(lambda: sets(fed) == ["current"], "the state to follow", 60)
    one.signal(signal.SIGKILL)
    one.wait_end()
    restart(fed, "canary: 0s")
    assert_the_first_is_in_force(fed, client)


def test_killed_before_the_state_followed_a_failure_a_restart_goes_back_as_well(fed, client):
    """The failure is remembered first; "current" still names what failed."""
    one = in_force_and_watched(fed)
    failed = fed.feed()["document"]
    one.signal(signal.SIGKILL)
    one.wait_end()
    (fed.state / "refused").write_text(failed + "\n")
    one = restart(fed, "canary: 0s")
    assert_the_first_is_in_force(fed, client)
    wait_for(lambda: sets(fed) == ["current"], "the state to follow", 60)
    assert folder(fed).joinpath("current").readlink().name.startswith(fed.first)


def test_a_document_that_was_proved_needs_no_way_back(fed):
    restart(fed, "canary: 0s", "watchdog: 0s")
    fed.serve("newer")
    fed.wait_rule("M8")
    wait_for(lambda: sets(fed) == ["current"] and n_folders(fed) == 1, "the set before to go", 60)
    assert not fed.has_rule("M7")


def test_a_state_that_cannot_be_written_keeps_the_old_document_and_follows_later(fed, client):
    one = restart(fed, "canary: 0s")
    in_the_way = folder(fed) / "link.tmp" / "file"
    in_the_way.parent.mkdir()
    in_the_way.touch()
    fed.serve("newer")
    fed.wait_rule("M8")
    fed.wait_error("E_EOCS_WRITE")
    one.signal(signal.SIGKILL)
    one.wait_end()
    fed.serve("altered")
    one = restart(fed, "canary: 0s")
    assert_the_first_is_in_force(fed, client)
    fed.serve("newer")
    fed.wait_rule("M8")
    fed.wait_error("E_EOCS_WRITE")
    in_the_way.unlink()
    in_the_way.parent.rmdir()
    wait_for(lambda: sets(fed) == ["current", "former"], "the state to follow", 60)
    assert folder(fed).joinpath("former").readlink().name.startswith(fed.first)


def test_an_import_by_the_operator_takes_no_rules_away(fed, documents, server, client, tmp_path):
    """It makes files elsewhere; what it says of the newest document must not hide the rules in force."""
    one = restart(fed, "canary: 30m")
    fed.serve("newer")
    abandon(one, trial_of(one))
    wait_back(fed)
    done = documents.run("import", "newer2", "--out", tmp_path / "out", "--state", fed.state)
    assert done.returncode == 0, done.stderr
    one.terminate()
    server.close()
    restart(fed, "canary: 30m")
    assert_the_first_is_in_force(fed, client)
