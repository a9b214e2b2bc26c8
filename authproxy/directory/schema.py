"""What differs between the kinds of directories: the names of things. A row each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from uuid import UUID

from authproxy.secondfactor.roster import Kind

_DISABLED: Final = 0x2  # ADS_UF_ACCOUNTDISABLE


@dataclass(frozen=True, slots=True)
class Schema:
    """``stamp``: the attribute by which changes are found. ``members``: attributes that name a group's members by
    DN; ``member_names``: by user name."""

    key: str
    stamp: str
    users: str
    groups: str
    group_names: tuple[str, ...]
    members: tuple[str, ...]
    member_names: str = ""
    user_more: tuple[str, ...] = ()
    group_more: tuple[str, ...] = ()


SCHEMAS: Final[Mapping[Kind, Schema]] = MappingProxyType(
    {
        Kind.ACTIVE_DIRECTORY: Schema(
            key="objectGUID",
            stamp="uSNChanged",
            users="(&(objectCategory=person)(objectClass=user))",
            groups="(objectCategory=group)",
            group_names=("sAMAccountName", "cn"),
            members=("member",),
            user_more=("userAccountControl", "primaryGroupID"),
            group_more=("objectSid",),
        ),
        Kind.OPENLDAP: Schema(
            key="entryUUID",
            stamp="modifyTimestamp",
            users="(|(objectClass=person)(objectClass=posixAccount)(objectClass=account))",
            groups="(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup))",
            group_names=("cn",),
            members=("member", "uniqueMember"),
            member_names="memberUid",
            user_more=("uid",),
        ),
    }
)


def key_text(kind: Kind, value: bytes | None) -> str:
    """An objectGUID (MS-DTYP 2.3.4.2) or entryUUID as text; empty: it is none."""
    try:
        if kind is Kind.ACTIVE_DIRECTORY:
            return str(UUID(bytes_le=value or b""))
        return str(UUID((value or b"").decode("ascii")))
    except (ValueError, UnicodeDecodeError):
        return ""


def key_filter(kind: Kind, key: str) -> str:
    """Finds the entry that has it. Raises ValueError."""
    if kind is Kind.OPENLDAP:
        return f"(entryUUID={UUID(key)})"
    octets = "".join(f"\\{octet:02x}" for octet in UUID(key).bytes_le)
    return f"(objectGUID={octets})"


def is_disabled(account_control: bytes | None) -> bool:
    """Of a user in Active Directory."""
    try:
        return bool(int(account_control or b"0") & _DISABLED)
    except ValueError:
        return False


def rid_of(sid: bytes | None) -> str:
    """The last part of an objectSid, as primaryGroupID has it (MS-DTYP 2.4.2.2)."""
    return str(int.from_bytes(sid[-4:], "little")) if sid and len(sid) >= 8 else ""
