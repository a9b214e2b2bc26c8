"""One page or action of the Admin Panel, and what is needed to come to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from starlette.responses import Response

from authproxy.secondfactor.roles import Permission

if TYPE_CHECKING:
    from authproxy.web.admin.visit import Visit

Answer = Callable[["Visit"], Awaitable[Response]]


class Entry(Enum):
    """Who comes to a page that needs no permission."""

    ANYBODY = "anybody"
    HALFWAY = "halfway"  # has shown a password, not yet a second factor
    ADMINISTRATOR = "administrator"  # whatever the role


@dataclass(frozen=True, slots=True)
class Page:
    """``path`` as Starlette writes it. ``needs``: a permission, or who comes without one. ``is_dangerous``: the
    administrator must have shown password and factor within the last minutes. ``answer``: a Twisted coroutine; it
    may raise NotFound, BadValue, AlreadyThere and StoreUnavailable."""

    method: str
    path: str
    needs: Permission | Entry
    answer: Answer
    is_dangerous: bool = False
