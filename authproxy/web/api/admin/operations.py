"""Every operation of the Admin API, and which of them a path means."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Final
from urllib.parse import unquote_plus

from starlette.exceptions import HTTPException

from authproxy.web.api.admin import (
    administrators,
    bypass_codes,
    change_log,
    enrollment,
    groups,
    info,
    integrations,
    login_log,
    others,
    phones,
    policies,
    settings,
    telephony_log,
    tokens,
    users,
    webauthn,
)
from authproxy.web.api.admin.operation import Operation

NOUNS: Final = (
    users, enrollment, phones, tokens, groups, bypass_codes, webauthn, integrations, administrators, settings,
    policies, info, login_log, change_log, telephony_log, others,
)  # fmt: skip
OPERATIONS: Final[tuple[Operation, ...]] = tuple(chain.from_iterable(noun.OPERATIONS for noun in NOUNS))
_NOT_FOUND, _WRONG_METHOD = 404, 405


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
