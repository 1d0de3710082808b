"""Certificates made with the openssl program, one authority and the leaves that tests need."""

import os
import subprocess


def openssl(*args, **kwargs):
    done = subprocess.run(["openssl", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
    assert done.returncode == 0, "openssl %s: %s" % (" ".join(args), done.stderr.decode())
    return done.stdout


class Authority:
    """A CA in a folder; leaf() gives (certificate path, key path)."""

    def __init__(self, folder, name="Test CA"):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        self.cert = os.path.join(self.folder, "ca.pem")
        self.key = os.path.join(self.folder, "ca.key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-subj", "/CN=" + name, "-keyout", self.key, "-out", self.cert)
        self.made = {}

    def leaf(self, name="mail.example.test", address="127.0.0.1"):
        """For the DNS name, and for the IP address unless that is None."""
        wanted = (name, address)
        if wanted in self.made:
            return self.made[wanted]
        stem = os.path.join(self.folder, "%s-%d" % (name, len(self.made)))
        alt = "DNS:" + name + (",IP:" + address if address else "")
        with open(stem + ".ext", "w") as ext:
            ext.write("subjectAltName=%s\nextendedKeyUsage=serverAuth\n" % alt)
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", "/CN=" + name, "-keyout", stem + ".key", "-out", stem + ".csr")
        openssl("x509", "-req", "-in", stem + ".csr", "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial",
                "-days", "30", "-extfile", stem + ".ext", "-out", stem + ".pem")
        self.made[wanted] = (stem + ".pem", stem + ".key")
        return self.made[wanted]
