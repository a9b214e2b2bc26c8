"""Every text that pages and mails show is in the catalogues, and translated."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from authproxy.model import Reason
from authproxy.secondfactor.policy_sections import SECTIONS
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.setting_list import setting_named
from authproxy.web.pages.catalogue import FOLDER, catalogue, choose
from authproxy.web.pages.messages import texts, updated

_PLACEHOLDERS = re.compile(r"%\(\w+\)[.0-9]*\w|%s|\{\w+\}|</?b>")
CATALOGUES = sorted(FOLDER.glob("*.po"))


def test_there_is_a_language_besides_english() -> None:
    assert "de" in [path.stem for path in CATALOGUES]
    assert len([message for message in texts() if message.id]) > 500


@pytest.mark.parametrize("po", CATALOGUES, ids=lambda path: path.stem)
def test_a_catalogue_has_what_is_said_and_nothing_else(po: Path) -> None:
    """Else: python -m authproxy.web.pages.messages, and translate what is empty."""
    assert po.read_bytes() == updated(po)


@pytest.mark.parametrize("po", CATALOGUES, ids=lambda path: path.stem)
def test_everything_is_translated_with_its_placeholders(po: Path) -> None:
    wrong = []
    with po.open("rb") as file:
        for message in read_po(file, locale=po.stem):
            said = [message.id] if isinstance(message.id, str) else list(message.id)
            translated = [message.string] if isinstance(message.string, str) else list(message.string or ())
            if said == [""]:
                continue
            places = [set(_PLACEHOLDERS.findall(text)) for text in translated]
            if not all(translated) or any(place != set(_PLACEHOLDERS.findall(said[-1])) for place in places[-1:]):
                wrong.append(said[0])
    assert wrong == []


@pytest.mark.parametrize(
    ("accepted", "language"), [("de-CH, en;q=0.5", "de"), ("fr, de;q=0.4, en;q=0.6", "en"), ("fr", "en")]
)
def test_the_browser_says_which(accepted: str, language: str) -> None:
    assert choose("", accepted) == language


def test_german_is_german() -> None:
    german = catalogue("de")
    assert german.gettext("Log out") == "Abmelden"
    assert german.ngettext("one digit", "%(num)d digits", 6) == "%(num)d Stellen"


def test_names_that_the_rooms_behind_the_pages_hold_are_translated_too() -> None:
    german = catalogue("de")
    assert german.gettext(Reason.REUSED_PASSCODE) == "Code wurde schon benutzt"
    assert german.gettext(Permission.VIEW_LOGS) == "Protokolle ansehen"
    assert german.gettext(setting_named("sms_batch").about) == "Codes in einer SMS"
    assert german.gettext(SECTIONS["factors"]["allowed"].about) == "die Faktoren, die zählen"
