"""Text without secrets: those of the configuration, wherever they turn up, and what stands behind a telling word.

The daemon logs no secret. What others wrote into its logs, or an older version did, is not known.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from urllib.parse import quote, urlsplit

from authproxy.config.ini import Document
from authproxy.config.problems import masked
from authproxy.config.sections import is_secret
from authproxy.secret import Secret
from authproxy.support.redaction import without_inline_secrets

_SHORTEST = 4  # what is shorter would take half the text along
_QUOTED = r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*'"""
_VALUE = rf"""(?!<[0-9]+ octets>)(?:{_QUOTED}|[^\s,;&)}}\]"']+)"""
_PLAIN_WORDS = r"pass(?!code)(?:word|wd|phrase)?|pwd|secret|skey"
_CODE_WORDS = r"passcode|seed|token|api[_-]?key|credentials?"
_TOLD = (
    re.compile(rf"""(?i)((?:{_PLAIN_WORDS})(?:[_-]?\w+)?["']?\s*[:=]\s*)({_VALUE})"""),
    re.compile(rf"""(?i)((?:{_CODE_WORDS})(?:[_-]?\w+)?["']?\s*=\s*)({_VALUE})"""),
    # behind a colon there may be prose: "wrong passcode: token 7 is ahead"
    re.compile(
        rf"""(?i)((?:{_CODE_WORDS})(?:[_-]?\w+)?["']?\s*:\s*)({_QUOTED}|(?=[^\s]*[0-9])[^\s,;&)}}\]"']+)"""
    ),
    re.compile(r"""(?i)(authorization["']?\s*[:=]\s*)([^\n"']+|"[^"\n]*")"""),
)
_MASK = re.compile(r"\*{5}")
_ARMOR = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>]+", re.IGNORECASE)


class Scrubber:
    """Masks ``secrets`` in any text, also as URLs and JSON spell them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
        longest_first = sorted(spellings, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def known(self, text: str) -> str:
        """Without the known ones: for what was redacted already."""
        return text if self._known is None else self._known.sub(lambda found: masked(found[0]), text)

    def __call__(self, text: str) -> str:
        text = self.known(text)
        text = _ARMOR.sub("(a private key)", text)
        text = _URL.sub(lambda found: without_inline_secrets(found[0]), text)
        for told in _TOLD:
            text = told.sub(_masked_value, text)
        return text


def _masked_value(found: re.Match[str]) -> str:
    value = found[2]
    if _MASK.search(value):
        return found[0]
    bare = value.strip("\"'")
    return found[1] + value.replace(bare, masked(bare), 1) if bare else found[0]


def _spellings(secret: str) -> Iterator[str]:
    secret = secret.strip()
    if len(secret) < _SHORTEST:
        return
    yield secret
    yield quote(secret, safe="")
    yield secret.replace("\\", "\\\\").replace('"', '\\"')
    yield repr(secret)[1:-1]
    yield b64encode(secret.encode("utf-8", "surrogateescape")).decode()
    with suppress(ValueError, UnicodeDecodeError):
        plain = b64decode(secret, validate=True)
        if len(plain) >= 2 * _SHORTEST:
            yield plain.hex()
            yield plain.decode("utf-8")


def secrets_in_document(document: Document) -> Iterator[str]:
    """Whatever may be one, also under names that the schema does not know."""
    for section in document.sections:
        for entry in section.entries:
            if entry.value and is_secret(section.name, entry.key):
                yield entry.value
                yield from _password_of(entry.value)


def secrets_in(settings: object) -> Iterator[str]:
    """Every secret of typed settings, protected ones too, wherever it hangs."""
    match settings:
        case Secret():
            yield settings.reveal()
        case dict():
            for value in settings.values():
                yield from secrets_in(value)
        case list() | tuple() | frozenset():
            for value in settings:
                yield from secrets_in(value)
        case _ if is_dataclass(settings) and not isinstance(settings, type):
            for each in fields(settings):
                value = getattr(settings, each.name)
                if isinstance(value, str) and not each.repr:
                    yield from _password_of(value)
                yield from secrets_in(value)


def _password_of(text: str) -> Iterator[str]:
    """Of a URL with user and password in it."""
    with suppress(ValueError):
        password = urlsplit(text).password
        if password:
            yield password
