"""What a one-time link ends in: an administrator with a new password and, after an activation, a new second factor
and new recovery codes, instead of all that was there before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import admin_links, admin_passwords, admin_totp, recovery_codes, sessions
from authproxy.secondfactor.admin_login import Place
from authproxy.secondfactor.administrators import (
    KIND,
    Administrator,
    change_administrator,
    find_administrator,
    unlock_administrator,
)
from authproxy.secondfactor.audit import note
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.security_keys import Owner, admin_owner, delete_key, keys_of
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.webauthn import Ceremonies, Registered

NO_LINK: Final = "this link was used, has expired, or was replaced by a newer one"

Enrolls = Callable[[sa.Connection, Administrator, Place], str]
"""Gives an administrator a second factor, if it proves itself: which it is, or nothing."""


@dataclass(frozen=True, slots=True)
class Finished:
    """``codes``: new recovery codes, to be shown once; none after a reset of the password alone."""

    admin: Administrator
    codes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotProved:
    """The second factor was not: nothing is used up, and nothing was changed."""


def finish(
    connection: sa.Connection, seeds: SeedBox, token: str, password_hash: str, enrolls: Enrolls, place: Place
) -> Finished | NotProved:
    """``enrolls`` is not asked where the link is for a password alone. Raises NotFound."""
    link = admin_links.find_link(connection, token, place.now)
    if link is None:
        raise NotFound(NO_LINK)
    admin, told, codes = link.admin, dict[str, JsonValue](), list[str]()
    if link.kind == "activation":
        factor = enrolls(connection, admin, place)
        if not factor:
            return NotProved()
        told["factor"] = factor
        codes = recovery_codes.new_codes(connection, seeds, admin)
    admin_links.use_link(connection, link, place.now)
    admin_passwords.set_password(connection, admin, password_hash, place.now)
    unlock_administrator(connection, admin)
    sessions.end_all(connection, KIND, admin.id)
    after = find_administrator(connection, admin.id)
    if after.status == "pending":
        after = change_administrator(connection, after, {"status": "active"})
    action = f"admin {link.kind}"
    note(connection, f"admin:{admin.email}", action, admin.email, told, address=place.address)
    return Finished(after, tuple(codes))


def app_of(seeds: SeedBox, mark: str, code: str) -> Enrolls:
    """The authenticator app that was offered under ``mark`` becomes the only second factor."""

    def enrolls(connection: sa.Connection, admin: Administrator, place: Place) -> str:
        if not admin_totp.take_offer(connection, seeds, admin, mark, code, place.now):
            return ""
        _forget_keys(connection, admin, place)
        return "authenticator app"

    return enrolls


def key_of(ceremonies: Ceremonies, session: str, answer: JsonValue, name: str) -> Enrolls:
    """The security key that was asked for in ``session`` becomes the only second factor."""

    def enrolls(connection: sa.Connection, admin: Administrator, place: Place) -> str:
        actor, owner = f"admin:{admin.email}", owner_of(admin)
        found = ceremonies.finish_registration(connection, owner, session, answer, name, actor, place.address)
        if not isinstance(found, Registered):
            return ""
        admin_totp.forget_app(connection, admin)
        _forget_keys(connection, admin, place, but=found.key.id)
        return "security key"

    return enrolls


def owner_of(admin: Administrator) -> Owner:
    return admin_owner(admin.id, admin.email, admin.name)


def _forget_keys(connection: sa.Connection, admin: Administrator, place: Place, but: str = "") -> None:
    owner = owner_of(admin)
    for key in keys_of(connection, owner):
        if key.id != but:
            delete_key(connection, owner, key, f"admin:{admin.email}", place.address)
