"""Objects with what is in them, loaded for a page at once."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

import sqlalchemy as sa

from authproxy.model import Factor, JsonValue
from authproxy.secondfactor.belongings import (
    Belongings,
    aliases_of_users,
    belongings,
    owners_of_phones,
    owners_of_tokens,
    phones_with_passcodes,
)
from authproxy.secondfactor.phones import PhoneRow
from authproxy.secondfactor.reach import Lines, can
from authproxy.secondfactor.security_keys import SecurityKey
from authproxy.secondfactor.tokens import Token
from authproxy.secondfactor.users import User
from authproxy.web.api.admin.briefs import group_brief, phone_brief, token_brief, user_brief


def capabilities(phone: PhoneRow, lines: Lines) -> list[str]:
    """What can be done with it: some of auto, push, sms, phone, mobile_otp."""
    ways = (Factor.PUSH, Factor.SMS, Factor.PHONE)
    words = [str(factor) for factor in ways if can(phone.reached, factor, lines)]
    is_auto = "push" in words or "phone" in words
    return [*(["auto"] if is_auto else []), *words, *(["mobile_otp"] if phone.app else [])]


def show_users(connection: sa.Connection, users: Sequence[User], lines: Lines) -> list[JsonValue]:
    theirs = belongings(connection, [user.id for user in users])
    texted = phones_with_passcodes(connection, [phone.id for own in theirs.values() for phone in own.phones])
    return [_show_user(user, theirs[user.id], lines, texted) for user in users]


def show_user(connection: sa.Connection, user: User, lines: Lines) -> JsonValue:
    return show_users(connection, [user], lines)[0]


def _show_user(user: User, theirs: Belongings, lines: Lines, texted: Container[str]) -> JsonValue:
    return {
        **user_brief(user, theirs.aliases),
        "groups": [group_brief(group) for group in theirs.groups],
        "phones": [phone_brief(phone, capabilities(phone, lines), phone.id in texted) for phone in theirs.phones],
        "tokens": [token_brief(token) for token in theirs.tokens],
        "u2ftokens": [],
        "webauthncredentials": [key_brief(key) for key in theirs.keys],
        "desktop_authenticators": [],
    }


def briefs(connection: sa.Connection, users: Sequence[User]) -> dict[str, JsonValue]:
    """By ID."""
    aliases = aliases_of_users(connection, [user.id for user in users])
    return {user.id: user_brief(user, aliases[user.id]) for user in users}


def show_phones(connection: sa.Connection, phones: Sequence[PhoneRow], lines: Lines) -> list[JsonValue]:
    ids = [phone.id for phone in phones]
    owners, texted = owners_of_phones(connection, ids), phones_with_passcodes(connection, ids)
    known = _owners(connection, owners)
    return [
        {
            **phone_brief(phone, capabilities(phone, lines), phone.id in texted),
            "users": [known[user.id] for user in owners[phone.id]],
        }
        for phone in phones
    ]


def show_tokens(connection: sa.Connection, tokens: Sequence[Token]) -> list[JsonValue]:
    owners = owners_of_tokens(connection, [token.id for token in tokens])
    known = _owners(connection, owners)
    return [
        {**token_brief(token), "users": [known[user.id] for user in owners[token.id]], "admins": []}
        for token in tokens
    ]


def _owners(connection: sa.Connection, owners: Mapping[str, Sequence[User]]) -> dict[str, JsonValue]:
    return briefs(connection, list({user.id: user for some in owners.values() for user in some}.values()))


def key_brief(key: SecurityKey) -> dict[str, JsonValue]:
    return {
        "webauthnkey": key.id,
        "credential_name": key.name,
        "date_added": int(key.created),
        "label": "Touch ID" if "internal" in key.transports else "Security Key",
        "uv_capable": key.is_uv_capable,
        "transports": list(key.transports),
    }
