"""Security keys of users. They are registered by their users alone, so here they are only shown and deleted."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import security_keys as domain
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.belongings import users_by_id
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.security_keys import SecurityKey, user_owner
from authproxy.web.api.admin.briefs import USER_BRIEF, WEBAUTHN_BRIEF
from authproxy.web.api.admin.loading import briefs, key_brief
from authproxy.web.api.admin.operation import Asked, Part, table
from authproxy.web.api.admin.shapes import FREE, many, maybe, record

KEY = record(**WEBAUTHN_BRIEF["properties"], user=maybe(USER_BRIEF), admin=maybe(FREE))


def _list(connection: sa.Connection, asked: Asked) -> Part:
    window = asked.window()
    listing = domain.list_keys(connection, window)
    return Part(_shown(connection, listing.rows), window, listing.total)


def _get(connection: sa.Connection, asked: Asked) -> JsonValue:
    return _shown(connection, [_key(connection, asked)])[0]


def _delete(connection: sa.Connection, asked: Asked) -> JsonValue:
    try:
        key = _key(connection, asked)
    except NotFound:
        return ""
    owner = users_by_id(connection, [key.owner_id])[key.owner_id]
    domain.delete_key(connection, user_owner(owner.id, owner.username), key, asked.actor, asked.address)
    return ""


def _key(connection: sa.Connection, asked: Asked) -> SecurityKey:
    """One of a user's. Raises NotFound."""
    key = domain.find_key(connection, asked.ids["webauthnkey"])
    if not users_by_id(connection, [key.owner_id]):
        raise NotFound("there is no such security key of a user")
    return key


def _shown(connection: sa.Connection, keys: Sequence[SecurityKey]) -> list[JsonValue]:
    owners = users_by_id(connection, [key.owner_id for key in keys])
    known = briefs(connection, list(owners.values()))
    return [{**key_brief(key), "user": known[key.owner_id], "admin": None} for key in keys]


_op = table((ApiPermission.READ_RESOURCE,), (ApiPermission.WRITE_RESOURCE,))
OPERATIONS = (
    _op("GET", "/v1/webauthncredentials", _list, "Users' security keys", gives=many(KEY), is_list=True),
    _op("GET", "/v1/webauthncredentials/{webauthnkey}", _get, "One security key", gives=KEY),
    _op("DELETE", "/v1/webauthncredentials/{webauthnkey}", _delete, "Delete a security key"),
)  # fmt: skip
