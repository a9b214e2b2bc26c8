"""A connection for reading a directory, as an ``[ad_client]`` section says."""

from __future__ import annotations

import math
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import ldap3
from ldap3.core.exceptions import LDAPException

from authproxy.config.settings import AdClientSettings, Transport
from authproxy.primary.service_account import is_sealed, service_name
from authproxy.secondfactor.roster import DirectoryProblem

Address = tuple[str, int]

_LONGEST_ANSWER: Final = 60.0  # seconds: a page is more work for a server than a login


@contextmanager
def connected(settings: AdClientSettings, addresses: Sequence[Address]) -> Iterator[ldap3.Connection]:
    """Bound as the service account at the first address that takes it. Raises DirectoryProblem."""
    if is_sealed(settings):
        raise DirectoryProblem(
            f"[{settings.name}]: users are read over TLS only: set transport=ldaps or starttls "
            "(or auth_type=plain, where the directory takes passwords in the clear)"
        )
    problems: list[str] = []
    for host, port in addresses:
        try:
            connection = _bound(settings, host, port)
        except DirectoryProblem as error:
            problems.append(f"{host}:{port}: {error}")
            continue
        try:
            yield connection
        finally:
            _close(connection)
        return
    raise DirectoryProblem("; ".join(problems) or f"[{settings.name}] names no server")


def _bound(settings: AdClientSettings, host: str, port: int) -> ldap3.Connection:
    """Raises DirectoryProblem."""
    try:
        connection = _unbound(settings, host, port)
    except (LDAPException, OSError, ValueError) as error:
        raise DirectoryProblem(" ".join(str(error).split())) from error
    try:
        connection.open(read_server_info=False)
        if settings.transport is Transport.STARTTLS and not connection.start_tls(read_server_info=False):
            raise DirectoryProblem(f"StartTLS failed: {connection.last_error}")
        status, result, _response, _request = connection.bind(read_server_info=False)
        if not status:
            raise DirectoryProblem(f"the service account {connection.user!r} is refused: {explained(result)}")
    except (LDAPException, OSError, ValueError) as error:
        _close(connection)
        raise DirectoryProblem(" ".join(str(error).split())) from error
    except DirectoryProblem:
        _close(connection)
        raise
    return connection


def _unbound(settings: AdClientSettings, host: str, port: int) -> ldap3.Connection:
    is_secure = settings.transport is not Transport.CLEAR
    server = ldap3.Server(
        host,
        port,
        use_ssl=settings.transport is Transport.LDAPS,
        tls=CheckedTls(settings, host) if is_secure else None,
        get_info=ldap3.NONE,
        connect_timeout=settings.timeout,
    )
    return ldap3.Connection(
        server,
        user=service_name(settings),
        password=settings.service_account_password.reveal(),
        client_strategy=ldap3.SAFE_SYNC,
        receive_timeout=math.ceil(max(settings.timeout, _LONGEST_ANSWER)),  # ldap3 packs it as an integer
        auto_referrals=False,  # another server would be told the password
        check_names=False,
        read_only=True,
    )


def _close(connection: ldap3.Connection) -> None:
    """Also what ldap3 leaves open when it could not connect."""
    with suppress(LDAPException, OSError):
        connection.unbind()
    if connection.socket is not None:
        with suppress(OSError):
            connection.socket.close()


def explained(result: dict[str, Any]) -> str:
    """What a server's result says, in one line."""
    said = " ".join(str(result.get("message") or "").split())
    return f"result {result.get('result')} ({result.get('description')})" + (f": {said[:200]}" if said else "")


class CheckedTls(ldap3.Tls):  # type: ignore[misc]  # ldap3 has no types
    """Python's own checks of certificate and name: those of ldap3 know no addresses, and leave out the name when
    StartTLS is late."""

    def __init__(self, settings: AdClientSettings, host: str) -> None:
        """Raises OSError, ValueError."""
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._host = host
        self._context = _context(settings)

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=self._host, do_handshake_on_connect=do_handshake
        )


def _context(settings: AdClientSettings) -> ssl.SSLContext:
    file = settings.ssl_ca_certs_file
    context = ssl.create_default_context(cafile=str(file) if file else None)
    context.check_hostname = settings.ssl_verify_hostname
    is_newest = settings.minimum_tls_version == "tls1.3"
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if is_newest else ssl.TLSVersion.TLSv1_2
    if settings.cipher_list:
        context.set_ciphers(settings.cipher_list)
    return context
