"""Applications that log their users in through LDAP: nslcd, Apache with mod_authnz_ldap, python-ldap."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.ports import free_port
from tests.peers.slapd import PEOPLE, VPN, Slapd

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_START_SECONDS = 60.0
_APACHE_MODULES = "mpm_event authn_core authz_core auth_basic ldap authnz_ldap"


@dataclass(frozen=True)
class LdapService:
    """What an application is configured with. ``account``: the DN and password of its own account."""

    url: str  # ldap://127.0.0.1:389
    ca_file: Path
    base: str
    account: tuple[str, str]


def _require(program: str, package: str, *, root: bool = True) -> str:
    """Its path; skips the test without it, or fails it where CI=true."""
    found = shutil.which(program, path=_PATH)
    if found is not None and (not root or os.geteuid() == 0):
        return found
    message = f"no {program} on this host, or not root: apt-get install {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


class _Process:
    """One process with a directory that others than root may read."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="authproxy-test-"))
        self.directory.chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def run(self, *command: str) -> None:
        with (self.directory / "output").open("wb") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=os.environ | {"PATH": _PATH}
            )

    def wait_for(self, sign: Path) -> None:
        """A file that shows it to be ready."""
        give_up = time.monotonic() + _START_SECONDS
        while not sign.exists():
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > give_up:
                pytest.fail(f"it did not start:\n{self.said()}")
            time.sleep(0.02)

    def said(self) -> str:
        return (self.directory / "output").read_text("utf-8", "replace")[-3000:]

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


_NSLCD = """\
uid root
gid root
uri {service.url}
base {service.base}
binddn {service.account[0]}
bindpw {service.account[1]}
tls_reqcert demand
tls_cacertfile {service.ca_file}
ssl start_tls
filter passwd (objectClass=inetOrgPerson)
filter shadow (objectClass=inetOrgPerson)
"""


_NSLCD_VERSION, _PAM_AUTHC, _BEGIN = 2, 0x000D0001, 1  # nslcd.h


class Nslcd(_Process):
    """A Linux host's daemon, asked as pam_ldap asks it. StartTLS; its account searches the user, and each user
    binds on a connection of his own.

    nslcd knows one place for its configuration and its socket: it gets a mount namespace of its own.
    """

    def __init__(self, service: LdapService) -> None:
        binary = _require("nslcd", "nslcd")
        super().__init__()
        config = self.directory / "nslcd.conf"
        config.write_text(_NSLCD.format(service=service))
        config.chmod(0o600)
        run = self.directory / "run"
        run.mkdir()
        self._socket = run / "socket"
        Path("/run/nslcd").mkdir(exist_ok=True)
        script = 'mount --bind "$1" /etc/nslcd.conf && mount --bind "$2" /run/nslcd && exec "$3" --nofork'
        arguments = (str(config), str(run), binary)
        self.run("unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", *arguments)
        self.wait_for(self._socket)

    def login(self, name: str, password: str) -> bool:
        question = struct.pack(">ii", _NSLCD_VERSION, _PAM_AUTHC)
        for text in (name, "test", "", "", "", password):
            question += struct.pack(">i", len(text)) + text.encode()
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(60)
            line.connect(str(self._socket))
            line.sendall(question)
            with line.makefile("rb") as answers:
                answer = answers.read(16)
        version, action, begin, *result = struct.unpack(f">{len(answer) // 4}i", answer)
        assert (version, action) == (_NSLCD_VERSION, _PAM_AUTHC)
        return begin == _BEGIN and result == [0]


_APACHE = """\
ServerRoot {directory}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {directory}/pid
ErrorLog {directory}/error.log
User www-data
Group www-data
DocumentRoot {directory}/htdocs
LDAPTrustedGlobalCert CA_BASE64 {directory}/ca.pem
# nothing is remembered: every request is a login
LDAPCacheEntries 0
LDAPOpCacheEntries 0
<Location />
  AuthType Basic
  AuthName test
  AuthBasicProvider ldap
  AuthLDAPURL "{service.url}/{people}?uid?sub?(objectClass=inetOrgPerson)"
  AuthLDAPBindDN "{service.account[0]}"
  AuthLDAPBindPassword {service.account[1]}
  Require ldap-group {group}
</Location>
"""


class Apache(_Process):
    """A web server. One connection after the other for its account's binds and searches and the users' binds;
    only members of cn=vpn are let in."""

    def __init__(self, service: LdapService) -> None:
        binary = _require("apache2", "apache2-bin")
        super().__init__()
        self._port = free_port()
        (self.directory / "htdocs").mkdir()
        (self.directory / "htdocs" / "index.html").write_text("come in")
        shutil.copy(service.ca_file, self.directory / "ca.pem")
        modules = "".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
            for name in _APACHE_MODULES.split()
        )
        config = self.directory / "httpd.conf"
        config.write_text(modules + _APACHE.format(
            directory=self.directory, port=self._port, service=service, people=PEOPLE, group=VPN,
        ))  # fmt: skip
        self.run(binary, "-X", "-f", str(config))
        self.wait_for(self.directory / "pid")

    def login(self, name: str, password: str) -> int:
        """The status of one request."""
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}/index.html")
        credentials = base64.b64encode(f"{name}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {credentials}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code


_PYTHON_LDAP = """\
import json, sys, ldap
from ldap.controls import SimplePagedResultsControl
url, ca_file, start_tls, steps = json.loads(sys.stdin.read())
ldap.set_option(ldap.OPT_X_TLS_CACERTFILE, ca_file)
ldap.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
def connect():
    connection = ldap.initialize(url)
    connection.timeout = 30
    if start_tls:
        connection.start_tls_s()
    return connection
def page(connection, base, size):
    control, found = SimplePagedResultsControl(True, size, ""), 0
    while True:
        sent = connection.search_ext(base, ldap.SCOPE_SUBTREE, "(uid=user*)", ["1.1"], serverctrls=[control])
        _, entries, _, controls = connection.result3(sent)
        found += len(entries)
        control.cookie = controls[0].cookie
        if not control.cookie:
            return found
connection, said = connect(), []
for step, *arguments in steps:
    try:
        if step == "connect":
            connection = connect()
            said.append("")
        elif step == "bind":
            connection.simple_bind_s(*arguments)
            said.append(connection.whoami_s())
        elif step == "page":
            said.append(page(connection, *arguments))
        else:
            base, filter = arguments
            said.append([dn for dn, _ in connection.search_s(base, ldap.SCOPE_SUBTREE, filter, ["1.1"])])
    except ldap.LDAPError as error:
        said.append(type(error).__name__)
print(json.dumps(said))
"""


class PythonLdap:
    """A web application: Debian's python-ldap, in Debian's Python. ``way``: clear, starttls or ldaps."""

    def __init__(self, service: LdapService, way: str) -> None:
        _require("/usr/bin/python3", "python3-ldap", root=False)
        self._service, self._way = service, way

    def run(self, *steps: tuple[str | int, ...]) -> list[object]:
        """What came of each step: ``connect``; ``bind NAME PASSWORD`` (who one is then, or the error's name);
        ``search BASE FILTER`` (DNs); ``page BASE SIZE`` (how many entries)."""
        question = [self._service.url, str(self._service.ca_file), self._way == "starttls", steps]
        done = subprocess.run(
            ["/usr/bin/python3", "-I", "-c", _PYTHON_LDAP],
            input=json.dumps(question), capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        if "No module named 'ldap'" in done.stderr:
            _require("python3-ldap", "python3-ldap", root=False)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert isinstance(said, list)
        return said


def service_of(url: str, ca_file: Path) -> LdapService:
    """slapd's, behind whatever is at ``url``."""
    return LdapService(url, ca_file, Slapd.base, (Slapd.service_dn, Slapd.service_password))
