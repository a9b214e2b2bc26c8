"""Hardware tokens."""

from __future__ import annotations

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor import token_search
from authproxy.secondfactor import tokens as domain
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.refusals import BadValue, NotFound
from authproxy.secondfactor.token_rows import read_tokens
from authproxy.secondfactor.tokens import Token
from authproxy.web.api.admin.briefs import TOKEN
from authproxy.web.api.admin.loading import show_tokens
from authproxy.web.api.admin.operation import Asked, Part, table
from authproxy.web.api.admin.shapes import many

_SECRETS = {"yk": ("private_id", "aes_key")}


def _list(connection: sa.Connection, asked: Asked) -> Part:
    given, window = asked.parameters, asked.window()
    type_ = given.text("type") or None
    serial = given.text("serial") or None
    listing = token_search.tokens_of(connection, window, type_, serial)
    return Part(show_tokens(connection, listing.rows), window, listing.total)


def _get(connection: sa.Connection, asked: Asked) -> JsonValue:
    return _shown(connection, asked.ids["token_id"])


def _add(connection: sa.Connection, asked: Asked) -> JsonValue:
    given = asked.parameters
    type_ = given.required("type").lower()
    row = {"serial": given.required("serial"), "type": type_}
    row |= {name: given.required(name) for name in _SECRETS.get(type_, ("secret",))}
    row |= {"counter": given.text("counter"), "step": given.text("totp_step")}
    if "secret" in row:
        row["secret_hex"] = row.pop("secret")
    new, bad = read_tokens([(1, row)])
    if bad:
        raise BadValue(bad[0].problem)
    token = domain.add_token(connection, asked.rooms.seeds, new[0])
    asked.note(connection, "token add", token.serial, _told(token))
    return _shown(connection, token.id)


def _change(connection: sa.Connection, asked: Asked) -> JsonValue:
    token = _token(connection, asked)
    if asked.parameters.is_given("totp_step"):
        step = asked.parameters.integer("totp_step", 1, 3600, token.step)
        domain.change_step(connection, token, step)
        asked.note(connection, "token set", token.serial, {"step": step}, {"step": token.step})
    return _shown(connection, token.id)


def _delete(connection: sa.Connection, asked: Asked) -> JsonValue:
    try:
        token = _token(connection, asked)
    except NotFound:
        return ""
    domain.delete_token(connection, token)
    asked.note(connection, "token delete", token.serial, _told(token))
    return ""


def _resync(connection: sa.Connection, asked: Asked) -> JsonValue:
    token = _token(connection, asked)
    codes = [asked.parameters.required(f"code{number}") for number in (1, 2, 3)]
    after = domain.resync_token(connection, token, codes, asked.rooms.seeds, asked.rooms.now())
    asked.note(connection, "token resync", token.serial, {"counter": after.counter}, {"counter": token.counter})
    return ""


def _token(connection: sa.Connection, asked: Asked) -> Token:
    """Raises NotFound."""
    return token_search.token_by_id(connection, asked.ids["token_id"])


def _shown(connection: sa.Connection, token_id: str) -> JsonValue:
    return show_tokens(connection, [token_search.token_by_id(connection, token_id)])[0]


def _told(token: Token) -> dict[str, JsonValue]:
    return {"serial": token.serial, "type": token.type, "users": list(token.users)}


_op = table((ApiPermission.READ_RESOURCE,), (ApiPermission.WRITE_RESOURCE,))
OPERATIONS = (
    _op("GET", "/v1/tokens", _list, "Hardware tokens, or those of a type and serial", "type serial", many(TOKEN),
        is_list=True),
    _op("POST", "/v1/tokens", _add, "Import a hardware token: h6, h8, t6, t8 or yk",
        "type! serial! secret counter:integer totp_step:integer private_id aes_key", TOKEN),
    _op("GET", "/v1/tokens/{token_id}", _get, "One hardware token", gives=TOKEN),
    _op("POST", "/v1/tokens/{token_id}", _change, "Change a time-based token", "totp_step:integer", TOKEN),
    _op("DELETE", "/v1/tokens/{token_id}", _delete, "Delete a hardware token, whoever has it"),
    _op("POST", "/v1/tokens/{token_id}/resync", _resync, "Find where a token is by three successive codes",
        "code1! code2! code3!"),
)  # fmt: skip
