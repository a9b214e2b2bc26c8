"""How a request for a page comes in: its form read, where it was made looked at, and Twisted's coroutine run."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from twisted.internet.defer import Deferred

from authproxy.web.pages import origin
from authproxy.web.pages.form import BadForm, Form, read_form
from authproxy.web.source import source_of

_CSRF_FIELD: Final = "csrf"
_CSRF_HEADER: Final = "x-csrf-token"


@dataclass(frozen=True, slots=True)
class Arrival:
    """``form`` is None when it can't be read. ``address``: the browser's."""

    request: Request
    form: Form | None
    address: str

    @property
    def changes(self) -> bool:
        """Whether it asks for more than a page."""
        return self.request.method not in origin.SAFE_METHODS

    def is_own(self, csrf: str | None) -> bool:
        """Whether it may change something: made by a page of this host and, if there is a session, by a page of
        that session. ``csrf``: the session's token; None: there is no session, and the origin alone decides."""
        if not origin.is_own(self.request.headers):
            return False
        if csrf is None:
            return True
        sent = self.form.get(_CSRF_FIELD) if self.form is not None else ""
        sent = sent or self.request.headers.get(_CSRF_HEADER, "")
        return hmac.compare_digest(sent.encode(), csrf.encode())


async def serve(
    scope: Scope, receive: Receive, send: Send, answered: Callable[[Arrival], Coroutine[Any, Any, Response]]
) -> None:
    """``answered``: a Twisted coroutine."""
    request = Request(scope, receive)
    form: Form | None = Form()
    if request.method not in origin.SAFE_METHODS:
        try:
            form = await read_form(request)
        except BadForm:
            form = None
    answering = Deferred.fromCoroutine(answered(Arrival(request, form, source_of(scope))))
    response = await answering.asFuture(asyncio.get_running_loop())
    response.headers["Referrer-Policy"] = "same-origin"  # with it, browsers tell the origin of a form
    await response(scope, receive, send)
