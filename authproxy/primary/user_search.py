"""The search for a user's entry: what doesn't change is encoded once, a login adds the name."""

from __future__ import annotations

from authproxy.config.settings import AdClientSettings
from authproxy.errors import ConfigError
from authproxy.ldap import ber, dn, filter_text, filters, messages, requests
from authproxy.ldap.dn import DnError, Key
from authproxy.ldap.filters import Present
from authproxy.ldap.requests import Scope, Search
from authproxy.primary.login_name import LoginName

_EQUAL, _AND, _OR = b"\xa3", b"\xa0", b"\xa1"
_MAX_NAME = 1024  # bytes
_ENTRIES = 8  # one is the user; of several, the domain that was typed may leave one


class UserSearch:
    """Encodes the searches of one ``[ad_client]``. Raises ConfigError for a filter that can't be read."""

    def __init__(
        self, settings: AdClientSettings, time_limit: int, group_attributes: tuple[bytes, ...] = ()
    ) -> None:
        self.username_attribute = settings.username_attribute.encode()
        self._by_name = ber.tlv(ber.OCTETS, self.username_attribute)
        at = settings.at_attribute
        self._by_at_name = ber.tlv(ber.OCTETS, at.encode()) if at else self._by_name
        self._extra = _extra_filter(settings)
        wanted = [settings.username_attribute.encode(), b"mail", *group_attributes]
        self.takes_upn = bool(at) and str(at).lower() == "userprincipalname"
        if self.takes_upn:
            wanted.append(b"userPrincipalName")
        template = Search(
            settings.search_dn.encode(), Scope.SUBTREE, Present("objectClass"), (), _ENTRIES, time_limit
        )
        self._head = requests.search_head(template)
        self._tail = requests.attribute_list(tuple(wanted))
        self._base = settings.search_dn.encode()
        self._base_key = _key(settings.search_dn)
        self._wanted = tuple(wanted)

    def find(self, name: LoginName, *, is_implicit: bool = False) -> bytes:
        """The operation that looks for who has this name. ``is_implicit``: also for the account ``user`` of
        ``user@domain``."""
        which = _equal(self._by_at_name if name.has_at else self._by_name, name.account)
        if is_implicit:
            which = _element(_OR, which + _equal(self._by_name, name.before_at))
        if self._extra:
            which = _element(_AND, which + self._extra)
        return _element(b"\x63", self._head + which + self._tail)

    def entry(self, name: str) -> bytes | None:
        """The operation that reads the entry with this DN; None for what is no DN below ``search_dn``."""
        if not self.is_below(name):
            return None
        search = Search(name.encode("utf-8", "surrogateescape"), Scope.BASE, Present("objectClass"), (), 1)
        which = self._extra or filters.encode(search.which)
        body = requests.search_head(search) + which + requests.attribute_list(self._wanted)
        return ber.tlv(messages.SEARCH_REQUEST, body)

    def is_below(self, name: str) -> bool:
        """Whether this is a DN at or below ``search_dn``."""
        key = _key(name) if len(name) <= _MAX_NAME else None
        return key is not None and self._base_key is not None and dn.is_within(key, self._base_key)

    def base(self) -> bytes:
        """The operation that sees whether ``search_dn`` is there."""
        return requests.encode(Search(self._base, Scope.BASE, Present("objectClass"), (b"1.1",), 1))


def _equal(attribute: bytes, value: str) -> bytes:
    encoded = value.encode("utf-8", "surrogateescape")
    return _element(_EQUAL, attribute + b"\x04" + ber.length(len(encoded)) + encoded)


def _element(tag: bytes, value: bytes) -> bytes:
    return tag + ber.length(len(value)) + value


def _key(name: str) -> Key | None:
    try:
        return dn.key(name)
    except DnError:
        return None


def _extra_filter(settings: AdClientSettings) -> bytes:
    if not settings.ldap_filter:
        return b""
    try:
        return filters.encode(filter_text.parse(settings.ldap_filter))
    except ConfigError as error:
        raise ConfigError(f"[{settings.name}] ldap_filter: {error}") from error


def bind_operation(name: bytes, password: bytes, controls: bytes) -> bytes:
    """A simple bind, with its controls behind it."""
    length = ber.length
    body = b"\x02\x01\x03\x04" + length(len(name)) + name + b"\x80" + length(len(password)) + password
    return bytes((messages.BIND_REQUEST,)) + length(len(body)) + body + controls
