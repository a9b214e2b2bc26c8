"""Bypass codes: made for a user, listed without the codes themselves, deleted."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import bypass, bypass_search
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.belongings import users_by_id
from authproxy.secondfactor.bypass_search import GivenCode
from authproxy.secondfactor.listing import Listing, Window
from authproxy.secondfactor.refusals import BadValue, NotFound
from authproxy.secondfactor.users import user_by_id
from authproxy.web.api.admin.briefs import USER_BRIEF, whole
from authproxy.web.api.admin.loading import briefs
from authproxy.web.api.admin.operation import Asked, Part, table
from authproxy.web.api.admin.shapes import TEXT, WHOLE, many, maybe, record

_MOST = 10
_LONGEST = 10 * 365 * 86_400
_LONGEST_CODES = 500
CODE = record(
    bypass_code_id=TEXT,
    admin_email=maybe(TEXT),
    created=WHOLE,
    expiration=maybe(WHOLE),
    reuse_count=maybe(WHOLE),
    user=USER_BRIEF,
)


def _create(connection: sa.Connection, asked: Asked) -> JsonValue:
    user = user_by_id(connection, asked.ids["user_id"])
    given = asked.parameters
    if given.is_given("codes") and given.is_given("count"):
        raise BadValue("count and codes exclude each other")
    if given.is_given("codes"):
        codes = given.texts("codes", _MOST)
    else:
        codes = bypass.new_codes(given.integer("count", 1, _MOST, _MOST))
    uses = given.integer("reuse_count", 0, 1_000_000, bypass.DEFAULT_USES)
    seconds = given.integer("valid_secs", 0, _LONGEST, 0)
    keeps = given.flag("preserve_existing")
    bypass.replace_codes(
        connection, user, asked.rooms.seeds, codes, uses, seconds, asked.actor, keeps_others=keeps
    )
    detail: dict[str, JsonValue] = {"codes": len(codes), "uses": uses, "seconds": seconds, "kept": keeps}
    asked.note(connection, "bypass create", user.username, detail)
    return [*codes]


def _list_of_user(connection: sa.Connection, asked: Asked) -> Part:
    user, window = user_by_id(connection, asked.ids["user_id"]), asked.window()
    return _part(connection, bypass_search.search_codes(connection, window, user_id=user.id), window)


def _list(connection: sa.Connection, asked: Asked) -> Part:
    window = asked.window()
    return _part(connection, bypass_search.search_codes(connection, window), window)


def _get(connection: sa.Connection, asked: Asked) -> JsonValue:
    return _shown(connection, [bypass_search.find_code(connection, asked.ids["code_id"])])[0]


def _delete(connection: sa.Connection, asked: Asked) -> JsonValue:
    try:
        code = bypass_search.find_code(connection, asked.ids["code_id"])
    except NotFound:
        return ""
    bypass_search.delete_code(connection, code)
    asked.note(connection, "bypass delete", code.username, {"code": code.id})
    return ""


def _part(connection: sa.Connection, listing: Listing[GivenCode], window: Window) -> Part:
    return Part(_shown(connection, listing.rows), window, listing.total)


def _shown(connection: sa.Connection, codes: Sequence[GivenCode]) -> list[JsonValue]:
    owners = users_by_id(connection, [code.user_id for code in codes])
    known = briefs(connection, list(owners.values()))
    return [
        {
            "bypass_code_id": code.id,
            "admin_email": code.created_by.removeprefix("admin:")
            if code.created_by.startswith("admin:")
            else None,
            "created": int(code.created),
            "expiration": whole(code.expires),
            "reuse_count": code.uses_left,
            "user": known[code.user_id],
        }
        for code in codes
    ]


_op = table((ApiPermission.READ_RESOURCE,), (ApiPermission.WRITE_RESOURCE,))
OPERATIONS = (
    _op("POST", "/v1/users/{user_id}/bypass_codes", _create, "Make bypass codes: they are shown only now",
        "count:integer codes:list reuse_count:integer valid_secs:integer preserve_existing:boolean", many(TEXT)),
    _op("GET", "/v1/users/{user_id}/bypass_codes", _list_of_user, "A user's bypass codes that still work",
        gives=many(CODE), is_list=True),
    _op("GET", "/v1/bypass_codes", _list, "Bypass codes that still work", gives=many(CODE), is_list=True),
    _op("GET", "/v1/bypass_codes/{code_id}", _get, "One bypass code", gives=CODE),
    _op("DELETE", "/v1/bypass_codes/{code_id}", _delete, "Delete a bypass code"),
)  # fmt: skip
