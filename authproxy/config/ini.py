"""The text of a configuration file to sections and entries with their line numbers.

The grammar of Python's ``RawConfigParser`` as far as real files use it, without interpolation, inline comments
and continuation lines. Nothing stops at the first problem.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from authproxy.config.problems import Findings, Problem

_COMMENT_MARKS = ("#", ";")
_COMMENTED_HEADER = re.compile(r"[#;\s]+\[\s*([A-Za-z0-9_]+)\s*\]\s*\Z")
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class Entry:
    """``key=value``: the key in lower case, the value without blanks around it, as written otherwise."""

    key: str
    value: str
    line: int
    indent: int


@dataclass(frozen=True, slots=True)
class Section:
    """``[name]``, in lower case, and its entries in order; of a repeated key only the first is kept."""

    name: str
    line: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class CommentedHeader:
    """``;[name]``: a section that somebody switched off, perhaps without its keys."""

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """A file as it was read. A repeated section appears twice, and is among the problems."""

    source: str
    sections: tuple[Section, ...]
    commented_headers: tuple[CommentedHeader, ...]
    problems: tuple[Problem, ...]


def parse(text: str, source: str) -> Document:
    """Never raises. ``source`` is the file's name for messages."""
    reader = _Reader(source)
    text = text.removeprefix(_BYTE_ORDER_MARK).replace("\r\n", "\n").replace("\r", "\n")
    for number, line in enumerate(text.split("\n"), start=1):
        reader.line(number, line)
    return reader.document()


def decode(data: bytes, source: str) -> tuple[str, list[Problem]]:
    """The bytes of a file as text (UTF-8, with or without byte order mark), and a problem for each line that
    is not. An undecodable comment is harmless: a warning."""
    findings = Findings(source)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        findings.error(1, "", "", "the file is saved as UTF-16; save it as UTF-8")
        return "", findings.problems
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        pass
    for number, line in enumerate(re.split(rb"\r\n|\n|\r", data), start=1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            message = f"not UTF-8 (byte 0x{line[error.start]:02x} in column {error.start + 1})"
            if line.lstrip().startswith((b"#", b";")):
                findings.warning(number, "", "", f"comment is {message}")
            else:
                findings.error(number, "", "", f"{message}; save the file as UTF-8")
    return data.decode("utf-8-sig", errors="replace"), findings.problems


class _Reader:
    """Takes lines, gathers sections."""

    def __init__(self, source: str) -> None:
        self._findings = Findings(source)
        self._source = source
        self._done: list[Section] = []
        self._headers: list[CommentedHeader] = []
        self._header_lines: dict[str, int] = {}
        self._name = ""
        self._section_line = 0
        self._entries: dict[str, Entry] = {}

    def line(self, number: int, line: str) -> None:
        content = line.strip()
        if not content:
            return
        if content.startswith(_COMMENT_MARKS):
            self._comment(number, content)
        elif "\0" in content:
            self._findings.error(number, self._name, "", "contains a NUL character: this is not a text file")
        elif content.startswith("["):
            self._header(number, content)
        else:
            self._entry(number, content, len(line) - len(line.lstrip()))

    def document(self) -> Document:
        self._close()
        return Document(self._source, tuple(self._done), tuple(self._headers), tuple(self._findings.problems))

    def _comment(self, number: int, content: str) -> None:
        match = _COMMENTED_HEADER.match(content)
        if match:
            self._headers.append(CommentedHeader(match[1].lower(), number))

    def _header(self, number: int, content: str) -> None:
        inside, bracket, tail = content[1:].partition("]")
        name = inside.strip().lower()
        if not bracket:
            self._findings.error(number, "", "", "section header without its closing bracket", wanted="[name]")
        elif not name:
            self._findings.error(number, "", "", "section header without a name", wanted="[name]")
        if not bracket and "=" in name:
            return  # rather an odd key than a header: what follows stays where it is
        if tail.strip():
            self._findings.warning(number, name, "", "text after the section header is ignored")
        self._close()
        self._name, self._section_line, self._entries = name, number, {}
        first = self._header_lines.setdefault(name, number)
        if first != number and name:
            message = f"section appears twice (first on line {first}); join them, or give each its own number"
            self._findings.error(number, name, "", message)

    def _close(self) -> None:
        if self._name:
            self._done.append(Section(self._name, self._section_line, tuple(self._entries.values())))

    def _entry(self, number: int, content: str, indent: int) -> None:
        key, delimiter, value = content.partition("=")
        if not delimiter:
            key, delimiter, value = content.partition(":")
        key = key.strip().lower()
        if not delimiter or not key:
            self._findings.error(number, self._name, "", _not_an_entry(bool(key), indent), wanted="key=value")
        elif not self._section_line:
            self._findings.error(number, "", key, "comes before the first section header", wanted="[section]")
        elif key in self._entries:
            first = self._entries[key].line
            message = f"given twice (first on line {first}); keep one of lines {first} and {number}"
            self._findings.error(number, self._name, key, message)
        else:
            self._entries[key] = Entry(key, value.strip(), number, indent)


def _not_an_entry(has_text: bool, indent: int) -> str:
    # The content stays unsaid: it may be the rest of a secret.
    if not has_text:
        return "no key before the delimiter"
    if indent:
        return "an indented line without '='; a value can't go on over several lines: put it on one line"
    return "neither a section, a comment, nor a key with a value"
