"""The texts of mails: ``mail_texts/NAME.txt`` and ``.html`` with a subject in ``NAME.subject.txt`` (Jinja2), each
replaced by a file of that name in the site's own directory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from babel.dates import format_date
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from authproxy.errors import ConfigError
from authproxy.secondfactor.mailroom import Letter
from authproxy.secondfactor.refusals import BadValue
from authproxy.web.pages.catalogue import ENGLISH, catalogue, languages

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
        self._words = {"service": words.service, "site": words.site, "help": words.help}
        folders = [folder for folder in (directory, FOLDER) if folder is not None]
        loader = ChoiceLoader([FileSystemLoader(folder) for folder in folders])
        self._environments = {language: _environment(language, loader) for language in languages()}

    def compose(self, name: str, values: Mapping[str, object], language: str = ENGLISH) -> Letter:
        """``language``: as in ``de`` or ``DE``; English where there is no such one. Raises BadValue: which text
        can't be used, and why."""
        fill = partial(self._filled, language.lower() if language.lower() in self._environments else ENGLISH)
        subject = one_line(fill(f"{name}.subject.txt", values))
        shown = {**values, "subject": subject}
        text = _BLANK_LINES.sub("\n\n", fill(f"{name}.txt", shown)).strip() + "\n"
        return Letter(subject, text, fill(f"{name}.html", shown))

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

    def _filled(self, language: str, file: str, values: Mapping[str, object]) -> str:
        try:
            return (
                self._environments[language]
                .get_template(file)
                .render({**self._words, "language": language, **values})
            )
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            at = f", line {line}" if line else ""
            raise BadValue(f"the text {file}{at}: {error.message or type(error).__name__}") from None
        except (OSError, UnicodeDecodeError, TypeError, ValueError, ArithmeticError) as error:
            raise BadValue(f"the text {file}: {error}") from None


def _environment(language: str, loader: BaseLoader) -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        loader=loader,
        extensions=["jinja2.ext.i18n"],
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = catalogue(language)
    made.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.filters["moment"] = partial(moment, language=language)
    return made


def one_line(text: str) -> str:
    """A header's value: nothing in it can begin another one (RFC 5322 2.2)."""
    return " ".join(_NOT_SHOWN.sub(" ", text).split())[:_LONGEST_SUBJECT]


def moment(seconds: float, language: str = ENGLISH) -> str:
    """Epoch seconds as people read them."""
    at = datetime.fromtimestamp(seconds, UTC)
    day = f"{at.day} {at:%B %Y}" if language == ENGLISH else format_date(at, "long", locale=language)
    return f"{day}, {at:%H:%M} UTC"
