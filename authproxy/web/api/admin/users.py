"""Users, and what belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import aliases, groups, phones, token_search, tokens, trash
from authproxy.secondfactor import users as domain
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.belongings import belongings
from authproxy.secondfactor.listing import Window
from authproxy.secondfactor.names import normalize
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.user_search import UserFilter, search_users
from authproxy.secondfactor.users import User
from authproxy.web.api.admin.briefs import (
    GROUP,
    MOST_ALIASES,
    PHONE,
    SHOWN_ALIASES,
    TOKEN,
    USER,
    WEBAUTHN_BRIEF,
    group_brief,
)
from authproxy.web.api.admin.loading import key_brief, show_phones, show_tokens, show_user, show_users
from authproxy.web.api.admin.operation import Asked, Part, table
from authproxy.web.api.admin.shapes import FREE, many
from authproxy.web.api.envelope import INVALID_PARAMETERS, Refusal

_MOST_USERS = 300
_FIELDS = ("email", "status", "notes", "realname", "firstname", "lastname")
_CUSTOM = "custom_attributes."
_LONGEST_NOTES = 4096


def _list(connection: sa.Connection, asked: Asked) -> Part:
    given, window = asked.parameters, asked.window(_MOST_USERS)
    mode = asked.rooms.mode
    names = [given.required("username")] if given.is_given("username") else given.texts("username_list")
    ids = given.texts("user_id_list")
    wanted = UserFilter(
        names=[normalize(name, mode) for name in names], ids=ids, email=given.text("email").strip()
    )
    listing = search_users(connection, wanted, window)
    return Part(show_users(connection, listing.rows, asked.rooms.lines), window, listing.total)


def _get(connection: sa.Connection, asked: Asked) -> JsonValue:
    return show_user(connection, _user(connection, asked), asked.rooms.lines)


def _add(connection: sa.Connection, asked: Asked) -> JsonValue:
    user = domain.add_user(connection, asked.parameters.required("username"), asked.rooms.mode)
    _apply(connection, asked, user)
    asked.note(connection, "user add", user.username, _told(connection, user.id))
    return show_user(connection, domain.user_by_id(connection, user.id), asked.rooms.lines)


def _change(connection: sa.Connection, asked: Asked) -> JsonValue:
    user = _user(connection, asked)
    before = _told(connection, user.id)
    if asked.parameters.is_given("username"):
        domain.rename_user(connection, user, asked.parameters.required("username"), asked.rooms.mode)
    _apply(connection, asked, user)
    after = domain.user_by_id(connection, user.id)
    asked.note(connection, "user set", after.username, _told(connection, user.id), before)
    return show_user(connection, after, asked.rooms.lines)


def _delete(connection: sa.Connection, asked: Asked) -> JsonValue:
    try:
        user = _user(connection, asked)
    except NotFound:
        return ""
    asked.note(connection, "user delete", user.username, _told(connection, user.id))
    domain.delete_user(connection, user)
    return ""


def _user(connection: sa.Connection, asked: Asked) -> User:
    """Raises NotFound."""
    return domain.user_by_id(connection, asked.ids["user_id"])


def _apply(connection: sa.Connection, asked: Asked, user: User) -> None:
    given = asked.parameters
    changes = {name: given.text(name, _LONGEST_NOTES) for name in _FIELDS if given.is_given(name)}
    domain.change_user(connection, user, changes)
    if changes.get("status", "").strip().lower() == "active":
        domain.unlock_user(connection, user)
    aliases.put_aliases(connection, user, _aliases(asked), asked.rooms.mode)
    named = [name for name in given.names if name.startswith(_CUSTOM)]
    if named:
        custom = {name.removeprefix(_CUSTOM): given.text(name) for name in named}
        domain.remember_custom(connection, user, {**user.custom, **custom})


def _aliases(asked: Asked) -> dict[int, str]:
    """By place. ``alias1`` ..., or ``aliases``: those of a query string, or a list that is all of them."""
    given = asked.parameters
    places = range(1, MOST_ALIASES + 1)
    single = {place: given.text(f"alias{place}") for place in places if given.is_given(f"alias{place}")}
    if not given.is_given("aliases"):
        return single
    if single:
        raise Refusal(INVALID_PARAMETERS, "aliases")
    whole = given.value("aliases")
    if isinstance(whole, str) and "=" in whole:
        pairs = dict(parse_qsl(given.text("aliases"), keep_blank_values=True, max_num_fields=MOST_ALIASES))
        if not set(pairs) <= {f"alias{place}" for place in places}:
            raise Refusal(INVALID_PARAMETERS, "aliases")
        return {int(name.removeprefix("alias")): value for name, value in pairs.items()}
    names = given.texts("aliases", MOST_ALIASES)
    return {place: names[place - 1] if place <= len(names) else "" for place in places}


def _told(connection: sa.Connection, user_id: str) -> dict[str, JsonValue]:
    """For the record of changes."""
    user = domain.user_by_id(connection, user_id)
    names = belongings(connection, [user_id])[user_id].aliases
    fields: dict[str, JsonValue] = {name: getattr(user, name) for name in ("username", *_FIELDS)}
    return {**fields, "aliases": [name for _, name in sorted(names.items())], "custom": dict(user.custom)}


# ---------------------------------------------------------------- what belongs to a user


def _phones(connection: sa.Connection, asked: Asked) -> Part:
    owned = belongings(connection, [_user(connection, asked).id])[asked.ids["user_id"]].phones
    shown = show_phones(connection, owned, asked.rooms.lines)
    return asked.part(shown, lambda phone: phone)


def _add_phone(connection: sa.Connection, asked: Asked) -> JsonValue:
    user = _user(connection, asked)
    phone = asked.given("phone_id", lambda phone_id: phones.find_phone(connection, phone_id))
    phones.assign(connection, phone.id, user)
    asked.note(connection, "phone assign", phone.id, {"user": user.username})
    return ""


def _drop_phone(connection: sa.Connection, asked: Asked) -> JsonValue:
    user = _user(connection, asked)
    try:
        phone = phones.find_phone(connection, asked.ids["phone_id"])
    except NotFound:
        return ""
    phones.unassign(connection, phone.id, user)
    asked.note(connection, "phone unassign", phone.id, {"user": user.username})
    return ""


def _tokens(connection: sa.Connection, asked: Asked) -> Part:
    owned = belongings(connection, [_user(connection, asked).id])[asked.ids["user_id"]].tokens
    return asked.part(show_tokens(connection, owned), lambda token: token)


def _add_token(connection: sa.Connection, asked: Asked) -> JsonValue:
    user = _user(connection, asked)
    token = asked.given("token_id", lambda token_id: token_search.token_by_id(connection, token_id))
    if user.username not in token.users:
        tokens.assign_token(connection, token, user)
        asked.note(connection, "token assign", token.serial, {"user": user.username, "type": token.type})
    return ""


def _drop_token(connection: sa.Connection, asked: Asked) -> JsonValue:
    user = _user(connection, asked)
    try:
        token = token_search.token_by_id(connection, asked.ids["token_id"])
        tokens.unassign_token(connection, token, user)
    except NotFound:
        return ""
    asked.note(connection, "token unassign", token.serial, {"user": user.username, "type": token.type})
    return ""


def _groups(connection: sa.Connection, asked: Asked) -> Part:
    return asked.part(groups.groups_of(connection, _user(connection, asked).id), group_brief)


def _join(connection: sa.Connection, asked: Asked) -> JsonValue:
    user = _user(connection, asked)
    group = asked.given("group_id", lambda group_id: groups.group_by_id(connection, group_id))
    if groups.add_member(connection, group, user):
        asked.note(connection, "group join", user.username, {"group": group.name})
    return ""


def _leave(connection: sa.Connection, asked: Asked) -> JsonValue:
    user = _user(connection, asked)
    try:
        group = groups.group_by_id(connection, asked.ids["group_id"])
    except NotFound:
        return ""
    if groups.remove_member(connection, group, user):
        asked.note(connection, "group leave", user.username, {"group": group.name})
    return ""


def _keys(connection: sa.Connection, asked: Asked) -> Part:
    owned = belongings(connection, [_user(connection, asked).id])[asked.ids["user_id"]].keys
    return asked.part(owned, key_brief)


def _none(connection: sa.Connection, asked: Asked) -> Part:
    _user(connection, asked)
    return asked.part((), lambda nothing: nothing)


# ---------------------------------------------------------------- many at once


def _bulk_create(connection: sa.Connection, asked: Asked) -> JsonValue:
    """All or none."""
    made = [_add_row(connection, asked, row) for row in asked.parameters.records("users", _MOST_BULK)]
    asked.note(connection, "user import", f"{len(made)} users", {"users": len(made)})
    return show_users(connection, [domain.user_by_id(connection, user_id) for user_id in made], asked.rooms.lines)


_MOST_BULK = 100


def _add_row(connection: sa.Connection, asked: Asked, row: Mapping[str, JsonValue]) -> str:
    one = asked.with_parameters(row)
    user = domain.add_user(connection, one.parameters.required("username"), asked.rooms.mode)
    _apply(connection, one, user)
    return user.id


def _bulk_trash(connection: sa.Connection, asked: Asked) -> JsonValue:
    return _each(connection, asked, trash.send_to_trash, "user trash")


def _bulk_restore(connection: sa.Connection, asked: Asked) -> JsonValue:
    return _each(connection, asked, trash.restore, "user restore")


def _each(
    connection: sa.Connection, asked: Asked, does: Callable[[sa.Connection, User, float], bool], action: str
) -> JsonValue:
    """The users who are there, as they are then."""
    ids = asked.parameters.texts("user_id_list", _MOST_BULK)
    if not ids:
        raise Refusal(INVALID_PARAMETERS, "user_id_list")
    wanted, window = UserFilter(ids=ids), Window(_MOST_BULK)
    for user in search_users(connection, wanted, window).rows:
        if does(connection, user, asked.rooms.now()):
            after = domain.user_by_id(connection, user.id)
            status = {"status": after.shown_status}
            asked.note(connection, action, user.username, status, {"status": user.shown_status})
    return show_users(connection, search_users(connection, wanted, window).rows, asked.rooms.lines)


_ALIASES = " ".join(f"alias{place}" for place in range(1, SHOWN_ALIASES + 1))
_DETAILS = f"realname email status notes firstname lastname {_ALIASES} aliases custom_attributes:object"
_op = table((ApiPermission.READ_RESOURCE,), (ApiPermission.WRITE_RESOURCE,))
OPERATIONS = (
    _op("GET", "/v1/users", _list, "Users, or those of a name, address or list",
        "username email username_list:list user_id_list:list", many(USER), is_list=True),
    _op("POST", "/v1/users", _add, "Add a user", f"username! {_DETAILS}", USER),
    _op("POST", "/v1/users/bulk_create", _bulk_create, "Add up to 100 users, or none",
        "users:objects!", many(USER)),
    _op("POST", "/v1/users/bulk_send_to_trash", _bulk_trash,
        "Move up to 100 users to the trash, which is emptied after some days", "user_id_list:list!", many(USER)),
    _op("POST", "/v1/users/bulk_restore", _bulk_restore, "Bring up to 100 users back from the trash",
        "user_id_list:list!", many(USER)),
    _op("GET", "/v1/users/{user_id}", _get, "One user", gives=USER),
    _op("POST", "/v1/users/{user_id}", _change, "Change a user", f"username {_DETAILS}", USER),
    _op("DELETE", "/v1/users/{user_id}", _delete, "Delete a user at once, with everything that is the user's own"),
    _op("GET", "/v1/users/{user_id}/phones", _phones, "A user's phones", gives=many(PHONE), is_list=True),
    _op("POST", "/v1/users/{user_id}/phones", _add_phone, "Give a user a phone", "phone_id!"),
    _op("DELETE", "/v1/users/{user_id}/phones/{phone_id}", _drop_phone, "Take a phone from a user"),
    _op("GET", "/v1/users/{user_id}/tokens", _tokens, "A user's hardware tokens", gives=many(TOKEN), is_list=True),
    _op("POST", "/v1/users/{user_id}/tokens", _add_token, "Give a user a hardware token", "token_id!"),
    _op("DELETE", "/v1/users/{user_id}/tokens/{token_id}", _drop_token, "Take a hardware token from a user"),
    _op("GET", "/v1/users/{user_id}/groups", _groups, "A user's groups", gives=many(GROUP), is_list=True),
    _op("POST", "/v1/users/{user_id}/groups", _join, "Put a user into a group", "group_id!"),
    _op("DELETE", "/v1/users/{user_id}/groups/{group_id}", _leave, "Take a user out of a group"),
    _op("GET", "/v1/users/{user_id}/webauthncredentials", _keys, "A user's security keys",
        gives=many(WEBAUTHN_BRIEF), is_list=True),
    _op("GET", "/v1/users/{user_id}/u2ftokens", _none, "Always empty", gives=many(FREE), is_list=True),
    _op("GET", "/v1/users/{user_id}/desktopauthenticators", _none, "Always empty", gives=many(FREE), is_list=True),
)  # fmt: skip
