"""The texts of mails: ``mail_texts/NAME.txt`` and ``.html`` with a subject in ``NAME.subject.txt`` (Jinja2), each
replaced by a file of that name in the site's own directory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from authproxy.errors import ConfigError
from authproxy.secondfactor.mailroom import Letter
from authproxy.secondfactor.refusals import BadValue

FOLDER: Final = Path(__file__).parent / "mail_texts"
_NOT_SHOWN = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029]+")
_LONGEST_SUBJECT: Final = 200
_BLANK_LINES = re.compile(r"\n{3,}")

_LINK: Final = "https://mfa.example.com/enroll/0123456789abcdefghij"
_SOME_TIME: Final = 1_800_000_000.0
_PERSON: Final = {"username": "alice", "name": "Alice Example"}
_LINKED: Final = {**_PERSON, "link": _LINK, "link_picture": "cid:qr1", "expires": _SOME_TIME}

SAMPLES: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "enrollment": {**_LINKED, "is_again": False},
        "activation": {**_LINKED, "device": "phone"},
        "administrator": {**_LINKED, "role": "Help Desk", "is_reset": False},
        "fraud": {
            "username": "alice",
            "application": "VPN",
            "factor": "push",
            "client_ip": "192.0.2.7",
            "at": _SOME_TIME,
            "login_id": "01J0EXAMPLE",
        },
        "low-credit": {"left": "42", "threshold": "100"},
        "test": {},
    }
)
"""Every text, and values to show it with."""


@dataclass(frozen=True, slots=True)
class SiteWords:
    """What every text may name. ``service``: who it comes from; ``site``: the web side's host; ``help``: the
    address that answers go to, or empty."""

    service: str
    site: str
    help: str


class MailTemplates:
    """Implements ``Composes``. Usable in any thread; a changed file is used at once."""

    def __init__(self, directory: Path | None, words: SiteWords) -> None:
        folders = [folder for folder in (directory, FOLDER) if folder is not None]
        self._words = {"service": words.service, "site": words.site, "help": words.help}
        self._environment = ImmutableSandboxedEnvironment(
            loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
            autoescape=lambda name: name is not None and name.endswith(".html"),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["moment"] = moment

    def compose(self, name: str, values: Mapping[str, object]) -> Letter:
        """Raises BadValue: which text can't be used, and why."""
        subject = one_line(self._filled(f"{name}.subject.txt", values))
        shown = {**values, "subject": subject}
        text = _BLANK_LINES.sub("\n\n", self._filled(f"{name}.txt", shown)).strip() + "\n"
        return Letter(subject, text, self._filled(f"{name}.html", shown))

    def names(self) -> tuple[str, ...]:
        return tuple(SAMPLES)

    def preview(self, name: str) -> Letter:
        """With values that are made up. Raises BadValue."""
        if name not in SAMPLES:
            raise BadValue(f"there is no mail {name!r}; there are {', '.join(SAMPLES)}")
        return self.compose(name, SAMPLES[name])

    def check(self) -> None:
        """Raises ConfigError: the first text of the site's that can't be used."""
        for name in SAMPLES:
            try:
                self.preview(name)
            except BadValue as error:
                raise ConfigError(f"[mail] template_dir: {error}") from None

    def _filled(self, file: str, values: Mapping[str, object]) -> str:
        try:
            return self._environment.get_template(file).render({**self._words, **values})
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            at = f", line {line}" if line else ""
            raise BadValue(f"the text {file}{at}: {error.message or type(error).__name__}") from None
        except (OSError, UnicodeDecodeError, TypeError, ValueError, ArithmeticError) as error:
            raise BadValue(f"the text {file}: {error}") from None


def one_line(text: str) -> str:
    """A header's value: nothing in it can begin another one (RFC 5322 2.2)."""
    return " ".join(_NOT_SHOWN.sub(" ", text).split())[:_LONGEST_SUBJECT]


def moment(seconds: float) -> str:
    """Epoch seconds as people read them."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"
