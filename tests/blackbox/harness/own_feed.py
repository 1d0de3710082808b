"""A publisher of signed bundles and the folder that it gives to a web server, made with openssl and a
small ustar writer: what the program under test reads here was made by somebody else."""

import datetime
import hashlib
import json
import os
import pathlib
import subprocess

from .bundles import block_rule, tar
from .openssl_publisher import Key

STOPGAP = os.environ.get("STOPGAP_BIN", str(pathlib.Path(__file__).resolve().parents[3] / "build/dev/stopgap"))


# What `publish --check` has nothing against.
RULE = """\
id: %(id)s
title: test rule that blocks %(path)s
cve: []
references: [https://example.com/%(id)s]
severity: low
side_effects: none known
action: {type: block, status: 403}
when:
  all:
    - {field: path, equals: %(path)s}
samples:
  must_block:
    - target: %(path)s
  must_pass:
    - target: /owa/
    - target: /owa/other
"""


def utc(seconds=0):
    """So many seconds from now, as signed texts have it."""
    return (datetime.datetime.utcnow() + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


DAYS = 86400


class OwnFeed:
    """Root keys r1 and r2 in different families, rules keys the same, one pulse key; thresholds are 1.

    folder   what a web server shows: pulse, root/, bundles/
    root     the operator's copy of the first root
    root_expires   of the next roots
    """

    root_expires = "2035-12-31T00:00:00Z"

    def __init__(self, folder, has_pulse=True):
        self.work = pathlib.Path(folder)
        self.work.mkdir(parents=True)
        self.folder = self.work / "www"
        for name in ("root", "bundles"):
            (self.folder / name).mkdir(parents=True)
        self.n_keys = 0
        self.keys = [self.new_key("ed25519"), self.new_key("ecdsa-p256")]
        self.pulse_key = self.new_key("ed25519") if has_pulse else None
        self.roots = []
        self.chain = {}
        self.offer = []
        self.add_root(self.keys)
        self.root = self.work / "root.txt"
        self.root.write_bytes(self.roots[0])

    def new_key(self, algorithm):
        self.n_keys += 1
        return Key(self.work, algorithm, "key%d" % self.n_keys)

    def sign(self, key, data):
        (self.work / "data").write_bytes(data)
        key.sign(str(self.work / "data"), str(self.work / "signature"))
        return (self.work / "signature").read_bytes()

    # ---- roots

    def add_root(self, keys, signers=None, pulse_key=None, epoch=1, more=()):
        """The next root: these keys, signed by them and by those before (or by signers)."""
        version = len(self.roots) + 1
        signers = list(keys) + self.keys if signers is None else signers
        self.pulse_key = pulse_key or self.pulse_key
        lines = ["stopgap-root 1", "version %d" % version, "epoch %d" % epoch, "usage production",
                 "created 2026-01-%02dT00:00:00Z" % version, "expires " + self.root_expires]
        lines += ["previous " + sha256(self.roots[-1])] if self.roots else []
        lines += ["threshold root 1", "threshold rules 1"] + (["threshold pulse 1"] if self.pulse_key else [])
        lines += [key.line(days="2025-01-01 2035-06-01 2035-12-31") for key in keys]
        lines += [self.pulse_key.line("pulse", "2025-01-01 2035-06-01 2035-12-31")] if self.pulse_key else []
        text = ("\n".join(lines + list(more)) + "\n").encode()
        name = "root/%010d" % version
        members = {name: text}
        for key in {key.id: key for key in signers}.values():
            members["%s.sig/%s" % (name, key.id)] = self.sign(key, text)
        self.roots.append(text)
        self.chain.update(members)
        self.keys = list(keys)
        (self.folder / (name + ".tar")).write_bytes(tar(members))

    # ---- bundles

    def bundle(self, serial, rules=None, name="exchange-core", engine="1.0.0", created=None, stable_after=None,
               urgency="critical", epoch=1, signers=None, change=None):
        """The bytes of a signed bundle with the whole chain of roots. It is urgent, so that each may hold
        another rule than the one before: see E_REMOVES."""
        files = {"rules/%04d.yaml" % i: text for i, text in enumerate(rules or [block_rule("OWN-%d" % serial, "/owa/own-%d" % serial)])}
        created = created or utc(-30 * DAYS)
        lines = ["stopgap-manifest 1", "min-engine " + engine, "name " + name, "channel production", "epoch %d" % epoch,
                 "serial %d" % serial, "created " + created]
        lines += ["stable-after " + stable_after] if stable_after else []
        lines += ["expires 2035-01-01T00:00:00Z", "root %d %s" % (len(self.roots), sha256(self.roots[-1])), "urgency " + urgency]
        lines += ["file %s %d %s" % (sha256(data), len(data), path) for path, data in sorted(files.items())]
        manifest = ("\n".join(lines) + "\n").encode()
        members = {"0manifest": manifest, **files, **self.chain}
        for key in self.keys if signers is None else signers:
            members["sig/" + key.id] = self.sign(key, manifest)
        if change:
            change(members)
        return tar(members)

    def put_bundle(self, data, name, serial, lane="1.0", epoch=1):
        """Offer it: in the folder, and in the pulses that are made from now on."""
        (self.folder / "bundles" / (sha256(data) + ".sgb")).write_bytes(data)
        self.offer = [one for one in self.offer if (one[0], one[5]) != (name, lane)]
        self.offer.append((name, epoch, serial, sha256(data), len(data), lane))

    def publish(self, serial, name="exchange-core", lane="1.0", **kwargs):
        data = self.bundle(serial, name=name, **kwargs)
        self.put_bundle(data, name, serial, lane, kwargs.get("epoch", 1))
        self.put_pulse()
        return data

    # ---- pulses

    def pulse(self, created=None, key=None, text=None):
        lines = ["stopgap-pulse 1", "created " + (created or utc()), "root %d %s" % (len(self.roots), sha256(self.roots[-1]))]
        lines += ["newest %s %d %d %s %d lane %s" % one for one in sorted(self.offer, key=lambda one: (one[0], one[5]))]
        text = text if text is not None else ("\n".join(lines) + "\n").encode()
        key = key or self.pulse_key
        members = {"pulse": text}
        if key:
            members["pulse.sig/" + key.id] = self.sign(key, text)
        return tar(members)

    def put_pulse(self, **kwargs):
        (self.folder / "pulse").write_bytes(self.pulse(**kwargs))


def stopgap(*args):
    return subprocess.run([STOPGAP, *map(str, args)], capture_output=True, text=True, timeout=120)


def write_config(path, **sections):
    """A configuration in YAML, which JSON is."""
    path.write_text(json.dumps({"listen": [{"url": "http://127.0.0.1:1"}], "upstream": {"url": "http://127.0.0.1:2"}, **sections}))
    return path
