"""Certificates made with the openssl program, one authority and the leaves that tests need."""

import os
import ssl
import subprocess


def openssl(*args, **kwargs):
    done = subprocess.run(["openssl", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
    assert done.returncode == 0, "openssl %s: %s" % (" ".join(args), done.stderr.decode())
    return done.stdout


def server_context(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


EC_KEY = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA_KEY = ("rsa:2048",)


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
        self.n_made = 0

    def leaf(self, name="mail.example.test", address="127.0.0.1", key=EC_KEY, is_new=False, days=30):
        """For the DNS name, and for the IP address unless that is None; is_new: another one than before."""
        wanted = (name, address, tuple(key), days)
        if wanted in self.made and not is_new:
            return self.made[wanted]
        self.n_made += 1
        stem = os.path.join(self.folder, "%s-%d" % (name.replace("*", "any"), self.n_made))
        alt = "DNS:" + name + (",IP:" + address if address else "")
        with open(stem + ".ext", "w") as ext:
            ext.write("subjectAltName=%s\nextendedKeyUsage=serverAuth\n" % alt)
        openssl("req", "-new", "-newkey", *key, "-nodes",
                "-subj", "/CN=" + name, "-keyout", stem + ".key", "-out", stem + ".csr")
        openssl("x509", "-req", "-in", stem + ".csr", "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial",
                "-days", str(days), "-extfile", stem + ".ext", "-out", stem + ".pem")
        self.made[wanted] = (stem + ".pem", stem + ".key")
        return self.made[wanted]

    def ocsp(self, leaf, path, status="good"):
        """A signed response about a leaf, written to path."""
        serial = openssl("x509", "-in", leaf, "-noout", "-serial").decode().strip().split("=")[1]
        index = os.path.join(self.folder, "index-%s.txt" % serial)
        revoked = "250101000000Z" if status == "revoked" else ""
        with open(index, "w") as out:
            out.write("%s\t360101000000Z\t%s\t%s\tunknown\t/CN=x\n" % ("R" if revoked else "V", revoked, serial))
        openssl("ocsp", "-index", index, "-CA", self.cert, "-rsigner", self.cert, "-rkey", self.key, "-issuer", self.cert,
                "-cert", leaf, "-ndays", "1", "-respout", str(path))
        return str(path)
