"""What administrators change of their own: password, second factors, recovery codes, language, sessions.

Nobody is left without a second factor. Every change is in the administrators' log.
"""

from __future__ import annotations

import sqlalchemy as sa

from authproxy.secondfactor import admin_passwords, admin_totp, recovery_codes, sessions
from authproxy.secondfactor.admin_activation import owner_of
from authproxy.secondfactor.admin_login import HALFWAY, Place
from authproxy.secondfactor.administrators import KIND, Administrator, change_administrator, find_administrator
from authproxy.secondfactor.audit import note
from authproxy.secondfactor.refusals import BadValue, NotDone, NotFound
from authproxy.secondfactor.security_keys import delete_key, keys_of, own_key
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.sessions import Session

_LAST_FACTOR = "this is your only second factor: add another one first"


def change_password(
    connection: sa.Connection, admin: Administrator, password_hash: str, session: Session, place: Place
) -> None:
    """All other sessions end."""
    admin_passwords.set_password(connection, admin, password_hash, place.now)
    sessions.end_all(connection, KIND, admin.id, but=session)
    _note(connection, admin, "admin password", place)


def replace_app(
    connection: sa.Connection, seeds: SeedBox, admin: Administrator, mark: str, code: str, place: Place
) -> None:
    """Raises BadValue when the code is not the new app's."""
    if not admin_totp.take_offer(connection, seeds, admin, mark, code, place.now):
        raise BadValue("that was not the code which the app shows now")
    _note(connection, admin, "admin app set", place)


def forget_app(connection: sa.Connection, admin: Administrator, place: Place) -> None:
    """Raises NotDone."""
    if not keys_of(connection, owner_of(admin)):
        raise NotDone(_LAST_FACTOR)
    admin_totp.forget_app(connection, admin)
    _note(connection, admin, "admin app delete", place)


def forget_key(connection: sa.Connection, admin: Administrator, key_id: str, place: Place) -> None:
    """Raises NotFound, NotDone."""
    owner = owner_of(admin)
    key = own_key(connection, owner, key_id)
    if not find_administrator(connection, admin.id).has_totp and len(keys_of(connection, owner)) == 1:
        raise NotDone(_LAST_FACTOR)
    delete_key(connection, owner, key, f"admin:{admin.email}", place.address)


def new_codes(connection: sa.Connection, seeds: SeedBox, admin: Administrator, place: Place) -> list[str]:
    """Recovery codes, instead of those before."""
    codes = recovery_codes.new_codes(connection, seeds, admin)
    _note(connection, admin, "admin recovery codes", place)
    return codes


def change_language(connection: sa.Connection, admin: Administrator, language: str, place: Place) -> None:
    """``language``: one that there is; "": the browser's."""
    after = change_administrator(connection, admin, {"language": language})
    told, before = {"language": after.language}, {"language": admin.language}
    note(connection, f"admin:{admin.email}", "admin set", admin.email, told, before=before, address=place.address)


def own_sessions(connection: sa.Connection, admin: Administrator, now: float) -> list[Session]:
    """Logins that are complete, the one used last first."""
    found = sessions.list_sessions(connection, KIND, admin.id, now)
    return [session for session in found if not session.data.get(HALFWAY)]


def end_session(
    connection: sa.Connection, admin: Administrator, session_id: str, actor: str, address: str
) -> None:
    """One of ``admin``'s. Raises NotFound."""
    if not sessions.end_one(connection, KIND, admin.id, session_id):
        raise NotFound("there is no such session any more")
    note(connection, actor, "admin session end", admin.email, {"sessions": 1}, address=address)


def end_sessions(
    connection: sa.Connection, admin: Administrator, actor: str, address: str, but: Session | None = None
) -> int:
    """All of ``admin``'s (``but`` this one). How many there were."""
    count = sessions.end_all(connection, KIND, admin.id, but)
    note(connection, actor, "admin session end", admin.email, {"sessions": count}, address=address)
    return count


def _note(connection: sa.Connection, admin: Administrator, action: str, place: Place) -> None:
    note(connection, f"admin:{admin.email}", action, admin.email, address=place.address)
