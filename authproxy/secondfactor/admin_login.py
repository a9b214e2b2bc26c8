"""The login of an administrator: password, then second factor, then a session; and the same again before what is
dangerous. Every attempt is in the administrators' log, with the reason that the browser is not told.

Whether a password is right takes too long for a transaction: it is found out before, and handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from authproxy.secondfactor import admin_totp, passcode, recovery_codes, sessions
from authproxy.secondfactor.administrators import (
    KIND,
    Administrator,
    find_administrator,
    normal_mail,
    note_login,
    note_strikes,
)
from authproxy.secondfactor.audit import note
from authproxy.secondfactor.lockout import LockoutRule, Strikes
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.sessions import Opened, Session

HALFWAY: Final = "halfway"
"""In a session's data: the second factor is still to come."""
HALFWAY_SECONDS: Final = 600.0
_LONGEST_TOLD: Final = 254

Proof = Callable[[sa.Connection], str]
"""Looks at a second factor and uses it up: which it was, or nothing if it was wrong."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody tries to log in, and when (epoch seconds)."""

    address: str
    browser: str
    now: float


def try_password(
    connection: sa.Connection, rule: LockoutRule, email: str, is_right: bool, place: Place
) -> Opened | None:
    """A session that is good for the second factor alone. None: not with this address and password."""
    try:
        admin = find_administrator(connection, normal_mail(email))
    except NotFound:
        note(connection, "system", "admin login failed", _told(email), {"why": "unknown"}, address=place.address)
        return None
    obstacle = _obstacle(admin, place.now)
    if obstacle or not is_right:
        _refuse(connection, rule, admin, obstacle, "password", place)
        return None
    data = {HALFWAY: True}
    return sessions.open_session(
        connection, KIND, admin.id, HALFWAY_SECONDS, place.address, place.browser, place.now, data
    )


def try_factor(
    connection: sa.Connection, rule: LockoutRule, session: Session, proof: Proof, place: Place
) -> Opened | None:
    """The session that replaces the one of :func:`try_password`. None: that was not it; whoever has been locked
    out by that has no session left."""
    admin = find_administrator(connection, session.subject)
    factor = _proved(connection, rule, admin, session, proof, place)
    if not factor:
        return None
    sessions.end_session(connection, session)
    opened = sessions.open_session(
        connection, KIND, admin.id, sessions.ADMIN_SECONDS, place.address, place.browser, place.now
    )
    entered = sessions.find_session(connection, KIND, opened.cookie, place.now)
    assert entered is not None
    sessions.confirm(connection, entered, place.now)
    note_login(connection, admin, place.now)
    note(connection, f"admin:{admin.email}", "admin login", admin.email, {"factor": factor}, address=place.address)
    return opened


def confirm(
    connection: sa.Connection, rule: LockoutRule, session: Session, is_right: bool, proof: Proof, place: Place
) -> bool:
    """Password and factor once more. Whoever is locked out by trying is logged out."""
    admin = find_administrator(connection, session.subject)
    if not is_right:
        _refuse(connection, rule, admin, _obstacle(admin, place.now), "password", place, session)
        return False
    if not _proved(connection, rule, admin, session, proof, place):
        return False
    sessions.confirm(connection, session, place.now)
    note_strikes(connection, admin, Strikes())
    return True


def proof_by_code(seeds: SeedBox, admin: Administrator, code: str, now: float) -> Proof:
    """``code``: of the authenticator app, or a recovery code."""

    def proof(connection: sa.Connection) -> str:
        if passcode.is_code("".join(code.split())):
            is_right = admin_totp.use_code(connection, seeds, admin, code, now)
            return "authenticator app" if is_right else ""
        return "recovery code" if recovery_codes.use_code(connection, seeds, admin, code, now) else ""

    return proof


def _proved(
    connection: sa.Connection,
    rule: LockoutRule,
    admin: Administrator,
    session: Session,
    proof: Proof,
    place: Place,
) -> str:
    obstacle = _obstacle(admin, place.now)
    factor = "" if obstacle else proof(connection)
    if not factor:
        _refuse(connection, rule, admin, obstacle, "second factor", place, session)
    return factor


def _obstacle(admin: Administrator, now: float) -> str:
    """Why nothing that is shown can be right."""
    if admin.status != "active":
        return admin.status
    return "locked out" if admin.is_locked_out(now) else ""


def _refuse(
    connection: sa.Connection,
    rule: LockoutRule,
    admin: Administrator,
    obstacle: str,
    wrong: str,
    place: Place,
    session: Session | None = None,
) -> None:
    """``obstacle``: why, if not because what was shown is ``wrong``: that is a strike."""
    why = obstacle or f"wrong {wrong}"
    if not obstacle:
        strikes = rule.strike(Strikes(admin.failures, admin.locked_until), place.now)
        note_strikes(connection, admin, strikes)
        if strikes.is_locked(place.now):
            why += "; locked out by that"
            if session is not None:
                sessions.end_session(connection, session)
    actor = f"admin:{admin.email}"
    note(connection, actor, "admin login failed", admin.email, {"why": why}, address=place.address)


def _told(email: str) -> str:
    """What the log keeps of an address that is nobody's: not a password that was typed into the wrong field."""
    return normal_mail(email)[:_LONGEST_TOLD] if "@" in email and email.strip().isprintable() else ""
