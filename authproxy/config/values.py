"""The values of a checked configuration, typed by its schema, with defaults and ``[main]``'s values filled in."""

from __future__ import annotations

from dataclasses import dataclass, field

from authproxy.config.problems import Problem, has_errors
from authproxy.config.schema import Form, SectionType

PROTECTED_PREFIX = "gpg1:"
CREDENTIAL_PREFIX = "credential:"


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret comes from: the text is the secret itself, its protected form, or a path."""

    form: Form
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Given:
    """An option as it stands in the file. ``value`` is what its kind made of it; of a secret, a SecretSource."""

    key: str
    line: int
    value: object = field(repr=False)


@dataclass(slots=True)
class SectionValues:
    """One section. Options are named by name and number: 0 for a single one, N for ``name_N``, 1 for a bare
    failover option. ``unusable`` are those given with a value that can't be used: not missing, but no value."""

    name: str
    type: SectionType
    line: int
    given: dict[tuple[str, int], Given] = field(default_factory=dict)
    unusable: set[tuple[str, int]] = field(default_factory=set)
    empty: set[tuple[str, int]] = field(default_factory=set)
    main: SectionValues | None = field(default=None, repr=False)

    def is_given(self, name: str, number: int = 0) -> bool:
        return (name, number) in self.given

    def is_mentioned(self, name: str, number: int = 0) -> bool:
        return (name, number) in self.given or (name, number) in self.unusable

    def line_of(self, name: str, number: int = 0) -> int:
        given = self.given.get((name, number))
        return given.line if given else self.line

    def key_of(self, name: str, number: int = 0) -> str:
        given = self.given.get((name, number))
        return given.key if given else self.type.by_name[name].key(number)

    def numbers(self, name: str) -> list[int]:
        """The numbers under which a numbered or failover option is given, in order."""
        return sorted(number for given_name, number in self.given if given_name == name)

    def get(self, name: str, number: int = 0) -> object:
        """The value: given here, in ``[main]`` if inherited, or the default; None if there is none."""
        given = self.given.get((name, number))
        if given:
            return given.value
        option = self.type.by_name[name]
        if option.keeps_empty and (name, number) in self.empty:
            return None
        if option.inherited and self.main is not None and self.main.is_given(name):
            return self.main.get(name)
        return option.kind.parse(option.default) if option.default else None

    def optional_text(self, name: str, number: int = 0) -> str | None:
        value = self.get(name, number)
        assert value is None or isinstance(value, str), name
        return value

    def text(self, name: str, number: int = 0) -> str:
        return self.optional_text(name, number) or ""

    def flag(self, name: str) -> bool:
        value = self.get(name)
        assert isinstance(value, bool), name
        return value

    def integer(self, name: str, number: int = 0) -> int:
        value = self.get(name, number)
        assert isinstance(value, int), name
        return value

    def seconds(self, name: str) -> float:
        value = self.get(name)
        assert isinstance(value, float), name
        return value

    def names(self, name: str) -> tuple[str, ...]:
        value = self.get(name)
        assert value is None or isinstance(value, tuple), name
        return value or ()

    def secret(self, name: str, number: int = 0) -> SecretSource | None:
        value = self.get(name, number)
        assert value is None or isinstance(value, SecretSource), name
        return value

    @property
    def is_local(self) -> bool:
        """Whether a server section uses the embedded service."""
        if self.text("api_host") == "local":
            return True
        return not any(self.is_mentioned(name) for name in ("ikey", "skey", "api_host"))

    @property
    def is_served(self) -> bool:
        """Whether the section does anything yet."""
        return not self.type.pending


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that was looked through: ``usable`` if it has no error."""

    file: str
    problems: tuple[Problem, ...]
    sections: tuple[SectionValues, ...]
    main: SectionValues
    service: SectionValues

    @property
    def usable(self) -> bool:
        return not has_errors(self.problems)


def writes_log_files(main: SectionValues) -> bool:
    return main.flag("log_file") or main.flag("log_auth_events")
