"""What became of a reload or restart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """``text`` says, in lines, what has changed, or why nothing has."""

    is_done: bool
    text: str
