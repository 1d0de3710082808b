"""A publisher with nothing but openssl and tar: keys, roots that follow each other, bundles."""

import base64
import hashlib
import os
import shutil
import subprocess

from .bundles import block_rule

ALGORITHMS = {"ed25519": ["-algorithm", "ED25519"],
              "ecdsa-p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
              "rsa-pss": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"]}
PSS = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]


def sh(*command, **kwargs):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, **kwargs)
    assert done.returncode == 0, "%s: %s" % (" ".join(command), done.stderr.decode())
    return done.stdout


class Key:
    """A key of the openssl program."""

    def __init__(self, folder, algorithm, name):
        self.algorithm = algorithm
        self.path = os.path.join(str(folder), name + ".key")
        sh("openssl", "genpkey", *ALGORITHMS[algorithm], "-out", self.path)
        self.spki = sh("openssl", "pkey", "-in", self.path, "-pubout", "-outform", "DER")
        self.id = hashlib.sha256(self.spki).hexdigest()

    def line(self, roles="root,rules", days="2026-01-01 2035-06-01 2035-12-31"):
        return "key %s %s %s %s %s" % (self.id, self.algorithm, roles, days, base64.b64encode(self.spki).decode())

    def sign(self, path, out):
        if self.algorithm == "ed25519":
            sh("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", path, "-out", out)
        else:
            sh("openssl", "dgst", "-sha256", *(PSS if self.algorithm == "rsa-pss" else []), "-sign", self.path,
               "-out", out, path)

    def verify(self, path, signature):
        if self.algorithm == "ed25519":
            sh("openssl", "pkeyutl", "-verify", "-rawin", "-inkey", self.path, "-in", path, "-sigfile", signature)
        else:
            sh("openssl", "dgst", "-sha256", *(PSS if self.algorithm == "rsa-pss" else []), "-prverify", self.path,
               "-signature", signature, path)


class Workshop:
    """A publisher with openssl and tar only: a root, a folder b/ with the members, a bundle of it."""

    def __init__(self, folder, keys, stopgap_bin):
        self.folder = str(folder)
        self.keys = keys
        self.bin = stopgap_bin
        self.b = os.path.join(self.folder, "b")
        self.root_path = os.path.join(self.folder, "root.txt")

    def path(self, name):
        return os.path.join(self.folder, name)

    def put(self, name, data):
        path = os.path.join(self.b, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(data if isinstance(data, bytes) else data.encode())

    def write_root(self, key_lines, rules=1, usage="production", epoch=1, more=()):
        lines = ["stopgap-root 1", "version 1", "epoch %d" % epoch, "usage " + usage, "created 2026-01-01T00:00:00Z",
                 "expires 2035-12-31T00:00:00Z", "threshold root 1", "threshold rules %d" % rules]
        self.root = "\n".join(lines + list(key_lines) + list(more)) + "\n"
        self.version, self.chain = 1, {"root/0000000001": self.root.encode()}
        with open(self.root_path, "w") as out:
            out.write(self.root)

    def next_root(self, key_lines, signers, rules=1, epoch=1, more=(), previous=None):
        """Append a root to the chain that later bundles carry; root_path stays what the operator trusts."""
        previous = previous or hashlib.sha256(self.root.encode()).hexdigest()
        self.version += 1
        lines = ["stopgap-root 1", "version %d" % self.version, "epoch %d" % epoch, "usage production",
                 "created 2026-02-%02dT00:00:00Z" % self.version, "expires 2035-12-31T00:00:00Z",
                 "previous " + previous, "threshold root 1", "threshold rules %d" % rules]
        self.root = "\n".join(lines + list(key_lines) + list(more)) + "\n"
        member = "root/%010d" % self.version
        self.chain[member] = self.root.encode()
        with open(self.path("next-root"), "w") as out:
            out.write(self.root)
        for name in signers:
            self.keys[name].sign(self.path("next-root"), self.path("next-sig"))
            with open(self.path("next-sig"), "rb") as signature:
                self.chain["%s.sig/%s" % (member, self.keys[name].id)] = signature.read()

    def fill(self, serial="1", signers=("ed",), change=None, created="2026-11-01T00:00:00Z",
             expires="2035-01-01T00:00:00Z", **fields):
        """Write the members. change: a function of the manifest's lines."""
        shutil.rmtree(self.b, ignore_errors=True)
        rules = {"rules/a.yaml": block_rule("A-1", fields.get("path", "/owa/a")).decode(),
                 "rules/b.yaml": block_rule("B-1", "/owa/b").decode()}
        for name, text in rules.items():
            self.put(name, text)
        for name, data in self.chain.items():
            self.put(name, data)
        lines = ["stopgap-manifest 1", "min-engine " + fields.get("engine", "1.0.0"), "name test-rules",
                 "channel " + fields.get("channel", "production"), "epoch " + fields.get("epoch", "1"),
                 "serial " + serial, "created " + created, "expires " + expires,
                 "root %d " % self.version + fields.get("root_hash", hashlib.sha256(self.root.encode()).hexdigest())]
        lines += ["file %s %d %s" % (hashlib.sha256(text.encode()).hexdigest(), len(text), name)
                  for name, text in sorted(rules.items())]
        if change:
            change(lines)
        self.put("0manifest", "\n".join(lines) + "\n")
        os.makedirs(os.path.join(self.b, "sig"), exist_ok=True)
        for name in signers:
            self.keys[name].sign(os.path.join(self.b, "0manifest"), os.path.join(self.b, "sig", self.keys[name].id))

    def names(self):
        found = [os.path.relpath(os.path.join(where, name), self.b) for where, _, files in os.walk(self.b)
                 for name in files]
        return sorted(found, key=str.encode)

    def pack(self, name="x.sgb", names=None, options=("--format=ustar",)):
        with open(self.path("list"), "w") as out:
            out.write("\n".join(names or self.names()) + "\n")
        sh("tar", *options, "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=0644", "--no-recursion",
           "-b1", "-cf", self.path(name), "-C", self.b, "-T", self.path("list"))
        return self.path(name)

    def bundle(self, name="x.sgb", **kwargs):
        self.fill(**kwargs)
        return self.pack(name)

    def run(self, *args):
        """stopgap bundle ARGS"""
        return self.call("bundle", *args)

    def call(self, *args):
        return subprocess.run([self.bin, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, timeout=60, universal_newlines=True, cwd=self.folder)

    def fine(self, *args):
        return self.good("bundle", *args)

    def good(self, *args):
        done = self.call(*args)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def code(self, path, *options):
        """The code with which verify refuses, or "" when it accepts."""
        done = self.run("verify", path, "--trust", self.root_path, *options)
        if done.returncode == 0:
            assert done.stdout.startswith("OK ")
            return ""
        assert done.returncode == 1 and done.stdout == ""
        lines = done.stderr.splitlines()
        assert len(lines) == 1, "one clear line: %r" % done.stderr
        words = [word for word in lines[0].split(": ") if word.startswith("E_")]
        assert len(words) == 1, lines[0]
        return words[0]
