"""``security_group_dn``: whether a user is in the group, also through other groups or as primary group."""

from __future__ import annotations

from authproxy.ldap import dn, requests
from authproxy.ldap.dn import DnError
from authproxy.ldap.filters import Equal, Extensible, Filter, Or
from authproxy.ldap.host import DirectoryHost
from authproxy.ldap.requests import Scope, Search
from authproxy.ldap.responses import Code, Entry
from authproxy.primary.bind_result import NotJudged, not_judged
from authproxy.primary.forest import Forest

_IN_CHAIN = "1.2.840.113556.1.4.1941"  # LDAP_MATCHING_RULE_IN_CHAIN (MS-ADTS 3.1.1.3.4.4.3)
_MAX_SID_PARTS = 15


class SecurityGroup:
    """One group. ``is_nested``: members of member groups count, where the directory is an Active Directory."""

    attributes = (b"memberOf", b"objectSid", b"primaryGroupID")

    def __init__(self, name: str, is_nested: bool) -> None:
        """Raises DnError."""
        self.name = name
        self._key = dn.key(name)
        self._is_nested = is_nested

    async def has(self, host: DirectoryHost, forest: Forest, user: Entry, username: str) -> bool:
        """``user`` was read with :attr:`attributes`. Raises NotJudged and ConnectionFailed."""
        if any(self._is_group(value.decode("utf-8", "replace")) for value in user.attributes.get(b"memberof", ())):
            return True
        if not forest.is_active_directory:
            name = username.encode("utf-8", "surrogateescape")
            return await self._matches(
                host, Or((Equal("member", user.dn), Equal("uniqueMember", user.dn), Equal("memberUid", name)))
            )
        return await self._has_in_active_directory(host, user)

    async def _has_in_active_directory(self, host: DirectoryHost, user: Entry) -> bool:
        """A user's primary group does not list the user as ``member``, so it is compared by its SID."""
        primary = primary_group_sid(user)
        is_member = Extensible("member", _IN_CHAIN, user.dn) if self._is_nested else Equal("member", user.dn)
        ways: list[Filter] = [is_member]
        if primary is not None:
            ways.append(Equal("objectSid", primary))
        if await self._matches(host, Or(tuple(ways))):
            return True
        return self._is_nested and primary is not None and await self._has_group(host, primary)

    async def _matches(self, host: DirectoryHost, which: Filter) -> bool:
        """Whether the group's own entry matches."""
        answer = await host.search(requests.encode(Search(self.name.encode(), Scope.BASE, which, (b"1.1",), 1)))
        if answer.result.code == Code.SUCCESS:
            return bool(answer.entries)
        if answer.result.code == Code.NO_SUCH_OBJECT:
            raise NotJudged(f"security_group_dn {self.name!r} does not exist, or is not readable")
        raise not_judged(answer.result, "the search for the group")

    async def _has_group(self, host: DirectoryHost, sid: bytes) -> bool:
        """Whether the group with this SID is a member, directly or not."""
        base = b"<SID=" + sid.hex().encode() + b">"  # MS-ADTS 3.1.1.3.1.2.4
        which = Extensible("memberOf", _IN_CHAIN, self.name.encode())
        answer = await host.search(requests.encode(Search(base, Scope.BASE, which, (b"1.1",), 1)))
        if answer.result.code in (Code.SUCCESS, Code.NO_SUCH_OBJECT):
            return bool(answer.entries)
        raise not_judged(answer.result, "the search for the primary group")

    def _is_group(self, text: str) -> bool:
        if text == self.name:
            return True
        try:
            return dn.key(text) == self._key
        except DnError:
            return False


def primary_group_sid(user: Entry) -> bytes | None:
    """The user's SID with its last part replaced by ``primaryGroupID`` (MS-DTYP 2.4.2.2); None if either can't
    be read."""
    sids, numbers = user.attributes.get(b"objectsid", ()), user.attributes.get(b"primarygroupid", ())
    if not sids or not numbers or not numbers[0].isdigit():
        return None
    sid, number = sids[0], int(numbers[0])
    if len(sid) < 12 or len(sid) != 8 + 4 * sid[1] or sid[1] > _MAX_SID_PARTS or number >= 1 << 32:
        return None
    return sid[:-4] + number.to_bytes(4, "little")
