"""What a browser sends with a form: text and files, bounded in number and size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

_MOST_FIELDS: Final = 1_000
_MOST_FILES: Final = 4
_LARGEST_FIELD: Final = 100_000  # bytes; the gate bounds the whole


class BadForm(Exception):
    """It can't be read."""


@dataclass(frozen=True, slots=True)
class Form:
    """``fields``: every value under its name, in order. ``files``: contents."""

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def get(self, name: str, default: str = "") -> str:
        """The last value, without blanks around it."""
        values = self.fields.get(name)
        return values[-1].strip() if values else default

    def raw(self, name: str) -> str:
        """As it was typed: for passwords and long texts."""
        values = self.fields.get(name)
        return values[-1] if values else ""

    def all(self, name: str) -> list[str]:
        return [value.strip() for value in self.fields.get(name, ())]

    def has(self, name: str) -> bool:
        """Of a checkbox: whether it is ticked."""
        return name in self.fields


async def read_form(request: Request) -> Form:
    """In Starlette's coroutine. Raises BadForm."""
    try:
        read = await request.form(max_files=_MOST_FILES, max_fields=_MOST_FIELDS, max_part_size=_LARGEST_FIELD)
    except (HTTPException, MultiPartException, ValueError) as error:
        raise BadForm(str(error)) from None
    fields: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    for name, value in read.multi_items():
        if isinstance(value, UploadFile):
            files[name] = await value.read()
        else:
            fields.setdefault(name, []).append(value)
    await read.close()
    return Form(fields, files)
