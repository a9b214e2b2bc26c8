"""Filters as administrators write them (RFC 4515), read into values."""

from __future__ import annotations

import re

from authproxy.errors import ConfigError
from authproxy.ldap.ber import MAX_DEPTH
from authproxy.ldap.filters import (
    And,
    Approx,
    Assertion,
    AtLeast,
    AtMost,
    Equal,
    Extensible,
    Filter,
    Not,
    Or,
    Present,
    Substrings,
)

_OPERATOR = re.compile(r"(~=|>=|<=|:=|=)")
_ATTRIBUTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)(?:;[A-Za-z0-9-]+)*")
_ESCAPE = re.compile(r"\\([0-9A-Fa-f]{2})?")


def parse(text: str) -> Filter:
    """The filter that ``text`` means; outer parentheses may be missing. Raises ConfigError saying what is wrong
    and at which character."""
    written = text.strip()
    if not written.startswith("("):
        written = f"({written})"
    reader = _Reader(written)
    which = reader.filter(1)
    if reader.at != len(written):
        raise reader.error("there is something behind the end of the filter")
    return which


class _Reader:
    """A position in a filter's text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0

    def error(self, problem: str) -> ConfigError:
        around = self._text[max(0, self.at - 15) : self.at + 15]
        return ConfigError(f"{problem} (character {self.at + 1}, near {around!r})")

    def filter(self, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise self.error(f"the filter is nested more than {MAX_DEPTH} deep")
        self._take("(")
        match self._text[self.at : self.at + 1]:
            case "&":
                which: Filter = And(self._parts(depth))
            case "|":
                which = Or(self._parts(depth))
            case "!":
                parts = self._parts(depth)
                if len(parts) != 1:
                    raise self.error("'!' negates exactly one filter")
                which = Not(parts[0])
            case _:
                which = self._item()
        self._take(")")
        return which

    def _parts(self, depth: int) -> tuple[Filter, ...]:
        self.at += 1
        parts = []
        self._skip_space()
        while self._text[self.at : self.at + 1] == "(":
            parts.append(self.filter(depth + 1))
            self._skip_space()
        return tuple(parts)

    def _skip_space(self) -> None:
        while self._text[self.at : self.at + 1].isspace():
            self.at += 1

    def _take(self, wanted: str) -> None:
        if self._text[self.at : self.at + 1] != wanted:
            raise self.error(f"found {self._text[self.at : self.at + 1] or 'the end'!r} where {wanted!r} belongs")
        self.at += 1

    def _item(self) -> Filter:
        end = self._text.find(")", self.at)
        item = self._text[self.at : end if end >= 0 else len(self._text)]
        operator = _OPERATOR.search(item)
        if operator is None:
            raise self.error("an item needs an operator, as in (attribute=value)")
        if "(" in item:
            raise self.error("'(' in a value is written \\28")
        name, value = item[: operator.start()].strip(), item[operator.end() :]
        which = self._extensible(name, value) if operator[0] == ":=" else self._simple(name, operator[0], value)
        self.at += len(item)
        return which

    def _simple(self, name: str, operator: str, value: str) -> Filter:
        attribute = self._attribute(name)
        if operator == "=":
            if value == "*":
                return Present(attribute)
            if "*" in value:
                initial, *middle, final = map(self._value, value.split("*"))
                return Substrings(attribute, initial, tuple(piece for piece in middle if piece), final)
            return Equal(attribute, self._value(value))
        kinds: dict[str, type[Assertion]] = {"~=": Approx, ">=": AtLeast, "<=": AtMost}
        return kinds[operator](attribute, self._value(value))

    def _extensible(self, name: str, value: str) -> Filter:
        attribute, *rest = name.split(":")
        is_dn = bool(rest) and rest[0].lower() == "dn"
        rule = rest[1 if is_dn else 0 :]
        if len(rule) > 1 or not (attribute or rule):
            raise self.error("an extensible item is written attribute:dn:rule:=value")
        return Extensible(
            self._attribute(attribute) if attribute else "",
            self._attribute(rule[0]) if rule else "",
            self._value(value),
            is_dn,
        )

    def _attribute(self, name: str) -> str:
        if _ATTRIBUTE.fullmatch(name) is None:
            raise self.error(f"{name!r} is no attribute's name")
        return name

    def _value(self, text: str) -> bytes:
        pieces = _ESCAPE.split(text)
        if None in pieces:
            raise self.error("a backslash in a value is written \\5c")
        return b"".join(
            bytes.fromhex(piece) if index % 2 else piece.encode() for index, piece in enumerate(pieces)
        )
