"""What proves that a request comes from Twilio: HMAC-SHA1 under the account's token over the address and the
parameters (Twilio's "Validating requests"). Pure."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit

_PORTS = {"https": 443, "http": 80}


def signature(token: bytes, url: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The address as it was called, then each name with each of its values, all in order; what is said twice
    counts once."""
    text = url + "".join(f"{name}{value}" for name, value in sorted(set(pairs)))
    return base64.b64encode(hmac.digest(token, text.encode("utf-8", "surrogatepass"), "sha1")).decode("ascii")


def is_signed(token: bytes, url: str, pairs: Iterable[tuple[str, str]], given: str) -> bool:
    """Twilio signs addresses with or without their port."""
    known = tuple(pairs)
    offered = given.encode("utf-8", "replace")
    return any(hmac.compare_digest(signature(token, form, known).encode(), offered) for form in _forms(url))


def _forms(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    bare = parts.netloc.removesuffix(f":{parts.port}") if parts.port else parts.netloc
    port = parts.port or _PORTS[parts.scheme]
    return tuple({parts._replace(netloc=host).geturl() for host in (bare, f"{bare}:{port}", parts.netloc)})
