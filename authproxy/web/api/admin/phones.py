"""Phones of users."""

from __future__ import annotations

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import phones as domain
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.phone_search import phones_of
from authproxy.secondfactor.phones import PhoneRow
from authproxy.secondfactor.refusals import AlreadyThere, NotFound
from authproxy.web.api.admin import platforms
from authproxy.web.api.admin.briefs import PHONE
from authproxy.web.api.admin.loading import show_phones
from authproxy.web.api.admin.operation import Asked, Part, table
from authproxy.web.api.admin.shapes import many

_FIELDS = ("number", "name", "extension", "type", "platform")
_DELAYS = ("predelay", "postdelay")
_LONGEST_DELAY = 300


def _list(connection: sa.Connection, asked: Asked) -> Part:
    given, window = asked.parameters, asked.window()
    number = domain.checked_number(given.text("number")) if given.is_given("number") else None
    extension = given.text("extension") if given.is_given("extension") else None
    listing = phones_of(connection, window, number, extension)
    return Part(show_phones(connection, listing.rows, asked.rooms.lines), window, listing.total)


def _get(connection: sa.Connection, asked: Asked) -> JsonValue:
    return _shown(connection, asked, asked.ids["phone_id"])


def _add(connection: sa.Connection, asked: Asked) -> JsonValue:
    given = asked.parameters
    extension = given.text("extension")
    _check_free(connection, given.text("number"), extension)
    phone = domain.add_phone(
        connection,
        None,
        given.text("number"),
        given.text("name"),
        given.text("type") or "unknown",
        _platform(asked),
        extension,
        _delay(asked, "predelay"),
        _delay(asked, "postdelay"),
    )
    asked.note(connection, "phone add", phone.id, _told(phone))
    return _shown(connection, asked, phone.id)


def _change(connection: sa.Connection, asked: Asked) -> JsonValue:
    before, given = phone_of(connection, asked), asked.parameters
    changes: dict[str, str | int | None] = {name: given.text(name) for name in _FIELDS if given.is_given(name)}
    if "platform" in changes:
        changes["platform"] = _platform(asked)
    changes |= {name: _delay(asked, name) for name in _DELAYS if given.is_given(name)}
    if "number" in changes or "extension" in changes:
        number = str(changes.get("number", before.number))
        _check_free(connection, number, str(changes.get("extension", before.extension)), before.id)
    domain.change_phone(connection, before, changes)
    asked.note(connection, "phone set", before.id, _told(phone_of(connection, asked)), _told(before))
    return _shown(connection, asked, before.id)


def _delete(connection: sa.Connection, asked: Asked) -> JsonValue:
    try:
        phone = phone_of(connection, asked)
    except NotFound:
        return ""
    domain.delete_phone(connection, phone)
    asked.note(connection, "phone delete", phone.id, _told(phone))
    return ""


def phone_of(connection: sa.Connection, asked: Asked) -> PhoneRow:
    """Raises NotFound."""
    return domain.find_phone(connection, asked.ids["phone_id"])


def _check_free(connection: sa.Connection, number: str, extension: str, own_id: str = "") -> None:
    """Raises BadValue; AlreadyThere, as a number with its extension rings in one place."""
    e164 = domain.checked_number(number)
    others = domain.list_phones(connection, number=e164) if e164 else []
    if any(other.extension == extension and other.id != own_id for other in others):
        raise AlreadyThere("there is a phone with this number and extension already")


def _platform(asked: Asked) -> str:
    word = asked.parameters.text("platform")
    return platforms.checked(word) if word else ""


def _delay(asked: Asked, name: str) -> int | None:
    if not asked.parameters.text(name):
        return None
    return asked.parameters.integer(name, 0, _LONGEST_DELAY, 0)


def _shown(connection: sa.Connection, asked: Asked, phone_id: str) -> JsonValue:
    return show_phones(connection, [domain.find_phone(connection, phone_id)], asked.rooms.lines)[0]


def _told(phone: PhoneRow) -> dict[str, JsonValue]:
    names = ("number", "extension", "name", "type", "platform", "predelay", "postdelay")
    return {name: getattr(phone, name) for name in names}


_DETAILS = "number name extension type platform predelay:integer postdelay:integer"
_op = table((ApiPermission.READ_RESOURCE,), (ApiPermission.WRITE_RESOURCE,))
OPERATIONS = (
    _op("GET", "/v1/phones", _list, "Phones, or those of a number", "number extension", many(PHONE), is_list=True),
    _op("POST", "/v1/phones", _add, "Add a phone", _DETAILS, PHONE),
    _op("GET", "/v1/phones/{phone_id}", _get, "One phone", gives=PHONE),
    _op("POST", "/v1/phones/{phone_id}", _change, "Change a phone", _DETAILS, PHONE),
    _op("DELETE", "/v1/phones/{phone_id}", _delete, "Delete a phone; what it is being asked ends"),
)  # fmt: skip
