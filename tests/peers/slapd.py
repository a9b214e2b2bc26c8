"""A real OpenLDAP on loopback in a directory of its own: TLS, memberof and ppolicy, as many users as asked for.

    with Slapd(tmp_path, users=100) as peer:
        ... 127.0.0.1:peer.port, peer.tls_port, peer.ca_file, peer.service_dn, peer.service_password

``user0001`` has the password ``pw-0001``, and so on; the ``description`` is for the user's own eyes only. The
first ten are in cn=vpn; 11 must change the password, 12 is locked, 13's has expired; 14 and 15 share the mail
address ``shared@example.test``. ``jörg`` has the password ``pässwörd``; ``comma`` (``pw-comma``) has a comma in
its name.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import trustme

from tests.peers.ports import free_port

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_START_SECONDS = 60.0

BASE = "dc=example,dc=test"
PEOPLE = f"ou=People,{BASE}"
VPN = f"cn=vpn,ou=Groups,{BASE}"
UNIQUE = f"cn=unique,ou=Groups,{BASE}"
POSIX = f"cn=posix,ou=Groups,{BASE}"


def require_slapd() -> str:
    """The binary's path; skips the test without it, or fails it where CI=true."""
    found = shutil.which("slapd", path=_PATH)
    if found is not None:
        return found
    message = "no OpenLDAP server on this host: apt-get install slapd ldap-utils"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


_CONFIG = """\
dn: cn=config
objectClass: olcGlobal
cn: config
olcPidFile: {dir}/slapd.pid
olcIdleTimeout: {idle}
olcTLSCACertificateFile: {dir}/ca.pem
olcTLSCertificateFile: {dir}/cert.pem
olcTLSCertificateKeyFile: {dir}/key.pem
olcTLSVerifyClient: never

dn: cn=module,cn=config
objectClass: olcModuleList
cn: module
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb
olcModuleLoad: memberof
olcModuleLoad: ppolicy

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif
include: file:///etc/ldap/schema/cosine.ldif
include: file:///etc/ldap/schema/nis.ldif
include: file:///etc/ldap/schema/inetorgperson.ldif

dn: olcDatabase={{-1}}frontend,cn=config
objectClass: olcDatabaseConfig
objectClass: olcFrontendConfig
olcDatabase: {{-1}}frontend
olcAccess: to dn.base="" by * read

dn: olcDatabase={{0}}config,cn=config
objectClass: olcDatabaseConfig
olcDatabase: {{0}}config
olcRootDN: cn=admin,cn=config
olcRootPW: config-secret

dn: olcDatabase={{1}}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {{1}}mdb
olcSuffix: {base}
olcDbDirectory: {dir}/db
olcDbMaxSize: 268435456
olcDbNoSync: TRUE
olcDbIndex: objectClass,uid,mail eq
olcRootDN: cn=admin,{base}
olcRootPW: admin-secret
olcAccess: {{0}}to attrs=userPassword by anonymous auth by * none
olcAccess: {{1}}to attrs=description by self read by * none
olcAccess: {{2}}to * by users read by * none

dn: olcOverlay={{0}}memberof,olcDatabase={{1}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcMemberOf
olcOverlay: {{0}}memberof

dn: olcOverlay={{1}}ppolicy,olcDatabase={{1}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcPPolicyConfig
olcOverlay: {{1}}ppolicy
olcPPolicyDefault: cn=default,ou=Policies,{base}
olcPPolicyUseLockout: TRUE
"""


class Slapd:
    """One slapd process. ``certificate`` is the server's PEM chain and key when it is not to be a good one;
    ``idle`` is after how many seconds it closes idle connections (0: never)."""

    service_dn = f"cn=svc,ou=Service,{BASE}"
    service_password = "svc-secret"
    base = BASE

    def __init__(
        self,
        directory: Path,
        users: int = 1000,
        *,
        port: int | None = None,
        idle: int = 0,
        certificate: trustme.LeafCert | None = None,
        max_failures: int = 0,
    ) -> None:
        self._binary = require_slapd()
        self._directory = directory
        self.port = port or free_port()
        self.tls_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        (directory / "db").mkdir(parents=True)
        (directory / "config").mkdir()
        self.ca = trustme.CA(organization_name="Test LDAP CA")
        self.ca_file = directory / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.ca_file))
        self.present(certificate or self.ca.issue_cert("localhost", "127.0.0.1", "ldap.example.test"))
        self._load(0, _CONFIG.format(dir=directory, base=BASE, idle=idle))
        self._load(1, _data(users, max_failures))

    def present(self, certificate: trustme.LeafCert) -> None:
        """The certificate that the next :meth:`start` shows."""
        chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        (self._directory / "cert.pem").write_bytes(chain)
        certificate.private_key_pem.write_to_path(str(self._directory / "key.pem"))

    def present_pem(self, certificate: bytes, key: bytes) -> None:
        (self._directory / "cert.pem").write_bytes(certificate)
        (self._directory / "key.pem").write_bytes(key)

    def _load(self, number: int, ldif: str) -> None:
        file = self._directory / f"{number}.ldif"
        file.write_text(ldif, "utf-8")
        command = ["slapadd", "-q", "-n", str(number), "-F", str(self._directory / "config"), "-l", str(file)]
        done = subprocess.run(command, capture_output=True, env=os.environ | {"PATH": _PATH})
        if done.returncode:
            pytest.fail(f"slapadd failed: {done.stderr.decode()[-2000:]}")

    def start(self) -> Slapd:
        """Returns when it accepts connections. Fails the test with slapd's own words if it doesn't."""
        urls = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        with (self._directory / "slapd.log").open("ab") as output:
            self._process = subprocess.Popen(
                [self._binary, "-d", "0", "-F", str(self._directory / "config"), "-h", urls],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        give_up = time.monotonic() + _START_SECONDS
        while not self._is_listening():
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.stop()
                pytest.fail(f"slapd did not start:\n{(self._directory / 'slapd.log').read_text()[-2000:]}")
            time.sleep(0.02)
        return self

    def _is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.tls_port)) == 0

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """As a crash would end it; :meth:`start` brings it back on the same ports."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def pause(self) -> None:
        """It still has its connections and takes new ones, but answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __enter__(self) -> Slapd:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()


def password_of(number: int) -> bytes:
    return b"pw-%04d" % number


def _hashed(password: str) -> str:
    salt = os.urandom(8)
    return "{SSHA}" + base64.b64encode(hashlib.sha1(password.encode() + salt).digest() + salt).decode()


def _line(name: str, value: str) -> str:
    return f"{name}: {value}" if value.isascii() else f"{name}:: {base64.b64encode(value.encode()).decode()}"


def _entry(dn: str, classes: str, **attributes: str | list[str]) -> str:
    lines = [_line("dn", dn)] + [f"objectClass: {name}" for name in classes.split()]
    for name, values in attributes.items():
        lines += [_line(name, value) for value in ([values] if isinstance(values, str) else values)]
    return "\n".join(lines) + "\n\n"


def _person(number: int) -> str:
    uid = f"user{number:04d}"
    special: dict[str, str | list[str]] = {
        11: {"pwdReset": "TRUE"},
        12: {"pwdAccountLockedTime": "000001010000Z"},
        13: {"pwdChangedTime": "20200101000000Z"},
    }.get(number, {})
    mail = "shared@example.test" if number in (14, 15) else f"{uid}@example.test"
    if number <= 10:
        special = special | {"memberOf": [VPN]}
    return _entry(
        f"uid={uid},{PEOPLE}", "inetOrgPerson", uid=uid, cn=f"User {number}", sn=str(number), mail=mail,
        description=f"only for {uid}",
        userPassword=_hashed(password_of(number).decode()), **special,
    )  # fmt: skip


_UNITS = ("People", "Groups", "Policies", "Service")


def _data(users: int, max_failures: int) -> str:
    members = [f"uid=user{number:04d},{PEOPLE}" for number in range(1, 11)]
    parts = [_entry(BASE, "dcObject organization", dc="example", o="Example")]
    parts += [
        _entry(f"ou={ou},{BASE}", "organizationalUnit", ou=ou)
        for ou in ("People", "Groups", "Policies", "Service")
    ]
    parts.append(_entry(
        f"cn=default,ou=Policies,{BASE}", "device pwdPolicy", cn="default", pwdAttribute="userPassword",
        pwdLockout="TRUE", pwdMaxFailure=str(max_failures), pwdLockoutDuration="300", pwdMustChange="TRUE",
        pwdGraceAuthNLimit="0", pwdMaxAge="7776000",
    ))  # fmt: skip
    parts.append(_entry(
        Slapd.service_dn, "applicationProcess simpleSecurityObject", cn="svc",
        userPassword=_hashed(Slapd.service_password),
    ))  # fmt: skip
    parts += map(_person, range(1, users + 1))
    for name, rdn, password in (("jörg", "uid=jörg", "pässwörd"), ("comma", "cn=Comma\\, Ann", "pw-comma")):
        hashed = _hashed(password)
        cn = "Comma, Ann" if name == "comma" else name
        parts.append(_entry(f"{rdn},{PEOPLE}", "inetOrgPerson", uid=name, cn=cn, sn="S", userPassword=hashed))
    parts.append(_entry(VPN, "groupOfNames", cn="vpn", member=members))
    parts.append(_entry(UNIQUE, "groupOfUniqueNames", cn="unique", uniqueMember=members[:2]))
    parts.append(_entry(POSIX, "posixGroup", cn="posix", gidNumber="10000", memberUid=["user0001"]))
    return "".join(parts)
