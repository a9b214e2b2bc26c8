"""The search for a user's entry: what doesn't change is encoded once, a login adds the name."""

from __future__ import annotations

from authproxy.config.settings import AdClientSettings
from authproxy.errors import ConfigError
from authproxy.ldap import ber, dn, filter_text, filters, messages, requests
from authproxy.ldap.dn import DnError, Key
from authproxy.ldap.filters import Equal, Or, Present
from authproxy.ldap.requests import Scope, Search

_EQUAL, _AND = b"\xa3", b"\xa0"
_MAX_NAME = 1024  # bytes
_ENTRIES = 2  # one is the user, two are one too many


class UserSearch:
    """Encodes the searches of one ``[ad_client]``. Raises ConfigError for a filter that can't be read."""

    def __init__(self, settings: AdClientSettings, time_limit: int) -> None:
        self.username_attribute = settings.username_attribute.encode()
        self._by_name = ber.tlv(ber.OCTETS, self.username_attribute)
        at = settings.at_attribute
        self._by_at_name = ber.tlv(ber.OCTETS, at.encode()) if at else self._by_name
        self._extra = _extra_filter(settings)
        wanted = [settings.username_attribute.encode(), b"mail"]
        if settings.security_group_dn:
            wanted.append(b"memberOf")
        template = Search(
            settings.search_dn.encode(), Scope.SUBTREE, Present("objectClass"), (), _ENTRIES, time_limit
        )
        self._head = requests.search_head(template)
        self._tail = requests.attribute_list(tuple(wanted))
        self._group = settings.security_group_dn
        self._base = settings.search_dn.encode()
        self._base_key = _key(settings.search_dn)
        self._wanted = tuple(wanted)

    def find(self, typed: str) -> bytes | None:
        """The operation that looks for who typed this name; None for a name nobody can have."""
        name = typed.partition("\\")[2] if "\\" in typed else typed
        try:
            value = name.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return None
        if not value or len(value) > _MAX_NAME:
            return None
        length = ber.length
        pair = (self._by_at_name if "@" in name else self._by_name) + b"\x04" + length(len(value)) + value
        which = _EQUAL + length(len(pair)) + pair
        if self._extra:
            which = _AND + length(len(which) + len(self._extra)) + which + self._extra
        body = self._head + which + self._tail
        return b"\x63" + length(len(body)) + body

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

    def membership(self, member: bytes, username: bytes) -> bytes:
        """The operation that finds the group's entry if it has this member."""
        assert self._group is not None
        which = Or((Equal("member", member), Equal("uniqueMember", member), Equal("memberUid", username)))
        return requests.encode(Search(self._group.encode(), Scope.BASE, which, (b"1.1",), 1))

    def base(self) -> bytes:
        """The operation that sees whether ``search_dn`` is there."""
        return requests.encode(Search(self._base, Scope.BASE, Present("objectClass"), (b"1.1",), 1))


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
