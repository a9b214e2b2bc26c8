"""One operation of the Admin API: where it is found, who may call it, and what it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import sqlalchemy as sa
from starlette.responses import Response

from authproxy.model import JsonValue
from authproxy.secondfactor import audit
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.authapi import Application
from authproxy.secondfactor.listing import Listing, Window
from authproxy.secondfactor.refusals import AlreadyThere, NotDone, NotFound
from authproxy.web.api.admin.rooms import ApiRooms
from authproxy.web.api.admin.shapes import NOTHING, Parameter, Schema, parameters
from authproxy.web.api.envelope import DUPLICATE, FORBIDDEN, INVALID_PARAMETERS, NOT_FOUND, Refusal
from authproxy.web.api.parameters import Parameters

T = TypeVar("T")

_USUAL_LIMIT = 100
_MOST_ROWS = 500
_LARGEST_OFFSET = 10**9


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a list, as it is answered: with what a client needs to ask for the next."""

    rows: list[JsonValue]
    window: Window
    total: int

    @property
    def metadata(self) -> dict[str, JsonValue]:
        """Without ``next_offset`` it is the last."""
        said: dict[str, JsonValue] = {"total_objects": self.total}
        end = self.window.offset + len(self.rows)
        if self.rows and end < self.total:
            said["next_offset"] = end
        if self.window.offset:
            said["prev_offset"] = max(0, self.window.offset - self.window.limit)
        return said


Answer = JsonValue | Part | Response


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of an application that may make it. ``ids``: what stands in its path. ``address``: whence."""

    app: Application
    parameters: Parameters
    ids: Mapping[str, str]
    rooms: ApiRooms
    address: str = ""

    @property
    def actor(self) -> str:
        return f"api:{self.app.ikey}"

    def may(self, permission: ApiPermission) -> bool:
        return permission in self.app.permissions

    def window(self, most: int = _MOST_ROWS) -> Window:
        """More than ``most`` rows are never answered, whatever was asked. Raises Refusal."""
        limit = self.parameters.integer("limit", 1, _LARGEST_OFFSET, _USUAL_LIMIT)
        return Window(min(limit, most), self.parameters.integer("offset", 0, _LARGEST_OFFSET, 0))

    def part(self, rows: Sequence[T], shown: Callable[[T], JsonValue]) -> Part:
        """Of a list that is short."""
        window = self.window()
        end = window.offset + window.limit
        return Part([shown(row) for row in rows[window.offset : end]], window, len(rows))

    def given(self, name: str, find: Callable[[str], T]) -> T:
        """What a required parameter names. Raises Refusal for what is not there."""
        try:
            return find(self.parameters.required(name))
        except NotDone:
            raise Refusal(INVALID_PARAMETERS, name) from None

    def with_parameters(self, values: Mapping[str, JsonValue]) -> Asked:
        """The same request, as if it had these."""
        return replace(self, parameters=Parameters(values))

    def note(
        self,
        connection: sa.Connection,
        action: str,
        about: str,
        detail: Mapping[str, JsonValue] | None = None,
        before: Mapping[str, JsonValue] | None = None,
    ) -> None:
        audit.note(connection, self.actor, action, about, detail, before=before, address=self.address)


def listed(listing: Listing[T], window: Window, shown: Callable[[T], JsonValue]) -> Part:
    return Part([shown(row) for row in listing.rows], window, listing.total)


Work = Callable[[sa.Connection, Asked], Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """``path`` has the names of ``ids`` in braces. Any of ``permissions`` will do. ``answer`` is called in the
    office: of a GET with a connection to read, else in a transaction. ``then`` goes on, in the reactor's thread,
    with what it returned. ``gives``: the schema of the response, ``is_list``: a list with metadata."""

    method: str
    path: str
    permissions: tuple[ApiPermission, ...]
    answer: Work
    about: str
    takes: tuple[Parameter, ...] = ()
    gives: Schema = field(default_factory=lambda: NOTHING)
    is_list: bool = False
    then: Callable[[Asked, Any], Awaitable[Answer]] | None = None

    @property
    def noun(self) -> str:
        """``users`` of ``/admin/v1/users/{user_id}``."""
        return self.path.split("/")[3]

    def check(self, asked: Asked) -> None:
        """Whether the application may call it. Raises Refusal."""
        if not any(asked.may(permission) for permission in self.permissions):
            raise Refusal(FORBIDDEN, f"The application has no permission {self.permissions[0]}.")


def table(permission_to_read: tuple[ApiPermission, ...], permission_to_write: tuple[ApiPermission, ...]) -> _Makes:
    """Makes the operations of a noun."""

    def make(
        method: str,
        path: str,
        answer: Work,
        about: str,
        takes: str = "",
        gives: Schema = NOTHING,
        *,
        is_list: bool = False,
        then: Callable[[Asked, Any], Awaitable[Answer]] | None = None,
    ) -> Operation:
        permissions = permission_to_read if method == "GET" else permission_to_write
        return Operation(
            method,
            f"/admin{path}",
            permissions,
            answer,
            about,
            parameters(takes + (" limit:integer offset:integer" if is_list else "")),
            gives,
            is_list,
            then,
        )

    return make


_Makes = Callable[..., Operation]


def refusal_of(error: NotDone) -> Refusal:
    """What a client is told of it."""
    match error:
        case NotFound():
            return Refusal(NOT_FOUND, str(error))
        case AlreadyThere():
            return Refusal(DUPLICATE, str(error))
        case _:
            return Refusal(INVALID_PARAMETERS, str(error))


def gone(_connection: sa.Connection, _asked: Asked) -> JsonValue:
    """What is not there any more needs no deleting."""
    return ""
