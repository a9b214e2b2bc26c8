"""Plain secrets of a configuration file to their protected twins, in place: every other byte stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from authproxy.config.options import DATABASE
from authproxy.config.schema import Form, Resolved
from authproxy.config.sections import SECTION_TYPES, is_secret, section_type
from authproxy.config.values import PROTECTED_PREFIX
from authproxy.errors import ConfigError

_LINE_ENDS = re.compile(r"(\r\n|\n|\r)")
_COMMENTED_HEADER = re.compile(r"\[\s*([A-Za-z0-9_]+)\s*\]\s*\Z")
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Change:
    line: int
    section: str
    key: str
    new_key: str
    commented: bool


@dataclass(frozen=True, slots=True)
class Remark:
    """What looks like a secret and was left as it is."""

    line: int
    section: str
    key: str
    message: str


@dataclass(frozen=True, slots=True)
class Rewritten:
    data: bytes
    changes: tuple[Change, ...]
    remarks: tuple[Remark, ...]


def protect_config(data: bytes, protect: Callable[[str], str]) -> Rewritten:
    """``data`` with each plain secret put through ``protect``, commented-out ones too.

    Raises ConfigError for a file that is no UTF-8 text at all, and what ``protect`` raises.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError("the file is saved as UTF-16; save it as UTF-8")
    text = data.decode("utf-8", errors="surrogateescape")
    bare = text.removeprefix(_BYTE_ORDER_MARK).removeprefix(_BYTE_ORDER_MARK)
    parts = _LINE_ENDS.split(bare)
    rewriter = _Rewriter(protect)
    parts[::2] = [rewriter.line(number, line) for number, line in enumerate(parts[::2], start=1)]
    whole = text[: len(text) - len(bare)] + "".join(parts)
    return Rewritten(
        whole.encode("utf-8", errors="surrogateescape"), tuple(rewriter.changes), tuple(rewriter.remarks)
    )


class _Rewriter:
    """Takes lines in order, as ``ini`` does."""

    def __init__(self, protect: Callable[[str], str]) -> None:
        self._protect = protect
        self._section = ""
        self._nearest = ""  # the last header above, commented or not
        self.changes: list[Change] = []
        self.remarks: list[Remark] = []

    def line(self, number: int, line: str) -> str:
        content = line.strip()
        if content.startswith(("#", ";")):
            start = len(line) - len(_uncommented(line))
            header = _COMMENTED_HEADER.match(line, start)
            if header:
                self._nearest = header[1].lower()
                return line
            return self._entry(number, line, start, commented=True)
        if content.startswith("["):
            inside, bracket, _ = content[1:].partition("]")
            if bracket or "=" not in inside:
                self._section = self._nearest = inside.strip().lower()
                return line
        return self._entry(number, line, len(line) - len(line.lstrip()), commented=False)

    def _entry(self, number: int, line: str, start: int, *, commented: bool) -> str:
        delimiter = "=" if "=" in line[start:] else ":"
        written, found, rest = line[start:].partition(delimiter)
        key, value = written.strip().lower(), rest.strip()
        if not found or not key or not value or value.startswith(PROTECTED_PREFIX):
            return line
        section = self._nearest if commented else self._section
        resolved = _secret_anywhere(section, key) if commented else _secret(section, key)
        if resolved is None:
            self._unknown(number, section, key, value, commented=commented, delimiter=delimiter)
            return line
        if resolved.option.kind is DATABASE and value.lower().startswith("sqlite:///"):
            return line  # a path: no password in it
        if not _is_text(value):
            self.remarks.append(Remark(number, section, key, "not UTF-8: left as it is, a plain secret"))
            return line
        new_key = resolved.option.key(resolved.number, Form.PROTECTED)
        self.changes.append(Change(number, section, key, new_key, commented))
        blanks = written[len(written.rstrip()) :]
        before, after = rest[: rest.index(value)], rest[rest.index(value) + len(value) :]
        return line[:start] + new_key + blanks + delimiter + before + self._protect(value) + after

    def _unknown(
        self, number: int, section: str, key: str, value: str, *, commented: bool, delimiter: str
    ) -> None:
        if key.endswith(("_protected", "_file")) or not is_secret(section, key):
            return
        if _secret(section, key) is None and _is_known(section, key):
            return
        if commented and (delimiter != "=" or len(value.split()) > 1):
            return  # prose
        where = "section" if section_type(section) is None else "key"
        message = f"looks like a secret, but the {where} is unknown: left as it is"
        # Of a comment, only a plausible key is named: anything else may be part of a secret.
        name = key if key.isidentifier() else "(a comment)" if commented else "(odd key)"
        self.remarks.append(Remark(number, section, name, message))


def _uncommented(line: str) -> str:
    rest = line.lstrip()
    while rest.startswith(("#", ";")):
        rest = rest[1:].lstrip()
    return rest


def _secret(section: str, key: str) -> Resolved | None:
    """What the key means, if it holds a plain secret in this section."""
    type_ = section_type(section)
    resolved = type_.resolve(key) if type_ else None
    return resolved if resolved and resolved.option.secret and resolved.form is Form.PLAIN else None


def _secret_anywhere(section: str, key: str) -> Resolved | None:
    if _is_known(section, key):
        return _secret(section, key)
    return next(filter(None, (_secret(name, key) for name in SECTION_TYPES)), None)


def _is_known(section: str, key: str) -> bool:
    type_ = section_type(section)
    return type_ is not None and type_.resolve(key) is not None


def _is_text(value: str) -> bool:
    return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)
