"""Texts that are kept without the secrets that stood in them: ``{1}`` stands for the first one, ``{2}`` for the
second, ``{0}`` for a brace that was there anyway. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Final

_PLACE = re.compile(r"\{([0-9]{1,3})\}")
_BRACE: Final = "{0}"
HIDDEN: Final = "[not shown]"

Escapes = Callable[[str], str]


def as_it_is(text: str) -> str:
    return text


def without(text: str, secrets: Sequence[str], escapes: Escapes = as_it_is) -> str:
    """``escapes``: how a secret is written in this text: :func:`html.escape` where it is HTML."""
    bare = text.replace("{", _BRACE)
    written = [(escapes(secret).replace("{", _BRACE), at) for at, secret in enumerate(secrets, 1) if secret]
    for secret, at in sorted(written, key=lambda pair: -len(pair[0])):  # one may be a part of another
        bare = bare.replace(secret, f"{{{at}}}")
    return bare


def with_(bare: str, secrets: Sequence[str] | None, escapes: Escapes = as_it_is) -> str:
    """As it was; without ``secrets`` something else stands where they were."""

    def stood(found: re.Match[str]) -> str:
        at = int(found[1])
        if at == 0:
            return "{"
        if secrets is None:
            return HIDDEN
        return escapes(secrets[at - 1]) if at <= len(secrets) else found[0]

    return _PLACE.sub(stood, bare)


def html_without(html: str, secrets: Sequence[str]) -> str:
    return without(html, secrets, escape)


def html_with(bare: str, secrets: Sequence[str] | None) -> str:
    return with_(bare, secrets, escape)


_PICTURE = "cid:qr"


def picture_name(at: int) -> str:
    """What an HTML text calls the QR code of its secret number ``at``, from 1 (RFC 2392)."""
    return f"{_PICTURE}{at}"


def pictured(html: str, count: int) -> list[int]:
    """Which of its ``count`` secrets an HTML text shows as a picture."""
    return [at for at in range(1, count + 1) if f'"{picture_name(at)}"' in html]
