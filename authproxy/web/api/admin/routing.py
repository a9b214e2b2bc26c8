"""Which operation a path means. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote_plus

from starlette.exceptions import HTTPException

from authproxy.web.api.admin.operation import Operation

_NOT_FOUND: Final = 404
_WRONG_METHOD: Final = 405


def find_among(operations: Sequence[Operation], method: str, raw_path: str) -> tuple[Operation, Mapping[str, str]]:
    """And the IDs in the path. ``raw_path`` is not decoded: what stands for an ID may hold a slash. Fixed words go
    before IDs. Raises HTTPException."""
    parts = raw_path.split("/")
    here = [(each, ids) for each in operations if (ids := _matched(each.path, parts)) is not None]
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
