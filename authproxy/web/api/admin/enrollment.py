"""Users who are invited by mail, and users who are fetched from a directory."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import invitations
from authproxy.secondfactor import users as domain
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.directories import find_directory
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotFound
from authproxy.secondfactor.sync_desk import SyncDesk
from authproxy.secondfactor.users import User
from authproxy.web.api.admin.briefs import USER
from authproxy.web.api.admin.loading import show_user
from authproxy.web.api.admin.operation import Asked, table
from authproxy.web.api.admin.shapes import TEXT, record

_DONE = "done"
_LONGEST = 365 * 86_400


def _enroll(connection: sa.Connection, asked: Asked) -> JsonValue:
    """Whoever is not there yet is added."""
    given, mail = asked.parameters, asked.rooms.mail
    if mail is None:
        raise BadValue("there is no mail server to send invitations")
    name, email = given.required("username"), given.required("email")
    seconds = given.integer("valid_secs", 1, _LONGEST, int(invitations.VALID_SECONDS))
    user = _named(connection, asked, name)
    if user is None:
        user = domain.add_user(connection, name, asked.rooms.mode)
        asked.note(connection, "user add", user.username, {"email": email})
    elif user.is_enrolled:
        raise AlreadyThere(f"{user.username} is enrolled already")
    domain.change_user(connection, user, {"email": email})
    user = domain.user_by_id(connection, user.id)
    invitations.invite(connection, mail, user, asked.actor, asked.address, seconds)
    return ""


def _named(connection: sa.Connection, asked: Asked, name: str) -> User | None:
    try:
        return domain.find_user(connection, name, asked.rooms.mode)
    except NotFound:
        return None


@dataclass(frozen=True, slots=True)
class _Wanted:
    syncs: SyncDesk
    directory_id: str
    username: str


def _prepare_sync(connection: sa.Connection, asked: Asked) -> _Wanted:
    username = asked.parameters.required("username")
    directory = find_directory(connection, asked.ids["directory_key"])
    if asked.rooms.syncs is None:
        raise BadValue("directories are not synced here")
    return _Wanted(asked.rooms.syncs, directory.id, username)


async def _sync(asked: Asked, wanted: _Wanted) -> JsonValue:
    run = await wanted.syncs.sync_user(wanted.directory_id, wanted.username, asked.actor)
    if run.status != _DONE:
        raise BadValue(run.problem or f"the sync was {run.status}")

    def shown(connection: sa.Connection) -> JsonValue:
        user = domain.find_user(connection, wanted.username, asked.rooms.mode)
        return show_user(connection, user, asked.rooms.lines)

    return {"message": "The user was synced.", "user": await asked.rooms.office.read(shown)}


_op = table((ApiPermission.READ_RESOURCE,), (ApiPermission.WRITE_RESOURCE,))
OPERATIONS = (
    _op("POST", "/v1/users/enroll", _enroll, "Add a user and mail a link to enroll",
        "username! email! valid_secs:integer"),
    _op("POST", "/v1/users/directorysync/{directory_key}/syncuser", _prepare_sync,
        "Fetch one user from a directory, by its ID or name", "username!", record(message=TEXT, user=USER),
        then=_sync),
)  # fmt: skip
