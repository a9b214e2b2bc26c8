"""What a server says of itself (RFC 4512 5.1), and whether it is of the kind that it is to be read as."""

from __future__ import annotations

from typing import Final

import ldap3

from authproxy.directory.search import Found, entry
from authproxy.secondfactor.roster import DirectoryProblem, Kind

_SIGNS: Final = ("dsServiceName", "highestCommittedUSN")
_ATTRIBUTES: Final = ("namingContexts", "defaultNamingContext", "supportedCapabilities", *_SIGNS)
_CAPABILITIES: Final = {b"1.2.840.113556.1.4.800", b"1.2.840.113556.1.4.1851"}  # MS-ADTS 3.1.1.3.4.3: AD, AD LDS


def read_root(connection: ldap3.Connection, kind: Kind) -> Found:
    """Raises DirectoryProblem, also if the server is of another kind: with the wrong names of things everybody
    would look as if they had left."""
    root = entry(connection, "", _ATTRIBUTES)
    if root is None:
        raise DirectoryProblem("the directory does not show its root")
    if _is_active_directory(root) != (kind is Kind.ACTIVE_DIRECTORY):
        raise DirectoryProblem(_OTHER_KIND[kind])
    return root


def _is_active_directory(root: Found) -> bool:
    says_so = not _CAPABILITIES.isdisjoint(root.values.get("supportedcapabilities", ()))
    return says_so or any(root.first(sign) for sign in _SIGNS)


_OTHER_KIND: Final = {
    Kind.ACTIVE_DIRECTORY: "its kind is set to 'active directory', but the server says nothing of being one: "
    "change the kind to 'openldap', which stands for all others",
    Kind.OPENLDAP: "its kind is set to 'openldap', but the server says that it is an Active Directory: "
    "change the kind to 'active directory'",
}
