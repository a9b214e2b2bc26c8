"""What an option and a section type are, and how the keys and headers of a file are matched to them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from functools import cached_property

from authproxy.config.options import Kind

_NUMBER = re.compile(r"(.+?)_([0-9]{1,6})\Z")
_SECTION_NUMBER = re.compile(r"([a-z_]+?)([0-9]{1,9})\Z")


class Shape(Enum):
    """``SINGLE``: key. ``NUMBERED``: key_1, key_2 ... (gaps allowed). ``FAILOVER``: key, key_2, key_3 ..."""

    SINGLE = "single"
    NUMBERED = "numbered"
    FAILOVER = "failover"


class Form(StrEnum):
    """How a secret is given."""

    PLAIN = ""
    PROTECTED = "_protected"
    FILE = "_file"


class Role(Enum):
    GLOBAL = "global"
    CLIENT = "client"
    SERVER = "server"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Option:
    """One option. ``default`` is written as in the file; ``default_note`` tells of a computed one.

    ``inherited``: taken from ``[main]`` where the section is silent. ``pending``: why it has no effect yet.
    ``keeps_empty``: ``key=`` means something else than leaving the key out.
    """

    name: str
    kind: Kind
    help: str
    default: str = ""
    default_note: str = ""
    required: bool = False
    shape: Shape = Shape.SINGLE
    inherited: bool = False
    secret: bool = False
    pending: str = ""
    keeps_empty: bool = False

    def key(self, number: int = 0, form: Form = Form.PLAIN) -> str:
        """The key as written: ``radius_secret_protected_2``."""
        base = self.name + form
        if self.shape is Shape.SINGLE or (self.shape is Shape.FAILOVER and number <= 1):
            return base
        return f"{base}_{number}"

    def example_key(self) -> str:
        return self.key(1)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a key means. ``number``: N of ``key_N``; 1 for a bare failover key; 0 for a single one."""

    option: Option
    number: int
    form: Form = Form.PLAIN


@dataclass(frozen=True)
class SectionType:
    """``pending``: why sections of this type are not served, empty if they are.
    ``repeatable``: ``[name2]``, ``[name3]`` are sections of their own."""

    name: str
    role: Role
    help: str
    options: tuple[Option, ...]
    pending: str = ""
    repeatable: bool = True
    by_name: dict[str, Option] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {option.name: option for option in self.options})

    @cached_property
    def bases(self) -> dict[str, tuple[Option, Form]]:
        """Every key without its number: ``radius_secret``, ``radius_secret_protected``, ``radius_secret_file``."""
        found: dict[str, tuple[Option, Form]] = {}
        for option in self.options:
            for form in Form if option.secret else (Form.PLAIN,):
                found[option.name + form] = (option, form)
        return found

    def resolve(self, key: str) -> Resolved | None:
        """The option that ``key`` (lower case) sets; None if there is none, also if its number is missing,
        superfluous or 1 where the first goes without."""
        exact = self.bases.get(key)
        if exact:
            option, form = exact
            number = 1 if option.shape is Shape.FAILOVER else 0
            return None if option.shape is Shape.NUMBERED else Resolved(option, number, form)
        match = _NUMBER.match(key)
        if not match or (match[2].startswith("0") and match[2] != "0"):
            return None
        base, number = self.bases.get(match[1]), int(match[2])
        if base is None:
            return None
        option, form = base
        fits = option.shape is Shape.NUMBERED or (option.shape is Shape.FAILOVER and number >= 2)
        return Resolved(option, number, form) if fits else None


def section_base(name: str) -> str:
    """``radius_server_auto2`` -> ``radius_server_auto``."""
    match = _SECTION_NUMBER.match(name)
    return match[1] if match else name
