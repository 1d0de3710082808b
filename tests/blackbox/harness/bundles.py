"""Signed rule sets made with the openssl program and a small ustar writer, without the program
under test: what it loads here was made by somebody else."""

import base64
import hashlib
import os

from .certs import openssl

BLOCK_RULE = """\
id: %(id)s
title: test rule that blocks %(path)s
cve: []
references: []
severity: low
side_effects: none known
action: {type: block, status: %(status)d}
when:
  all:
    - {field: path, equals: %(path)s}
samples:
  must_block:
    - target: %(path)s
  must_pass:
    - target: /owa/
"""


def block_rule(name="TEST-1", path="/owa/blocked", status=403):
    """The text of a rule that blocks one path."""
    return (BLOCK_RULE % {"id": name, "path": path, "status": status}).encode()


def tar(members):
    """Strict ustar: members sorted by name, two zero blocks at the end and nothing more."""
    out = b""
    for name, data in sorted(members.items()):
        head = bytearray(512)
        head[0:len(name)] = name.encode()
        head[100:108], head[108:116], head[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
        head[124:136] = b"%011o\0" % len(data)
        head[136:148] = b"%011o\0" % 0
        head[148:156] = b" " * 8
        head[156:157] = b"0"
        head[257:265] = b"ustar\x0000"
        head[329:337], head[337:345] = b"0000000\0", b"0000000\0"
        head[148:156] = b"%06o\0 " % sum(head)
        out += bytes(head) + data + b"\0" * (-len(data) % 512)
    return out + b"\0" * 1024


class Publisher:
    """One Ed25519 key that holds every role of root version 1; root_path is what --trust takes."""

    key_days = "2026-01-01 2036-01-01 2036-12-31"  # from, sunset, end
    root_expires = "2036-12-31T00:00:00Z"
    created, expires = "2026-11-01T00:00:00Z", "2036-01-01T00:00:00Z"  # of the next bundles

    def __init__(self, folder, name="publisher"):
        self.folder = os.path.join(str(folder), name)
        os.makedirs(self.folder)
        self.key = os.path.join(self.folder, "key.pem")
        openssl("genpkey", "-algorithm", "ED25519", "-out", self.key)
        spki = openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")
        self.key_id = hashlib.sha256(spki).hexdigest()
        lines = ["stopgap-root 1", "version 1", "epoch 1", "usage production", "created 2026-01-01T00:00:00Z",
                 "expires " + self.root_expires, "threshold root 1", "threshold rules 1"]
        lines += sorted("key %s ed25519 %s %s %s" % (self.key_id, role, self.key_days, base64.b64encode(spki).decode())
                        for role in ("root,rules",))
        self.root = ("\n".join(lines) + "\n").encode()
        self.root_path = os.path.join(self.folder, "root.txt")
        with open(self.root_path, "wb") as out:
            out.write(self.root)

    def sign(self, data):
        path = os.path.join(self.folder, "to-sign")
        with open(path, "wb") as out:
            out.write(data)
        return openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in", path)

    def manifest(self, files, serial, name):
        lines = ["stopgap-manifest 1", "min-engine 1.0.0", "name " + name, "channel production", "epoch 1",
                 "serial %d" % serial, "created " + self.created, "expires " + self.expires,
                 "root 1 " + hashlib.sha256(self.root).hexdigest(), "urgency normal"]
        lines += ["file %s %d %s" % (hashlib.sha256(data).hexdigest(), len(data), path)
                  for path, data in sorted(files.items())]
        return ("\n".join(lines) + "\n").encode()

    def members(self, rules, serial=1, name="test-rules"):
        """The members of a signed bundle. rules: texts, each one rule."""
        files = {"rules/%04d.yaml" % i: text for i, text in enumerate(rules)}
        manifest = self.manifest(files, serial, name)
        return {"0manifest": manifest, "root/0000000001": self.root, "root/0000000001.sig/" + self.key_id: self.sign(self.root),
                "sig/" + self.key_id: self.sign(manifest), **files}

    def sign_again(self, members, edit):
        """Change the text of the manifest and sign it: for the change of a bundle."""
        members["0manifest"] = edit(members["0manifest"])
        members["sig/" + self.key_id] = self.sign(members["0manifest"])

    def bundle(self, path, rules, serial=1, name="test-rules", change=None):
        """Write a bundle by renaming it into place. change: a function of the members dict."""
        members = self.members(rules, serial, name)
        if change:
            change(members)
        return write_into_place(path, tar(members))


def write_into_place(path, data):
    path = str(path)
    with open(path + ".new", "wb") as out:
        out.write(data)
    os.rename(path + ".new", path)
    return path
