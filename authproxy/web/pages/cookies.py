"""Cookies: for this host alone, over TLS alone, out of reach of scripts (RFC 6265bis 4.1.3.2)."""

from __future__ import annotations

import base64
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response

_FLASH: Final = "__Host-told"
_FLASH_SECONDS: Final = 60
_LONGEST_FLASH: Final = 500


def set_cookie(
    response: Response,
    name: str,
    value: str,
    seconds: int | None = None,
    samesite: Literal["lax", "strict"] = "strict",
) -> None:
    """``name`` begins with ``__Host-``. ``seconds`` None: until the browser is closed. ``samesite=lax`` where
    another site's page leads here."""
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite=samesite)


def drop_cookie(response: Response, name: str) -> None:
    response.delete_cookie(name, path="/", secure=True, httponly=True)


def tell(response: Response, message: str) -> None:
    """The next page shows it, once."""
    value = base64.urlsafe_b64encode(message[:_LONGEST_FLASH].encode()).decode()
    set_cookie(response, _FLASH, value, _FLASH_SECONDS)


def told(request: Request) -> str:
    """What the page before wanted said."""
    try:
        return base64.urlsafe_b64decode(request.cookies.get(_FLASH, "")).decode()
    except ValueError:
        return ""


def forget_told(request: Request, response: Response) -> None:
    if _FLASH in request.cookies:
        drop_cookie(response, _FLASH)
