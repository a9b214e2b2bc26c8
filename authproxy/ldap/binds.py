"""Which binds the directory decides alone, which are logins with a second factor, and which nobody decides.

Pure. What is meant for administrators is in docs/ldap.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from authproxy.config.settings import LdapServerSettings
from authproxy.errors import ConfigError
from authproxy.ldap import ber, dn, requests
from authproxy.ldap.dn import DnError, Key
from authproxy.ldap.messages import Envelope
from authproxy.ldap.requests import SaslBind, SimpleBind
from authproxy.ldap.responses import Code

_SIMPLE, _SASL = 0x80, 0xA3
_MOST_LIMITED_BINDS = 2
_LONGEST_NAME = 4096  # bytes


@dataclass(frozen=True, slots=True)
class OtherBind:
    """A bind that is neither simple nor SASL, such as Active Directory's old NTLM exchange (0x89 to 0x8b)."""

    version: int


Bind = SimpleBind | SaslBind | OtherBind


def read_bind(envelope: Envelope) -> Bind:
    """Raises BerError."""
    data, end = envelope.frame, envelope.stop
    start, at = ber.expect(data, envelope.start, end, ber.INTEGER)
    version = ber.number(data, start, at)
    _, at = ber.expect(data, at, end, ber.OCTETS)
    if ber.header(data, at, end)[0] not in (_SIMPLE, _SASL):
        return OtherBind(version)
    bind = requests.decode(envelope)
    assert isinstance(bind, SimpleBind | SaslBind)
    return bind


# ---------------------------------------------------------------- what becomes of it


@dataclass(frozen=True, slots=True)
class Relayed:
    """The directory decides it alone; ``why`` is for the log, empty for nobody (an anonymous bind)."""

    why: str


@dataclass(frozen=True, slots=True)
class Login:
    """A user's bind. ``dn`` is the name if it is a distinguished name; ``username`` is its first value then,
    and the name as typed otherwise."""

    username: str
    dn: str


@dataclass(frozen=True, slots=True)
class Unfit:
    """Refused without asking anybody."""

    code: Code
    text: str


@dataclass(frozen=True, slots=True)
class BindRules:
    """A section's rules. ``exempt``: accounts, or whole branches, that need no second factor."""

    is_first_exempt: bool = True
    exempt: tuple[Key, ...] = ()
    is_unlimited: bool = True
    sasl_mechanisms: frozenset[bytes] = frozenset()

    @classmethod
    def of(cls, section: LdapServerSettings) -> BindRules:
        """Raises ConfigError."""
        try:
            exempt = tuple(map(dn.key, section.exempt_ous))
        except DnError as error:
            raise ConfigError(f"[{section.name}] exempt_ou: {error}") from error
        if () in exempt:
            raise ConfigError(f"[{section.name}] exempt_ou: a blank name would exempt everybody")
        return cls(
            section.exempt_primary_bind,
            exempt,
            section.allow_unlimited_binds,
            frozenset(name.encode() for name in section.allow_sasl_mechanisms),
        )

    def decide(self, bind: Bind, earlier: int, is_next_step: bool = False) -> Relayed | Login | Unfit:
        """``earlier``: how many binds of this connection were relayed or logins, whatever came of them.
        ``is_next_step``: the bind goes on with a SASL exchange."""
        if bind.version != 3:
            return Unfit(Code.PROTOCOL_ERROR, "only LDAP version 3 is spoken here")
        is_too_many = not self.is_unlimited and earlier >= _MOST_LIMITED_BINDS and not is_next_step
        match bind:
            case SaslBind(mechanism=mechanism) if mechanism.upper() in self.sasl_mechanisms:
                decision: Relayed | Login | Unfit = Relayed(f"SASL {mechanism.decode('ascii', 'replace')}")
            case SimpleBind(name, password):
                decision = self._decide_simple(name, password, is_first=earlier == 0)
            case _:
                return Unfit(Code.AUTH_METHOD_NOT_SUPPORTED, "only simple binds are supported here")
        if is_too_many and not isinstance(decision, Unfit):
            return Unfit(Code.UNWILLING_TO_PERFORM, "no more binds on this connection")
        return decision

    def _decide_simple(self, name: bytes, password: bytes, is_first: bool) -> Relayed | Login | Unfit:
        if b"\0" in name or len(name) > _LONGEST_NAME:  # a directory might read it up to the NUL
            return Unfit(Code.INVALID_CREDENTIALS, "")
        if not name:
            return Unfit(Code.INVALID_CREDENTIALS, "") if password else Relayed("")
        if not password.strip(b"\0"):  # RFC 4513 5.1.2: many a directory says success and means nobody
            return Unfit(Code.UNWILLING_TO_PERFORM, "a bind needs a password")
        if is_first and self.is_first_exempt:
            return Relayed("exempt_primary_bind")
        text = name.decode("utf-8", "surrogateescape")
        try:
            rdns = dn.parse(text)
        except DnError:
            return Login(text, "")
        if self.exempt and self._holds(dn.key_of(rdns)):
            return Relayed("exempt_ou")
        return Login(rdns[0][0][1], text) if rdns else Login(text, "")

    def is_exempt(self, name: str) -> bool:
        """Whether the name is a DN at or below an ``exempt_ou_N``."""
        try:
            return bool(self.exempt) and self._holds(dn.key(name))
        except DnError:
            return False

    def _holds(self, key: Key) -> bool:
        return any(dn.is_within(key, base) for base in self.exempt)
