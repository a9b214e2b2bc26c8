"""A secret value that does not print itself."""

from __future__ import annotations

import hmac


class Secret:
    """Text that shows as ``*****`` wherever it is formatted; only :meth:`reveal` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def reveal_bytes(self) -> bytes:
        return self._text.encode("utf-8")

    def __repr__(self) -> str:
        return "*****"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.reveal_bytes(), other.reveal_bytes())

    def __hash__(self) -> int:
        return hash(self._text)
