"""What is sent to phones: links that activate them, where the app is found, and passcodes."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from authproxy.model import Factor, JsonValue
from authproxy.secondfactor.activation_messages import activation_text
from authproxy.secondfactor.activations import DEFAULT_SECONDS, activate_phone
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.belongings import owners_of_phones
from authproxy.secondfactor.gateways import Text, TextEnd
from authproxy.secondfactor.phones import PhoneRow
from authproxy.secondfactor.reach import Phone, can
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.users import User
from authproxy.web.api.admin import platforms
from authproxy.web.api.admin.operation import Asked, table
from authproxy.web.api.admin.phones import phone_of
from authproxy.web.api.admin.shapes import TEXT, WHOLE, record
from authproxy.web.api.envelope import INVALID_PARAMETERS, TOO_MANY, UNAVAILABLE, Refusal

_LONGEST_VALID = 30 * 86_400
_LONGEST_MESSAGE = 480
_INSTALL = "To install the app, open <insturl>"
_ACTIVATE = "To activate the app, open <acturl>"


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
    phone = phone_of(connection, asked)
    if phone.type == "unknown" or not platforms.is_known(phone.platform):
        raise BadValue("the phone's type and platform have to be known before it can be activated")
    return phone, _owners(connection, phone)[0]


def _owners(connection: sa.Connection, phone: PhoneRow) -> Sequence[User]:
    """One at least. Raises BadValue."""
    owners = owners_of_phones(connection, [phone.id])[phone.id]
    if not owners:
        raise BadValue("the phone belongs to no user")
    return owners


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
    phone = phone_of(connection, asked)
    user = _owners(connection, phone)[0]
    text = _install_text(asked, phone, user)
    asked.note(connection, "phone install", phone.id, {"user": user.username})
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
    return Text(phone.reached, user.id, wording.replace("<insturl>", _install_url(asked)), "installation")


async def _send(asked: Asked, prepared: tuple[list[Text], dict[str, JsonValue]]) -> JsonValue:
    texts, said = prepared
    assert asked.rooms.texts is not None
    for text in texts:
        if await asked.rooms.texts.send(text) is not TextEnd.ACCEPTED:
            raise Refusal(UNAVAILABLE, "the message could not be sent")
    return said


# ---------------------------------------------------------------- passcodes


def _prepare_passcodes(connection: sa.Connection, asked: Asked) -> tuple[Phone, Sequence[User]]:
    """To whom, and whose. Who is disabled gets none."""
    _check_texts(asked)
    phone = phone_of(connection, asked)
    if not can(phone.reached, Factor.SMS, asked.rooms.lines):
        raise BadValue("the phone has no number that takes messages")
    users = [user for user in _owners(connection, phone) if user.status != "disabled"]
    if not users:
        raise BadValue("the phone's user is disabled")
    for user in users:
        asked.note(connection, "phone passcodes", phone.id, {"user": user.username})
    return phone.reached, users


async def _send_passcodes(asked: Asked, prepared: tuple[Phone, Sequence[User]]) -> JsonValue:
    """Each of its users has passcodes of their own."""
    phone, users = prepared
    for user in users:
        match await asked.rooms.passcodes(user.id, phone):
            case TextEnd.LIMITED:
                raise Refusal(TOO_MANY, "the user has cost enough lately, or the credits are used up")
            case TextEnd.FAILED:
                raise Refusal(UNAVAILABLE, "the message could not be sent")
    return ""


_op = table((ApiPermission.READ_RESOURCE,), (ApiPermission.WRITE_RESOURCE,))
_ONE = "/v1/phones/{phone_id}"
OPERATIONS = (
    _op("POST", f"{_ONE}/activation_url", _activate, "A link and a QR code that activate a phone",
        "valid_secs:integer install:boolean",
        {**record(activation_barcode=TEXT, activation_url=TEXT, valid_secs=WHOLE, installation_url=TEXT),
         "required": ["activation_barcode", "activation_url", "valid_secs"]}),
    _op("POST", f"{_ONE}/send_sms_activation", _prepare_messages, "Send a link that activates a phone",
        "valid_secs:integer install:boolean installation_msg activation_msg",
        {**record(activation_msg=TEXT, installation_msg=TEXT, valid_secs=WHOLE),
         "required": ["activation_msg", "valid_secs"]}, then=_send),
    _op("POST", f"{_ONE}/send_sms_installation", _prepare_install, "Send where the app is found",
        "installation_msg", record(installation_msg=TEXT), then=_send),
    _op("POST", f"{_ONE}/send_sms_passcodes", _prepare_passcodes,
        "Send new passcodes: they end those of before", then=_send_passcodes),
)  # fmt: skip
