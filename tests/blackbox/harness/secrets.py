"""Secrets that tests plant in requests, and the search for them in everything a proxy wrote."""

import base64
import os

PASSWORD = "Pa55w0rd-PLANTED"
COOKIE = "cadata-PLANTED-cookie-value"
TOKEN = "TlRMTVNTUAAB-PLANTED-token"
BASIC = base64.b64encode(("CONTOSO\\anna:" + PASSWORD).encode()).decode()

ALL = (PASSWORD, COOKIE, TOKEN, BASIC)


def scan_for_secrets(proxy):
    """Fail when one of the planted secrets is in the output or a file of the proxy."""
    texts = {"standard output": proxy.out.text(), "standard error": proxy.err.text()}
    for name in os.listdir(proxy.folder):
        path = os.path.join(proxy.folder, name)
        if os.path.isfile(path) and not name.endswith((".yaml", ".pem", ".key")):
            with open(path, encoding="utf-8", errors="replace") as file:
                texts[name] = file.read()
    for where, text in texts.items():
        for secret in ALL:
            assert secret not in text, "the secret %r is in %s" % (secret, where)
