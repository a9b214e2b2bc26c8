"""Phones, their activation, and pushes that tell whether somebody is who they say."""

from __future__ import annotations

import json
import secrets

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import phones as domain
from authproxy.secondfactor.activation_messages import activation_text
from authproxy.secondfactor.activations import DEFAULT_SECONDS, activate_phone
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.belongings import belongings, owners_of_phones
from authproxy.secondfactor.gateways import Text, TextEnd
from authproxy.secondfactor.phone_search import phones_of
from authproxy.secondfactor.phones import PhoneRow
from authproxy.secondfactor.pushes import PushRequest, PushStatus, Target, TooMany, push_status
from authproxy.secondfactor.reach import Phone
from authproxy.secondfactor.refusals import AlreadyThere, BadValue, NotFound
from authproxy.secondfactor.users import User, user_by_id
from authproxy.web.api.admin import platforms
from authproxy.web.api.admin.briefs import PHONE
from authproxy.web.api.admin.loading import show_phones
from authproxy.web.api.admin.operation import Asked, Part, table
from authproxy.web.api.admin.shapes import TEXT, WHOLE, many, record
from authproxy.web.api.envelope import INVALID_PARAMETERS, TOO_MANY, UNAVAILABLE, Refusal

_FIELDS = ("number", "name", "extension", "type", "platform")
_DELAYS = ("predelay", "postdelay")
_LONGEST_DELAY = 300
_LONGEST_VALID = 30 * 86_400
_LONGEST_MESSAGE = 480
_INSTALL = "To install the app, open <insturl>"
_ACTIVATE = "To activate the app, open <acturl>"
_CODE_DIGITS = 6
_ANSWERS = {
    PushStatus.PENDING: "waiting",
    PushStatus.APPROVED: "approve",
    PushStatus.FRAUD: "fraud",
}


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
    before, given = _phone(connection, asked), asked.parameters
    changes: dict[str, str | int | None] = {name: given.text(name) for name in _FIELDS if given.is_given(name)}
    if "platform" in changes:
        changes["platform"] = _platform(asked)
    changes |= {name: _delay(asked, name) for name in _DELAYS if given.is_given(name)}
    if "number" in changes or "extension" in changes:
        number = str(changes.get("number", before.number))
        _check_free(connection, number, str(changes.get("extension", before.extension)), before.id)
    domain.change_phone(connection, before, changes)
    asked.note(connection, "phone set", before.id, _told(_phone(connection, asked)), _told(before))
    return _shown(connection, asked, before.id)


def _delete(connection: sa.Connection, asked: Asked) -> JsonValue:
    try:
        phone = _phone(connection, asked)
    except NotFound:
        return ""
    domain.delete_phone(connection, phone)
    asked.note(connection, "phone delete", phone.id, _told(phone))
    return ""


def _phone(connection: sa.Connection, asked: Asked) -> PhoneRow:
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


# ---------------------------------------------------------------- activation


def _activate(connection: sa.Connection, asked: Asked) -> JsonValue:
    phone, user = _activatable(connection, asked)
    seconds = _valid_seconds(asked)
    made = activate_phone(connection, user.id, phone.id, asked.rooms.base_url, seconds)
    asked.note(connection, "phone activate", phone.id, {"user": user.username, "expires": made.expires})
    said: dict[str, JsonValue] = {
        "activation_barcode": made.barcode,
        "activation_url": made.url,
        "valid_secs": seconds,
    }
    return {**said, "installation_url": _install_url(asked)} if asked.parameters.flag("install") else said


def _activatable(connection: sa.Connection, asked: Asked) -> tuple[PhoneRow, User]:
    """Raises NotFound, BadValue."""
    phone = _phone(connection, asked)
    if phone.type == "unknown" or not platforms.is_known(phone.platform):
        raise BadValue("the phone's type and platform have to be known before it can be activated")
    owners = owners_of_phones(connection, [phone.id])[phone.id]
    if not owners:
        raise BadValue("the phone belongs to no user")
    return phone, owners[0]


def _valid_seconds(asked: Asked) -> int:
    return asked.parameters.integer("valid_secs", 1, _LONGEST_VALID, DEFAULT_SECONDS)


def _install_url(asked: Asked) -> str:
    return f"{asked.rooms.base_url}/phone/"


def _prepare_messages(connection: sa.Connection, asked: Asked) -> tuple[list[Text], dict[str, JsonValue]]:
    """What is to be sent, and what to say of it."""
    _check_texts(asked)
    phone, user = _activatable(connection, asked)
    seconds, given = _valid_seconds(asked), asked.parameters
    wording = given.text("activation_msg", _LONGEST_MESSAGE) or _ACTIVATE
    if "<acturl>" not in wording:
        raise Refusal(INVALID_PARAMETERS, "activation_msg")
    activation = activation_text(
        connection, asked.rooms.base_url, asked.rooms.now(), user, phone, asked.actor, asked.address, seconds,
        wording.replace("<acturl>", "{link}"),
    )  # fmt: skip
    texts = [activation]
    said: dict[str, JsonValue] = {"activation_msg": activation.body, "valid_secs": seconds}
    if given.flag("install"):
        install = _install_text(asked, phone, user)
        texts.insert(0, install)
        said["installation_msg"] = install.body
    return texts, said


def _prepare_install(connection: sa.Connection, asked: Asked) -> tuple[list[Text], dict[str, JsonValue]]:
    _check_texts(asked)
    phone = _phone(connection, asked)
    owners = owners_of_phones(connection, [phone.id])[phone.id]
    if not owners:
        raise BadValue("the phone belongs to no user")
    text = _install_text(asked, phone, owners[0])
    asked.note(connection, "phone install", phone.id, {"user": owners[0].username})
    return [text], {"installation_msg": text.body}


def _check_texts(asked: Asked) -> None:
    if asked.rooms.texts is None:
        raise BadValue("there is no gateway for messages")


def _install_text(asked: Asked, phone: PhoneRow, user: User) -> Text:
    if not phone.number or phone.type == "landline":
        raise BadValue("the phone has no number that takes messages")
    wording = asked.parameters.text("installation_msg", _LONGEST_MESSAGE) or _INSTALL
    if "<insturl>" not in wording:
        raise Refusal(INVALID_PARAMETERS, "installation_msg")
    to = Phone(phone.id, phone.name, phone.number, phone.extension, phone.type, phone.platform, phone.app)
    return Text(to, user.id, wording.replace("<insturl>", _install_url(asked)), "installation")


async def _send(asked: Asked, prepared: tuple[list[Text], dict[str, JsonValue]]) -> JsonValue:
    texts, said = prepared
    assert asked.rooms.texts is not None
    for text in texts:
        if await asked.rooms.texts.send(text) is not TextEnd.ACCEPTED:
            raise Refusal(UNAVAILABLE, "the message could not be sent")
    return said


# ---------------------------------------------------------------- is it really them?


def _prepare_push(connection: sa.Connection, asked: Asked) -> tuple[PushRequest, str]:
    user = user_by_id(connection, asked.ids["user_id"])
    wanted = asked.parameters.required("phone_id")
    theirs = belongings(connection, [user.id])[user.id].phones
    phone = next((each for each in theirs if each.id == wanted and each.app), None)
    if phone is None:
        raise Refusal(INVALID_PARAMETERS, "phone_id")
    code = f"{secrets.randbelow(10**_CODE_DIGITS):0{_CODE_DIGITS}d}"
    detail = {"type": "Verification", "pushinfo": json.dumps({"Confirmation code": code})}
    target = Target(phone.id, phone.name or phone.platform, detail=detail)
    request = PushRequest(user.id, user.username, asked.app.name, "", "", f"VERIFY-{code}", target)
    asked.note(connection, "push verify", user.username, {"phone": phone.id})
    return request, code


async def _open_push(asked: Asked, prepared: tuple[PushRequest, str]) -> JsonValue:
    request, code = prepared
    opened = await asked.rooms.pushes.open(request)
    if isinstance(opened, TooMany):
        raise Refusal(TOO_MANY)
    return {"push_id": opened.id, "confirmation_code": code}


def _push_answer(connection: sa.Connection, asked: Asked) -> JsonValue:
    push_id = asked.parameters.required("push_id")
    status = push_status(connection, push_id, asked.ids["user_id"], asked.rooms.now())
    if status is None:
        raise NotFound(f"there is no push {push_id!r} of this user")
    return {"push_id": push_id, "result": _ANSWERS.get(status, "deny")}


_DETAILS = "number name extension type platform predelay:integer postdelay:integer"
_op = table((ApiPermission.READ_RESOURCE,), (ApiPermission.WRITE_RESOURCE,))
OPERATIONS = (
    _op("GET", "/v1/phones", _list, "Phones, or those of a number", "number extension", many(PHONE), is_list=True),
    _op("POST", "/v1/phones", _add, "Add a phone", _DETAILS, PHONE),
    _op("GET", "/v1/phones/{phone_id}", _get, "One phone", gives=PHONE),
    _op("POST", "/v1/phones/{phone_id}", _change, "Change a phone", _DETAILS, PHONE),
    _op("DELETE", "/v1/phones/{phone_id}", _delete, "Delete a phone; what it is being asked ends"),
    _op("POST", "/v1/phones/{phone_id}/activation_url", _activate, "A link and a QR code that activate a phone",
        "valid_secs:integer install:boolean",
        {**record(activation_barcode=TEXT, activation_url=TEXT, valid_secs=WHOLE, installation_url=TEXT),
         "required": ["activation_barcode", "activation_url", "valid_secs"]}),
    _op("POST", "/v1/phones/{phone_id}/send_sms_activation", _prepare_messages,
        "Send a link that activates a phone",
        "valid_secs:integer install:boolean installation_msg activation_msg",
        {**record(activation_msg=TEXT, installation_msg=TEXT, valid_secs=WHOLE),
         "required": ["activation_msg", "valid_secs"]}, then=_send),
    _op("POST", "/v1/phones/{phone_id}/send_sms_installation", _prepare_install, "Send where the app is found",
        "installation_msg", record(installation_msg=TEXT), then=_send),
    _op("POST", "/v1/users/{user_id}/send_verification_push", _prepare_push,
        "Ask a phone whether it is really them",
        "phone_id!", record(push_id=TEXT, confirmation_code=TEXT), then=_open_push),
    _op("GET", "/v1/users/{user_id}/verification_push_response", _push_answer,
        "What came of it: approve, deny, fraud or waiting", "push_id!", record(push_id=TEXT, result=TEXT)),
)  # fmt: skip
