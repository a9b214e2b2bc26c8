"""Hardware tokens: the list, new ones from a form or a maker's file, whose they are, where their counters are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.model import JsonValue
from authproxy.secondfactor import tokens
from authproxy.secondfactor.own_devices import own_devices
from authproxy.secondfactor.pskc_import import Opening, read_pskc
from authproxy.secondfactor.refusals import BadValue, NotDone
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.rows import BadRow, read_csv
from authproxy.secondfactor.token_rows import COLUMNS, TYPES, NewToken, read_tokens
from authproxy.secondfactor.token_search import search_tokens, token_by_id
from authproxy.secondfactor.tokens import Token
from authproxy.secondfactor.users import find_user
from authproxy.web.admin.export import Row, exported, of_list
from authproxy.web.admin.lists import export_path, pager, window_of
from authproxy.web.admin.page import Page
from authproxy.web.admin.users import decoded
from authproxy.web.admin.visit import Visit

_COLUMNS: Final = ("serial", "type", "users", "step", "created", "last_used")
_ASSIGNED: Final = {"yes": True, "no": False}


async def show_list(visit: Visit) -> Response:
    window, text = window_of(visit), visit.query.get("text", "")[:200]
    is_assigned = _ASSIGNED.get(visit.query.get("assigned", ""))

    def look(connection: sa.Connection) -> Response:
        found = search_tokens(connection, window, text, is_assigned=is_assigned)
        return visit.render(
            "admin/tokens/list.html",
            tokens=found.rows,
            pager=pager(visit, found, window),
            types=TYPES,
            csv=export_path(visit, "csv"),
            json=export_path(visit, "json"),
        )

    return await visit.read(look)


async def export(visit: Visit) -> Response:
    text, is_assigned = visit.query.get("text", "")[:200], _ASSIGNED.get(visit.query.get("assigned", ""))

    def row(token: Token) -> Row:
        return {**{name: getattr(token, name) for name in _COLUMNS}, "users": list(token.users)}

    reads = of_list(
        lambda connection, window: search_tokens(connection, window, text, is_assigned=is_assigned), row
    )
    return await exported(visit, "tokens", _COLUMNS, reads)


# ---------------------------------------------------------------- new ones


async def show_import(visit: Visit) -> Response:
    return _import_page(visit, ())


def _import_page(visit: Visit, bad: Sequence[BadRow]) -> Response:
    return visit.render(
        "admin/tokens/import.html", 400 if bad else 200, bad=bad, columns=str(COLUMNS), types=TYPES
    )


async def add(visit: Visit) -> Response:
    """One, as it is typed: a row of a file."""
    names = ("serial", "type", "secret", "private_id", "counter", "step", "username")
    row = {name: visit.form.get(name) for name in names}
    return await _import(visit, *read_tokens([(1, row)]))


async def import_(visit: Visit) -> Response:
    """CSV, or PSKC (RFC 6030), which is XML."""
    content, passphrase = visit.files.get("file", b""), visit.form.raw("passphrase")
    key = visit.form.get("key")
    if content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        opening = Opening(_key(key) if key else None, passphrase or None)
        new, bad = await visit.rooms.office.aside(lambda: read_pskc(content, opening))
        return await _import(visit, new, bad)
    rows, unreadable = read_csv(decoded(content), COLUMNS)
    new, wrong = read_tokens(rows)
    return await _import(visit, new, [*unreadable, *wrong])


def _key(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise BadValue("the key is not hexadecimal") from None


async def _import(visit: Visit, new: Sequence[NewToken], wrong: Sequence[BadRow]) -> Response:
    mode = visit.rooms.settings.username_normalization

    def change(connection: sa.Connection) -> Sequence[BadRow]:
        bad = [*wrong, *tokens.obstacles(connection, new, mode)]
        if not bad:
            tokens.import_tokens(connection, new, visit.rooms.seeds, mode)
            serials = [token.serial for token in new[:_TOLD]]
            visit.note(connection, "token import", "", {"tokens": len(new), "serials": list[JsonValue](serials)})
        return sorted(bad, key=lambda row: row.line)

    bad = await visit.change(change)
    if bad:
        return _import_page(visit, bad)
    return visit.go("/admin/tokens", visit.gettext("Tokens added: %(count)d") % {"count": len(new)})


_TOLD: Final = 100

# ---------------------------------------------------------------- one of them


async def show(visit: Visit) -> Response:
    def look(connection: sa.Connection) -> Response:
        token = token_by_id(connection, visit.path["token"])
        owners = [find_user(connection, name, "none") for name in token.users]
        return visit.render("admin/tokens/token.html", token=token, owners=owners, now=visit.rooms.now())

    return await visit.read(look)


async def assign(visit: Visit) -> Response:
    """To one user more."""
    mode = visit.rooms.settings.username_normalization

    def change(connection: sa.Connection) -> None:
        token = token_by_id(connection, visit.path["token"])
        user = find_user(connection, visit.form.get("name"), mode)
        tokens.assign_token(connection, token, user)
        visit.note(connection, "token assign", user.username, _named(token))

    await visit.change(change)
    return visit.go(f"/admin/tokens/{visit.path['token']}", visit.gettext("Assigned"))


async def resync(visit: Visit) -> Response:
    codes = (visit.form.get("first"), visit.form.get("second"))

    def change(connection: sa.Connection) -> None:
        before = token_by_id(connection, visit.path["token"])
        after = tokens.resync_token(connection, before, codes, visit.rooms.seeds, visit.rooms.now())
        names = ("counter", "drift")
        visit.note(
            connection,
            "token resync",
            before.serial,
            {name: getattr(after, name) for name in names},
            {name: getattr(before, name) for name in names},
        )

    await visit.change(change)
    return visit.go(f"/admin/tokens/{visit.path['token']}", visit.gettext("The token is synchronized"))


async def delete(visit: Visit) -> Response:
    def change(connection: sa.Connection) -> None:
        token = token_by_id(connection, visit.path["token"])
        _check_spare(visit, connection, token)
        tokens.delete_token(connection, token)
        told = {**_named(token), "users": list[JsonValue](token.users)}
        visit.note(connection, "token delete", token.serial, before=told)

    await visit.change(change)
    return visit.go("/admin/tokens", visit.gettext("Deleted"))


def _check_spare(visit: Visit, connection: sa.Connection, token: Token) -> None:
    """Raises NotDone when somebody could not log in without it."""
    for name in token.users:
        user = find_user(connection, name, "none")
        if own_devices(connection, user.id).ways_in <= 1:
            told = visit.gettext("it is the last device of %(name)s: take it away from there first")
            raise NotDone(told % {"name": user.display_name})


def _named(token: Token) -> dict[str, JsonValue]:
    return {"serial": token.serial, "type": token.type}


PAGES: Final = (
    Page("GET", "/admin/tokens", Permission.VIEW, show_list),
    Page("GET", "/admin/tokens/export.{form}", Permission.VIEW, export),
    Page("GET", "/admin/tokens/import", Permission.MODIFY_DEVICES, show_import),
    Page("POST", "/admin/tokens/import", Permission.MODIFY_DEVICES, import_),
    Page("POST", "/admin/tokens/add", Permission.MODIFY_DEVICES, add),
    Page("GET", "/admin/tokens/{token}", Permission.VIEW, show),
    Page("POST", "/admin/tokens/{token}/assign", Permission.MODIFY_DEVICES, assign),
    Page("POST", "/admin/tokens/{token}/resync", Permission.MODIFY_DEVICES, resync),
    Page("POST", "/admin/tokens/{token}/delete", Permission.MODIFY_DEVICES, delete),
)
