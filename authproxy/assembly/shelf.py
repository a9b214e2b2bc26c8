"""Parts by the settings they were made for, so that a reload keeps those whose settings stayed as they were."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import fields
from pathlib import Path
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Part = TypeVar("Part")


class Shelf(Generic[Key, Part]):
    """What one configuration uses. Parts of the shelf ``before`` it are taken over, not made again."""

    def __init__(self, close: Callable[[Part], object], before: Shelf[Key, Part] | None = None) -> None:
        self._close = close
        self._before = dict(before._parts) if before is not None else {}
        self._parts: dict[Key, Part] = {}

    def get(self, key: Key, make: Callable[[], Part]) -> Part:
        if key not in self._parts:
            self._parts[key] = self._before[key] if key in self._before else make()
        return self._parts[key]

    def parts(self) -> list[Part]:
        return list(self._parts.values())

    def settle(self) -> list[Callable[[], object]]:
        """This shelf is in use from now on: what closes the parts that only the one before it had."""
        return self._closers(self._before, besides=self._parts)

    def discard(self) -> list[Callable[[], object]]:
        """This shelf is not going to be used: what closes the parts that only it has."""
        return self._closers(self._parts, besides=self._before)

    def close(self) -> list[Callable[[], object]]:
        """What closes every part."""
        return self._closers(self._parts, besides={})

    def _closers(self, parts: dict[Key, Part], besides: dict[Key, Part]) -> list[Callable[[], object]]:
        kept = {id(part) for part in besides.values()}
        return [lambda part=part: self._close(part) for part in parts.values() if id(part) not in kept]  # type: ignore[misc]


def fingerprint(settings: Any) -> tuple[tuple[str, int, int], ...]:
    """Which files a dataclass of settings names, and in which state they are: a part that has read one is made
    anew when it was replaced."""
    found = []
    for each in fields(settings):
        path = getattr(settings, each.name)
        if isinstance(path, Path):
            try:
                at = path.stat()
            except OSError:
                continue
            found.append((str(path), at.st_ino, at.st_mtime_ns))
    return tuple(found)
