"""A real server that authenticates connections as IIS does: Apache with mod_auth_gssapi, which keeps the
user of a connection (GssapiConnectionBound), NTLM by gss-ntlmssp, Kerberos by an MIT KDC. All of it runs
on loopback below one folder; nothing of the system's configuration is read or changed."""

import importlib.util
import os
import pathlib
import secrets
import shutil
import subprocess

from .wait import wait_for

REALM = "STOPGAP.TEST"
USER = "alice"
PROGRAMS = ("apache2", "krb5kdc", "kadmin.local", "kdb5_util", "kinit", "curl")
MODULES = pathlib.Path("/usr/lib/apache2/modules")
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin"

KRB5_CONF = """
[libdefaults]
 default_realm = {realm}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
[realms]
 {realm} = {{
  kdc = 127.0.0.1:{kdc_port}
 }}
[domain_realm]
 localhost = {realm}
[dbmodules]
 {realm} = {{
  db_library = db2
  database_name = {folder}/principal
 }}
[logging]
 kdc = FILE:{folder}/kdc.log
"""

KDC_CONF = """
[kdcdefaults]
 kdc_listen = ""
 kdc_tcp_listen = 127.0.0.1:{kdc_port}
[realms]
 {realm} = {{
  key_stash_file = {folder}/stash
  acl_file = {folder}/kadm5.acl
  supported_enctypes = aes256-cts:normal
 }}
"""

HTTPD_CONF = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/httpd.pid
Listen 127.0.0.1:{port}
ErrorLog {folder}/error.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule alias_module {modules}/mod_alias.so
LoadModule cgid_module {modules}/mod_cgid.so
LoadModule headers_module {modules}/mod_headers.so
LoadModule auth_gssapi_module {modules}/mod_auth_gssapi.so
ScriptSock {folder}/cgi.sock
StartServers 1
ServerLimit 1
ThreadLimit 256
ThreadsPerChild 256
MaxRequestWorkers 256
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout {idle_seconds}
DocumentRoot {folder}/www
ScriptAliasMatch "^/ews/exchange.asmx|^/Microsoft-Server-ActiveSync" {folder}/upload.sh
<Directory {folder}>
 Require all granted
</Directory>
<Location />
 AuthType GSSAPI
 AuthName mail
 GssapiConnectionBound On
 GssapiAllowedMech krb5
 GssapiAllowedMech ntlmssp
 Require valid-user
</Location>
<Location /owa/auth>
 AuthType None
 Require all granted
</Location>
Header always set X-User "expr=%{{REMOTE_USER}}"
"""

UPLOAD = """#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n%s %s' "$REMOTE_USER" "$(wc -c)"
"""


def missing():
    """What is not installed, as a text; empty when all is there."""
    lacks = [p for p in PROGRAMS if shutil.which(p, path=PATH) is None]
    if not (MODULES / "mod_auth_gssapi.so").exists():
        lacks.append("mod_auth_gssapi")
    if importlib.util.find_spec("gssapi") is None:
        lacks.append("python3-gssapi")
    if not pathlib.Path("/etc/gss/mech.d/mech.ntlmssp.conf").exists():
        lacks.append("gss-ntlmssp")
    return ", ".join(lacks)


class AuthServer:
    """.port of Apache; .env for programs that use the ticket of USER; .password of USER."""

    def __init__(self, folder, ports, idle_seconds=60, kdc=None):
        """kdc: another one of these, whose users and tickets this one shares"""
        self.folder = folder
        self.port = ports.take()
        self.url = "http://127.0.0.1:%d" % self.port
        self.password = secrets.token_hex(12)
        self.started = []
        self.home = kdc.folder if kdc is not None else folder
        self.env = {"PATH": PATH, "LC_ALL": "C", "KRB5_CONFIG": self.at_home("krb5.conf"), "KRB5_KDC_PROFILE": self.at_home("kdc.conf"),
                    "KRB5CCNAME": "FILE:" + self.at_home("ccache"), "KRB5_KTNAME": "FILE:" + self.at_home("http.keytab"),
                    "NTLM_USER_FILE": self.at_home("ntlm.users")}
        values = {"folder": folder, "realm": REALM, "port": self.port, "modules": MODULES, "idle_seconds": idle_seconds}
        self.write("httpd.conf", HTTPD_CONF.format(**values))
        self.write("upload.sh", UPLOAD, 0o755)
        (folder / "www" / "owa" / "auth").mkdir(parents=True)
        self.write("www/owa/mine.txt", "the mailbox\n")
        self.write("www/owa/auth/logon.txt", "the logon page\n")
        try:
            if kdc is None:
                self.start_kdc({**values, "kdc_port": ports.take()})
            self.start_httpd()
        except BaseException:
            self.close()
            raise

    def at_home(self, name):
        return str(self.home / name)

    def write(self, name, text, mode=0o644):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)

    def run(self, *argv, **kwargs):
        done = subprocess.run(argv, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30,
                              check=False, **kwargs)
        assert done.returncode == 0, "%s: %s" % (" ".join(argv), done.stdout)

    def start(self, *argv):
        with open(self.folder / "servers.log", "ab") as log:
            self.started.append(subprocess.Popen(argv, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        return self.started[-1]

    def start_kdc(self, values):
        self.write("krb5.conf", KRB5_CONF.format(**values))
        self.write("kdc.conf", KDC_CONF.format(**values))
        self.write("ntlm.users", "MAIL:%s:%s\n" % (USER, self.password))
        self.run("kdb5_util", "create", "-s", "-r", REALM, "-P", secrets.token_hex(12))
        self.run("kadmin.local", input="addprinc -pw %s %s\naddprinc -randkey HTTP/localhost\nktadd -k %s HTTP/localhost\n"
                 % (self.password, USER, self.at_home("http.keytab")))
        (self.home / "http.keytab").chmod(0o644)  # Apache's children run as another user
        self.start("krb5kdc", "-n")
        wait_for(lambda: listens(values["kdc_port"]), lambda: "the KDC: " + self.log())
        self.run("kinit", USER, input=self.password + "\n")

    def start_httpd(self):
        user = ["-c", "User www-data", "-c", "Group www-data"] if os.geteuid() == 0 else []
        self.start("apache2", "-DFOREGROUND", "-f", str(self.folder / "httpd.conf"), *user)
        wait_for(lambda: listens(self.port), lambda: "Apache: " + self.log())

    def log(self):
        texts = [p.read_text(errors="replace") for p in self.folder.glob("*.log")]
        return "\n".join(texts)[-4000:]

    def connections(self):
        """How many connections to Apache are open, seen from those that made them."""
        return sum(1 for _, remote, state in sockets() if remote == self.port and state == "01")

    def close(self):
        for process in reversed(self.started):
            process.terminate()
        for process in self.started:
            process.wait(10)


def sockets():
    """(local port, remote port, state) of each TCP socket over IPv4. The kernel hands the table out in parts, so where others
    come and go meanwhile a socket can stand in it twice, or not at all: a count is to be waited for."""
    with open("/proc/net/tcp") as table:
        rows = {tuple(line.split()[1:4]) for line in list(table)[1:]}
    return [(int(local.split(":")[1], 16), int(remote.split(":")[1], 16), state) for local, remote, state in rows]


def listens(port):
    return any(local == port and state == "0A" for local, _, state in sockets())
