"""Numbers of things, in words."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """``1 token``, ``3 tokens``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
