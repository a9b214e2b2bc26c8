"""HTML that was written for mail, shown in a frame where it can do nothing: no scripts, no forms, no requests."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

from starlette.responses import HTMLResponse, Response

from authproxy.secondfactor.message_text import picture_name, pictured
from authproxy.web.enroll.pictures import png

_CONTENT: Final = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'"
)


def framed(html: str) -> Response:
    """For an ``iframe`` of this host's pages and for no other."""
    headers = {"Content-Security-Policy": _CONTENT, "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(html, headers=headers)


def with_pictures(html: str, secrets: Sequence[str]) -> str:
    """With the QR codes that a mail carries beside its HTML. Takes some ten milliseconds each."""
    for at in pictured(html, len(secrets)):
        data = base64.b64encode(png(secrets[at - 1])).decode()
        html = html.replace(f'"{picture_name(at)}"', f'"data:image/png;base64,{data}"')
    return html
