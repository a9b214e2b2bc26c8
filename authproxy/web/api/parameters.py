"""A request's parameters, as text or as JSON: clients send ``"1"``, ``1`` and ``true`` for the same thing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final, NoReturn

from authproxy.model import JsonValue
from authproxy.web.api.envelope import INVALID_PARAMETERS, MISSING_PARAMETERS, Refusal

LONGEST_TEXT: Final = 1024
MOST_TEXTS: Final = 1000
_TRUE = frozenset(("true", "1"))
_FALSE = frozenset(("false", "0", ""))


class Parameters:
    """By name. None is the same as not given. Every method raises Refusal with the name as its detail."""

    def __init__(self, values: Mapping[str, JsonValue]) -> None:
        self._values = values

    @classmethod
    def of_pairs(cls, pairs: Iterable[tuple[str, str]]) -> Parameters:
        """Of a query or form: a name that comes more than once is a list."""
        values: dict[str, JsonValue] = {}
        for name, value in pairs:
            earlier = values.get(name)
            if isinstance(earlier, list):
                earlier.append(value)
            else:
                values[name] = value if earlier is None else [earlier, value]
        return cls(values)

    @classmethod
    def of_json(cls, body: bytes, pairs: Iterable[tuple[str, str]] = ()) -> Parameters:
        """An object, in which no name comes twice; ``pairs`` are those of the query."""
        try:
            values = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise Refusal(INVALID_PARAMETERS, "body is not valid JSON") from None
        if not isinstance(values, dict):
            raise Refusal(INVALID_PARAMETERS, "body is not a JSON object")
        return cls({**cls.of_pairs(pairs)._values, **values})

    def is_given(self, name: str) -> bool:
        return self._values.get(name) is not None

    def text(self, name: str, longest: int = LONGEST_TEXT) -> str:
        """Empty if not given."""
        match self._values.get(name):
            case None:
                return ""
            case str(value) if len(value) <= longest and _is_text(value):
                return value
            case bool():
                raise Refusal(INVALID_PARAMETERS, name)
            case int(number):
                return str(number)
        raise Refusal(INVALID_PARAMETERS, name)

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise Refusal(MISSING_PARAMETERS, name)
        return value

    def typed(self, name: str) -> str:
        """What a user typed: it has to be there, but users also type nothing."""
        if not self.is_given(name):
            raise Refusal(MISSING_PARAMETERS, name)
        return self.text(name)

    def flag(self, name: str) -> bool:
        """False if not given."""
        match self._values.get(name):
            case None:
                return False
            case bool(value):
                return value
            case int(number) if number in (0, 1):
                return bool(number)
            case str(word) if word.lower() in _TRUE:
                return True
            case str(word) if word.lower() in _FALSE:
                return False
        raise Refusal(INVALID_PARAMETERS, name)

    def integer(self, name: str, low: int, high: int, default: int) -> int:
        if not self.text(name):
            return default
        try:
            number = int(self.text(name, 20))
        except ValueError:
            raise Refusal(INVALID_PARAMETERS, name) from None
        if not low <= number <= high:
            raise Refusal(INVALID_PARAMETERS, name)
        return number

    def texts(self, name: str, most: int = MOST_TEXTS) -> list[str]:
        """A list, a JSON list as text, a name that comes again and again, or words with commas between them."""
        given = self._values.get(name)
        if isinstance(given, str) and given.lstrip().startswith("["):
            given = _json_of(given, name)
        if isinstance(given, str):
            given = [word.strip() for word in given.split(",")] if given.strip() else []
        if given is None:
            return []
        if not isinstance(given, list) or len(given) > most:
            raise Refusal(INVALID_PARAMETERS, name)
        return [Parameters({name: each}).text(name) for each in given]

    def mapping(self, name: str) -> Mapping[str, JsonValue]:
        """A JSON object, also as text; empty if not given."""
        given = self._values.get(name)
        if isinstance(given, str) and given.strip():
            given = _json_of(given, name)
        if given in (None, ""):
            return {}
        if not isinstance(given, dict):
            raise Refusal(INVALID_PARAMETERS, name)
        return given

    def records(self, name: str, most: int) -> list[Mapping[str, JsonValue]]:
        """A list of JSON objects, also as text: one of them at least."""
        given = self._values.get(name)
        if isinstance(given, str):
            given = _json_of(given, name)
        if not isinstance(given, list) or not 1 <= len(given) <= most:
            raise Refusal(INVALID_PARAMETERS, name)
        found: list[Mapping[str, JsonValue]] = [each for each in given if isinstance(each, dict)]
        if len(found) < len(given):
            raise Refusal(INVALID_PARAMETERS, name)
        return found

    def value(self, name: str) -> JsonValue:
        """As it came."""
        return self._values.get(name)

    @property
    def names(self) -> list[str]:
        """Of those that are given."""
        return [name for name, value in self._values.items() if value is not None]


def _json_of(text: str, name: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refusal(INVALID_PARAMETERS, name) from None
    return value


def _is_text(value: str) -> bool:
    """Not what stood for bytes that are no UTF-8, and without NUL."""
    return "\x00" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name comes twice")
    return values


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")
