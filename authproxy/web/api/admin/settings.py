"""Settings of the account, and its logo."""

from __future__ import annotations

import base64
import binascii

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.model import JsonValue
from authproxy.secondfactor import logo
from authproxy.secondfactor.account_settings import AccountSettings, change_settings, read_settings
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.logo import Picture
from authproxy.secondfactor.refusals import NotFound
from authproxy.secondfactor.setting_kinds import Amount, Flag, Whole
from authproxy.secondfactor.setting_list import SETTINGS, Setting
from authproxy.web.api.admin.operation import Asked, table
from authproxy.web.api.admin.shapes import FLAG, NUMBER, TEXT, WHOLE, Schema, record
from authproxy.web.api.envelope import INVALID_PARAMETERS, Refusal

_LONGEST_LOGO = 300_000
_LONGEST_TEXT = 2000


def _schema(setting: Setting) -> Schema:
    match setting.kind:
        case Flag():
            return FLAG
        case Whole():
            return WHOLE
        case Amount():
            return NUMBER
    return TEXT


ACCOUNT = record(**{setting.name: _schema(setting) for setting in SETTINGS})


def _get(connection: sa.Connection, asked: Asked) -> JsonValue:
    return _shown(read_settings(connection, asked.rooms.defaults))


def _change(connection: sa.Connection, asked: Asked) -> JsonValue:
    given = asked.parameters
    known = [setting.name for setting in SETTINGS]
    unknown = [name for name in given.names if name not in known and name != "account_id"]
    if unknown:
        raise Refusal(INVALID_PARAMETERS, unknown[0])
    changes: dict[str, object] = {name: _typed(asked, name) for name in known if given.is_given(name)}
    return _shown(change_settings(connection, asked.rooms.defaults, asked.actor, changes, asked.address))


def _typed(asked: Asked, name: str) -> object:
    """Truth and numbers as they are, all else as text."""
    value = asked.parameters.value(name)
    return value if isinstance(value, bool | int | float) else asked.parameters.text(name, _LONGEST_TEXT)


def _shown(account: AccountSettings) -> JsonValue:
    return dict[str, JsonValue](account.all())


def _logo(connection: sa.Connection, asked: Asked) -> Response:
    picture = logo.stored_logo(connection)
    if picture is None:
        raise NotFound("there is no logo")
    return Response(picture.png, media_type="image/png")


def _change_logo(connection: sa.Connection, asked: Asked) -> JsonValue:
    text = asked.parameters.text("logo", _LONGEST_LOGO)
    try:
        picture = Picture.of(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise Refusal(INVALID_PARAMETERS, "logo") from None
    logo.store_logo(connection, picture)
    asked.note(connection, "logo set", "", {"width": picture.width, "height": picture.height})
    return ""


def _delete_logo(connection: sa.Connection, asked: Asked) -> JsonValue:
    if logo.delete_logo(connection):
        asked.note(connection, "logo delete", "")
    return ""


_KINDS = {"boolean": FLAG, "integer": WHOLE}
_NAMES = " ".join(
    setting.name + next((f":{kind}" for kind, schema in _KINDS.items() if schema is _schema(setting)), "")
    for setting in SETTINGS
)
_op = table((ApiPermission.SETTINGS,), (ApiPermission.SETTINGS,))
OPERATIONS = (
    _op("GET", "/v1/settings", _get, "Settings of the account", gives=ACCOUNT),
    _op("POST", "/v1/settings", _change, "Change settings of the account: all or none", _NAMES, ACCOUNT),
    _op("GET", "/v1/logo", _logo, "The logo: a PNG", gives={"type": "string", "format": "binary"}),
    _op("POST", "/v1/logo", _change_logo, "Set the logo: a PNG in base64", "logo!"),
    _op("DELETE", "/v1/logo", _delete_logo, "Go without a logo"),
)
