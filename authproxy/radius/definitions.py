"""Attribute definitions from dictionary files in FreeRADIUS syntax, and typed values.

This is the only module that knows pyrad: it parses the files and converts values of a known type. pyrad never
sees a datagram; ``packet`` decodes those.
"""

from __future__ import annotations

import contextlib
import io
import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pyrad.dictionary import Dictionary as PyradDictionary
from pyrad.dictionary import ParseError
from pyrad.packet import PacketError as PyradPacketError
from pyrad.tools import DecodeAttr, EncodeAttr

from authproxy.errors import ConfigError

BUILT_IN: Final = Path(__file__).with_name("dictionary") / "dictionary"
_MOST_BAD_LINES = 100  # of one file
_MOST_FILES = 1000
_LEFT_BEHIND = (
    "~",
    ".bak",
    ".orig",
    ".rej",
    ".swp",
    ".dpkg-old",
    ".dpkg-dist",
    ".dpkg-new",
    ".rpmnew",
    ".rpmsave",
)
_PYRAD_ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error, PyradPacketError)

Key = tuple[int, int]  # vendor (0: the standard attributes), type


@dataclass(frozen=True, slots=True)
class Definition:
    """One attribute. ``kind`` is the FreeRADIUS type (``string``, ``ipaddr`` ...), ``encryption`` the number of
    the ``encrypt`` flag (0: none), ``names`` the value names by encoded value."""

    name: str
    key: Key
    kind: str
    encryption: int = 0
    is_tagged: bool = False
    names: dict[bytes, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loaded:
    """``warnings`` name file and line of what was skipped."""

    definitions: tuple[Definition, ...]
    warnings: tuple[str, ...]


def load_definitions(extra: Path | None = None) -> Loaded:
    """The built-in definitions, and over them those of a site's directory: its file ``dictionary`` with what
    that includes, or else every ``dictionary.*`` in it. Lines that can't be understood are skipped.

    Raises ConfigError when the directory can't be read or holds no dictionary.
    """
    reader = _Reader()
    reader.read(BUILT_IN)
    if extra is not None:
        for path in _files_of(extra):
            reader.read(path)
    return Loaded(tuple(_definitions(reader.words)), tuple(reader.warnings))


def _files_of(directory: Path) -> list[Path]:
    try:
        if (directory / "dictionary").is_file():
            return [directory / "dictionary"]
        found = sorted(path for path in directory.iterdir() if path.name.startswith("dictionary."))
    except OSError as error:
        raise ConfigError(f"[main] dictionary_dir: can't read {directory}: {error.strerror}") from error
    found = [path for path in found if path.is_file() and not path.name.endswith(_LEFT_BEHIND)]
    if not found:
        raise ConfigError(f"[main] dictionary_dir: {directory} holds neither 'dictionary' nor any 'dictionary.*'")
    return found


class _Reader:
    """Reads files into one pyrad dictionary. What a file includes is read before the file's own lines."""

    def __init__(self) -> None:
        self.words = PyradDictionary()
        self.warnings: list[str] = []
        self._files = 0

    def read(self, path: Path, opened: tuple[Path, ...] = ()) -> None:
        path = path.resolve()
        if path in opened or self._files >= _MOST_FILES:
            self.warnings.append(f"{path}: not read: " + ("it includes itself" if path in opened else "too many"))
            return
        self._files += 1
        try:
            lines = path.read_text("utf-8", "replace").splitlines()
        except OSError as error:
            self.warnings.append(f"{path}: not read: {error.strerror}")
            return
        for number, line in enumerate(lines):
            words = line.split("#", 1)[0].split()
            if words and words[0].upper() in ("$INCLUDE", "$INCLUDE-"):
                lines[number] = ""
                self._include(path, number + 1, words, (*opened, path))
        self._read_lines(path, lines)

    def _include(self, path: Path, line: int, words: list[str], opened: tuple[Path, ...]) -> None:
        target = path.parent / " ".join(words[1:])
        if target.is_file():
            self.read(target, opened)
        elif not words[0].endswith("-"):
            self.warnings.append(f"{path}:{line}: there is no file {target}")

    def _read_lines(self, path: Path, lines: list[str]) -> None:
        """pyrad stops at the first bad line: that line is taken out, and the file read again."""
        for _ in range(_MOST_BAD_LINES):
            try:
                with _captured_log(path, self.warnings):
                    self.words.ReadDictionary(io.StringIO("\n".join(lines)))
                return
            except ParseError as error:
                self.warnings.append(f"{path}:{error.line}: skipped: {error.msg}")
                if not 1 <= error.line <= len(lines):
                    return
                lines[error.line - 1] = ""
            except _PYRAD_ERRORS as error:
                self.warnings.append(f"{path}: not all of it was understood: {error}")
                return
        self.warnings.append(f"{path}: given up after {_MOST_BAD_LINES} bad lines")


@contextlib.contextmanager
def _captured_log(path: Path, warnings: list[str]) -> Iterator[None]:
    """pyrad logs what it skips; with the file's name this becomes a warning of ours."""
    logger = logging.getLogger("pyrad")
    capture = _Capture(path)
    was_propagating, logger.propagate = logger.propagate, False
    logger.addHandler(capture)
    try:
        yield
        warnings.extend(capture.texts)
    finally:
        logger.removeHandler(capture)
        logger.propagate = was_propagating


class _Capture(logging.Handler):
    def __init__(self, path: Path) -> None:
        super().__init__(logging.WARNING)
        self._path = path
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(f"{self._path}: {record.getMessage().lstrip('():0123456789 -')}")


def _definitions(words: PyradDictionary) -> Iterator[Definition]:
    for entry in words.attributes.values():
        if not entry.is_sub_attribute:
            key = (words.vendors.GetForward(entry.vendor) if entry.vendor else 0, entry.code)
            names = {encoded: name for name, encoded in entry.values.forward.items()}
            yield Definition(entry.name, key, entry.type, entry.encrypt, entry.has_tag, names)


def decode_value(kind: str, value: bytes) -> str | int | bytes:
    """A value as its type reads it; bytes when it does not fit its type."""
    try:
        decoded = DecodeAttr(kind, value)
    except _PYRAD_ERRORS:
        return value
    return decoded if isinstance(decoded, str | int | bytes) else str(decoded)


def encode_value(definition: Definition, text: str) -> bytes:
    """``text`` (a value's name, a number, an address, a string) as octets. Raises ValueError."""
    for encoded, name in definition.names.items():
        if name.lower() == text.lower():
            return encoded
    number = definition.kind in ("integer", "signed", "short", "byte", "integer64", "date")
    try:
        encoded_text: bytes = EncodeAttr(definition.kind, int(text, 0) if number else text)
    except _PYRAD_ERRORS as error:
        raise ValueError(f"{definition.name}: {text!r} is no {definition.kind}") from error
    return encoded_text
