"""What an Active Directory says about itself: that it is one, and the domains of its forest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from authproxy.ldap import requests
from authproxy.ldap.filters import Present
from authproxy.ldap.host import DirectoryHost
from authproxy.ldap.requests import Scope, Search
from authproxy.ldap.responses import Code, Entry

_ACTIVE_DIRECTORY = frozenset((b"1.2.840.113556.1.4.800", b"1.2.840.113556.1.4.1851"))  # AD DS, AD LDS
_ROOT_DSE = requests.encode(
    Search(b"", Scope.BASE, Present("objectClass"), (b"supportedCapabilities", b"configurationNamingContext"))
)
_MAX_DOMAINS = 1000


@dataclass(frozen=True, slots=True)
class Forest:
    """``domains``: NetBIOS and DNS names of its domains, in lower case, to the DNS name; empty when they can't
    be read."""

    is_active_directory: bool = False
    domains: Mapping[str, str] = field(default_factory=dict)


class ForestFinder:
    """Asks once and remembers."""

    def __init__(self) -> None:
        self._known: Forest | None = None
        self._waiting: list[Deferred[Forest]] | None = None

    def of(self, host: DirectoryHost) -> Deferred[Forest]:
        """Fails with ConnectionFailed, and asks anew the next time."""
        result: Deferred[Forest] = Deferred()
        if self._known is not None:
            result.callback(self._known)
        elif self._waiting is not None:
            self._waiting.append(result)
        else:
            self._waiting = [result]
            Deferred.fromCoroutine(_discover(host)).addBoth(self._discovered)
        return result

    def _discovered(self, found: Forest | Failure) -> None:
        waiting, self._waiting = self._waiting or [], None
        if isinstance(found, Forest):
            self._known = found
        for each in waiting:
            if not each.called:
                each.callback(found)


async def _discover(host: DirectoryHost) -> Forest:
    root = await host.search(_ROOT_DSE)
    if root.result.code != Code.SUCCESS or not root.entries:
        return Forest()
    about = root.entries[0].attributes
    if _ACTIVE_DIRECTORY.isdisjoint(about.get(b"supportedcapabilities", ())):
        return Forest()
    configuration = about.get(b"configurationnamingcontext", ())
    return Forest(True, await _domains(host, configuration[0]) if configuration else {})


async def _domains(host: DirectoryHost, configuration: bytes) -> Mapping[str, str]:
    """From the cross references (MS-ADTS 6.1.1.2.1.1): those of domains have a NetBIOS name."""
    partitions = Search(
        b"CN=Partitions," + configuration,
        Scope.ONE,
        Present("nETBIOSName"),
        (b"nETBIOSName", b"dnsRoot"),
        _MAX_DOMAINS,
    )
    answer = await host.search(requests.encode(partitions))
    if answer.result.code != Code.SUCCESS:
        return {}
    names: dict[str, str] = {}
    for entry in answer.entries:
        short, dns = _text(entry, b"netbiosname"), _text(entry, b"dnsroot")
        if short and dns:
            names[short] = names[dns] = dns
    return names


def _text(entry: Entry, name: bytes) -> str:
    values = entry.attributes.get(name, ())
    return values[0].decode("utf-8", "replace").casefold() if values else ""
