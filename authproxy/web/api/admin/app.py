"""``/admin/v1`` to ``/admin/v3``: the Admin API. Finds what is asked for, has the caller identified, and answers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Final
from urllib.parse import unquote_plus

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from authproxy.model import JsonValue
from authproxy.secondfactor.refusals import AlreadyThere, NotDone, NotFound
from authproxy.web.api import envelope
from authproxy.web.api.admin import (
    administrators,
    bypass_codes,
    groups,
    info,
    integrations,
    logs,
    others,
    phones,
    policies,
    settings,
    tokens,
    users,
    webauthn,
)
from authproxy.web.api.admin.operation import Answer, Asked, Operation, Part
from authproxy.web.api.admin.rooms import ApiRooms
from authproxy.web.api.caller import Call
from authproxy.web.api.endpoint import Endpoint, enveloped
from authproxy.web.api.envelope import Refusal
from authproxy.web.site import Site
from authproxy.web.source import source_of

NOUNS: Final = (
    users, phones, tokens, groups, bypass_codes, webauthn, integrations, administrators, settings, policies, info,
    logs, others,
)  # fmt: skip
OPERATIONS: Final[tuple[Operation, ...]] = tuple(chain.from_iterable(noun.OPERATIONS for noun in NOUNS))
_TYPES: Final = frozenset(("adminapi",))
_METHODS: Final = ("GET", "POST", "PUT", "DELETE")
_NOT_FOUND, _WRONG_METHOD = 404, 405


def routes(site: Site, rooms: ApiRooms) -> list[Route]:
    app = AdminApi(site, rooms)
    paths = [f"/admin/v{version}/{{rest:path}}" for version in (1, 2, 3)]
    return [Route(path, app, methods=[*_METHODS, "PATCH"]) for path in paths]


class AdminApi:
    def __init__(self, site: Site, rooms: ApiRooms) -> None:
        self._site = site
        self._rooms = rooms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation, ids = find(scope["method"], scope["raw_path"].decode("ascii", "replace"))

        async def answer(call: Call) -> JsonValue | Response:
            asked = Asked(call.app, call.parameters, ids, self._rooms, source_of(scope))
            return told(await answered(operation, asked))

        await Endpoint(self._site, answer, _TYPES)(scope, receive, send)


def find(method: str, raw_path: str) -> tuple[Operation, Mapping[str, str]]:
    """``raw_path`` is not decoded: what stands for an ID may hold a slash. Fixed words go before IDs. Raises
    HTTPException."""
    parts = raw_path.split("/")
    here = [(each, ids) for each in OPERATIONS if (ids := _matched(each.path, parts)) is not None]
    if not here:
        raise HTTPException(_NOT_FOUND)
    fewest = min(len(ids) for _, ids in here)
    for operation, ids in here:
        if operation.method == method and len(ids) == fewest:
            return operation, ids
    raise HTTPException(_WRONG_METHOD)


def _matched(path: str, parts: list[str]) -> dict[str, str] | None:
    wanted = path.split("/")
    if len(wanted) != len(parts):
        return None
    ids: dict[str, str] = {}
    for word, part in zip(wanted, parts, strict=True):
        if word.startswith("{"):
            ids[word[1:-1]] = unquote_plus(part)
        elif word != part:
            return None
    return ids


async def answered(operation: Operation, asked: Asked) -> Answer:
    """Raises Refusal and StoreUnavailable."""
    if not any(asked.may(permission) for permission in operation.permissions):
        raise Refusal(envelope.FORBIDDEN, f"The application has no permission {operation.permissions[0]}.")
    office = asked.rooms.office
    does = office.read if operation.method == "GET" else office.change
    try:
        made = await does(lambda connection: operation.answer(connection, asked))
        said: Answer = made if operation.then is None else await operation.then(asked, made)
    except NotFound as error:
        raise Refusal(envelope.NOT_FOUND, str(error)) from None
    except AlreadyThere as error:
        raise Refusal(envelope.DUPLICATE, str(error)) from None
    except NotDone as error:
        raise Refusal(envelope.INVALID_PARAMETERS, str(error)) from None
    return said


def told(answer: Answer) -> JsonValue | Response:
    if isinstance(answer, Part):
        return enveloped({**envelope.ok(answer.rows), "metadata": answer.metadata})
    return answer
