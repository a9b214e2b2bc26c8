"""Requests signed by hand, for what duo_client would not send."""

from __future__ import annotations

import base64
import hashlib
import hmac
from email.utils import formatdate

from authproxy.web.api.signature import Signable
from tests.web.twin import APPS, SKEY


def authorization(text: bytes, app: str, digest: str) -> str:
    signature = hmac.digest(SKEY.encode(), text, digest).hex()
    return "Basic " + base64.b64encode(f"{APPS[app].ikey}:{signature}".encode()).decode()


def sign_5(request: Signable, app: str = "auth") -> dict[str, str]:
    """Headers for a request without parameters in its query."""
    date = formatdate()
    hashes = (hashlib.sha512(request.body).hexdigest(), hashlib.sha512(b"").hexdigest())
    parts = (date.encode(), request.method, request.host, request.path, b"", *(each.encode() for each in hashes))
    return {"Date": date, "Authorization": authorization(b"\n".join(parts), app, "sha512")}
