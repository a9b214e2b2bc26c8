"""Kerberos (RFC 4120, 4121) as a SASL mechanism. Needs the packages of ``authproxy[kerberos]``: they wrap libkrb5,
whose configuration (/etc/krb5.conf, or the file that KRB5_CONFIG names) says where the realm's servers are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import spnego
from spnego import ContextReq
from spnego.channel_bindings import GssChannelBindings

from authproxy.errors import ConfigError
from authproxy.ldap.logon_failure import LogonFailure
from authproxy.ldap.responses import Code, Result
from authproxy.ldap.sasl import LogonRefused, SaslError
from authproxy.secret import Secret

InThread = Callable[[Callable[[], bytes | None]], Awaitable[bytes | None]]
"""Runs what may wait for the network in a thread."""

_SEALED = ContextReq.integrity | ContextReq.confidentiality
_IN_ORDER = ContextReq.sequence_detect | ContextReq.replay_detect
# krb5.h; what else goes wrong says nothing about the account
_NO_SUCH_CLIENT, _REVOKED, _EXPIRED, _WRONG_PASSWORD, _BAD_INTEGRITY = (
    -1765328378,
    -1765328366,
    -1765328361,
    -1765328360,
    -1765328353,
)
_REFUSALS = {
    _NO_SUCH_CLIENT: LogonFailure.NO_SUCH_USER,
    _EXPIRED: LogonFailure.PASSWORD_EXPIRED,
    _WRONG_PASSWORD: LogonFailure.LOGON_FAILURE,
    _BAD_INTEGRITY: LogonFailure.LOGON_FAILURE,
}


def require_kerberos() -> None:
    """Raises ConfigError where the packages are missing."""
    try:
        import gssapi  # noqa: F401
        import krb5  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"auth_type=kerberos needs the packages gssapi and krb5 ({error}): run 'make kerberos', or install "
            "authproxy[kerberos]; both are compiled against libkrb5"
        ) from error


@dataclass(frozen=True, slots=True)
class KerberosLogin:
    """``principal``: ``name@REALM``. ``keytab`` is used if there is one."""

    principal: str
    password: Secret = field(repr=False)
    keytab: Path | None = None


class Kerberos:
    """Implements ``sasl.Mechanism``. ``channel`` is the TLS channel's binding (RFC 5929 4); empty on a clear
    connection, which is sealed instead: Active Directory takes one of both only."""

    name = b"GSS-SPNEGO"  # servers take Kerberos' own messages in it as well

    def __init__(self, login: KerberosLogin, host: str, channel: bytes, in_thread: InThread) -> None:
        self._login = login
        self._host = host
        self._channel = channel
        self._in_thread = in_thread
        self._context: spnego.ContextProxy | None = None

    async def step(self, challenge: bytes | None) -> bytes | None:
        return await self._in_thread(lambda: self._step(challenge))

    async def finish(self, credentials: bytes | None) -> None:
        if credentials and self._context is not None and not self._context.complete:
            await self.step(credentials)
        if self._context is None or not self._context.complete:
            raise SaslError("the server did not prove that it is the one that Kerberos knows")

    def _step(self, challenge: bytes | None) -> bytes | None:
        try:
            if self._context is not None:
                return self._context.step(challenge)
            with _Ticket(self._login) as ticket:
                self._context = self._begin(ticket)
                return self._context.step(challenge)
        except (SaslError, LogonRefused):
            raise
        except Exception as error:  # the libraries raise of all kinds
            raise SaslError(f"Kerberos with ldap/{self._host} failed: {error}") from error

    def _begin(self, ticket: spnego.KerberosCCache) -> spnego.ContextProxy:
        protection = ContextReq.no_integrity if self._channel else _SEALED | _IN_ORDER
        return spnego.client(
            ticket,
            hostname=self._host,
            service="ldap",
            protocol="kerberos",
            context_req=ContextReq.mutual_auth | protection,
            channel_bindings=GssChannelBindings(application_data=self._channel) if self._channel else None,
        )

    def seal(self) -> Kerberos | None:
        if self._channel:
            return None
        if self._context is None or self._context.context_attr & _SEALED != _SEALED:
            raise SaslError("the server ended Kerberos before the connection could be sealed")
        return self

    def wrap(self, data: bytes) -> bytes:
        assert self._context is not None
        return self._context.wrap(data).data

    def unwrap(self, data: bytes) -> bytes:
        assert self._context is not None
        try:
            opened = self._context.unwrap(data)
        except Exception as error:
            raise SaslError("what the server sent is not sealed with the key of this bind") from error
        if not opened.encrypted:
            raise SaslError("the server sent something that is signed, but not sealed")
        return opened.data


class _Ticket:
    """A ticket-granting ticket in a cache of its own in memory, which goes away afterwards."""

    def __init__(self, login: KerberosLogin) -> None:
        self._login = login

    def __enter__(self) -> spnego.KerberosCCache:
        """Raises LogonRefused and SaslError."""
        import krb5

        self._krb5: Any = krb5
        self._library = krb5.init_context()
        try:
            credentials = self._ask()
        except krb5.Krb5Error as error:
            raise _refusal(error.err_code, str(error), self._login.principal) from error
        self._cache = krb5.cc_new_unique(self._library, b"MEMORY")
        krb5.cc_initialize(self._library, self._cache, credentials.client)
        krb5.cc_store_cred(self._library, self._cache, credentials)
        return spnego.KerberosCCache(f"MEMORY:{(self._cache.name or b'').decode()}")

    def _ask(self) -> Any:
        krb5, library, login = self._krb5, self._library, self._login
        principal = krb5.parse_name_flags(library, login.principal.encode())
        options = krb5.get_init_creds_opt_alloc(library)
        krb5.get_init_creds_opt_set_canonicalize(options, True)
        if login.keytab is not None:
            keytab = krb5.kt_resolve(library, f"FILE:{login.keytab}".encode())
            return krb5.get_init_creds_keytab(library, principal, options, keytab=keytab)
        password = login.password.reveal_bytes()
        return krb5.get_init_creds_password(library, principal, options, password=password)

    def __exit__(self, *_exc: object) -> None:
        self._krb5.cc_destroy(self._library, self._cache)


def _refusal(code: int, text: str, principal: str) -> Exception:
    """In Active Directory's own form, so that it is read like the refusal of any other bind."""
    said = f"the KDC said of {principal}: {text}"
    if code in _REFUSALS:
        return LogonRefused(Result(Code.INVALID_CREDENTIALS, message=f"{said}, data {_REFUSALS[code]:x}"))
    if code == _REVOKED:
        message = f"the account is disabled, locked, expired, or outside its logon hours; {said}"
        return LogonRefused(Result(Code.UNWILLING_TO_PERFORM, message=message))
    return SaslError(f"Kerberos gave no ticket to {principal}: {text}")
