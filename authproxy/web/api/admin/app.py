"""``/admin/v1`` to ``/admin/v3``: the Admin API. Finds what is asked, has the caller identified, and answers."""

from __future__ import annotations

from functools import cache
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from authproxy.model import JsonValue
from authproxy.secondfactor.refusals import NotDone
from authproxy.web.api import envelope
from authproxy.web.api.admin.openapi import describe
from authproxy.web.api.admin.operation import Answer, Asked, Operation, Part, refusal_of
from authproxy.web.api.admin.operations import find
from authproxy.web.api.admin.rooms import ApiRooms
from authproxy.web.api.caller import Call
from authproxy.web.api.endpoint import Endpoint, enveloped
from authproxy.web.site import Site
from authproxy.web.source import source_of

_TYPES: Final = frozenset(("adminapi",))
_METHODS: Final = ("GET", "POST", "PUT", "DELETE")


def routes(site: Site, rooms: ApiRooms) -> list[Route]:
    app = AdminApi(site, rooms)
    paths = [f"/admin/v{version}/{{rest:path}}" for version in (1, 2, 3)]
    return [
        Route("/admin/openapi.json", _described, methods=["GET"]),
        *(Route(path, app, methods=[*_METHODS, "PATCH"]) for path in paths),
    ]


async def _described(_request: Request) -> Response:
    """Tells nothing but what everybody may read in the documentation."""
    return JSONResponse(_description())


_description = cache(describe)


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


async def answered(operation: Operation, asked: Asked) -> Answer:
    """Raises Refusal and StoreUnavailable."""
    operation.check(asked)
    office = asked.rooms.office
    does = office.read if operation.method == "GET" else office.change
    try:
        made = await does(lambda connection: operation.answer(connection, asked))
        said: Answer = made if operation.then is None else await operation.then(asked, made)
    except NotDone as error:
        raise refusal_of(error) from None
    return said


def told(answer: Answer) -> JsonValue | Response:
    if isinstance(answer, Part):
        return enveloped({**envelope.ok(answer.rows), "metadata": answer.metadata})
    return answer
