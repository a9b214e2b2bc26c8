"""Values that are made by the dozen for every login: frozen for the type checker, and so for everybody.

A dataclass that is frozen at run time, too, pays for that with each field when it is made: six times the price,
and a twentieth of all that a login costs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """As ``dataclass(frozen=True, slots=True)``, but that only mypy notices an assignment to a field."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
