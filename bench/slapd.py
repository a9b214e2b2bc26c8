"""slapd with the benches' users, the directory of both servers that are compared."""

from __future__ import annotations

import base64
import hashlib
import socket
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.people import Person
from bench.processes import Process, free_port

BASE = "dc=example,dc=test"
SERVICE_DN = f"cn=svc,ou=Service,{BASE}"
SERVICE_PASSWORD = "svc-secret"

_CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile {dir}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
threads 8
sizelimit unlimited
database mdb
suffix "{base}"
directory {dir}/db
maxsize 1073741824
dbnosync
index objectClass,uid eq
access to attrs=userPassword by anonymous auth by * none
access to * by users read by * none
"""


class BenchSlapd:
    """``start`` it, then ``port`` answers. ``process`` is for measuring."""

    def __init__(self, directory: Path, persons: Iterable[Person]) -> None:
        self._dir = directory
        self.port = free_port(socket.SOCK_STREAM)
        (directory / "db").mkdir(parents=True)
        self._config = directory / "slapd.conf"
        self._config.write_text(_CONFIG.format(dir=directory, base=BASE))
        entries = directory / "users.ldif"
        entries.write_text("\n".join(_entries(persons)))
        subprocess.run(
            ["/usr/sbin/slapadd", "-q", "-f", str(self._config), "-l", str(entries)],
            check=True,
            capture_output=True,
        )

    def start(self) -> BenchSlapd:
        arguments = ["/usr/sbin/slapd", "-d", "0", "-f", str(self._config), "-h", f"ldap://127.0.0.1:{self.port}"]
        self.process = Process("slapd", arguments, self._dir / "slapd.log")
        self.process.wait_until(self._is_listening)
        return self

    def _is_listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def _entries(persons: Iterable[Person]) -> Iterator[str]:
    yield f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example\n"
    for unit in ("People", "Service"):
        yield f"dn: ou={unit},{BASE}\nobjectClass: organizationalUnit\nou: {unit}\n"
    yield (
        f"dn: {SERVICE_DN}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\n"
        f"cn: svc\nuserPassword: {_hashed(SERVICE_PASSWORD)}\n"
    )
    for person in persons:
        name = person.username
        yield (
            f"dn: uid={name},ou=People,{BASE}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n"
            f"mail: {name}@example.test\nuserPassword: {_hashed(person.password)}\n"
        )


def _hashed(password: str) -> str:
    salt = hashlib.md5(password.encode()).digest()[:8]
    return "{SSHA}" + base64.b64encode(hashlib.sha1(password.encode() + salt).digest() + salt).decode()
