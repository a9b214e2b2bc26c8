"""The texts of mails: the site's own before ours, nothing in them that begins a header, names never as markup."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted

from authproxy.errors import ConfigError
from authproxy.messaging.mail_templates import SAMPLES, MailTemplates, SiteWords, one_line
from authproxy.messaging.mime import mime
from authproxy.messaging.post_office import open_templates
from authproxy.secondfactor.message_text import html_with, html_without, pictured, with_, without
from authproxy.secondfactor.outbox import Outgoing
from authproxy.secondfactor.refusals import BadValue
from tests.mail.mailserver import MailServer
from tests.mail.posts import BASE_URL, Posts
from tests.peers.zbar import read_qr

WORDS = SiteWords("The Firm", "mfa.firm.example", "help@firm.example")
EVIL = "x\r\nBcc: thief@evil.example\r\n\r\n<b>hi</b>"


@pytest.mark.parametrize("name", SAMPLES)
def test_every_text_can_be_shown_with_made_up_values(name: str) -> None:
    letter = MailTemplates(None, WORDS).preview(name)
    assert letter.subject == one_line(letter.subject) != ""
    assert f"<h1>{letter.subject}</h1>" in letter.html
    assert "Questions? Write to help@firm.example." in letter.text
    assert "{" not in letter.text


@pytest.mark.parametrize("name", SAMPLES)
def test_every_text_has_a_german_one_and_other_languages_get_english(name: str) -> None:
    templates = MailTemplates(None, WORDS)
    english, german = templates.preview(name), templates.compose(name, SAMPLES[name], "DE")
    assert templates.compose(name, SAMPLES[name], "FR") == english
    assert german.subject != english.subject
    assert "Nach Ihrem Passwort wird nie per E-Mail gefragt." in german.text
    assert '<html lang="de">' in german.html
    assert "never asks" not in german.text + german.html
    if "expires" in SAMPLES[name]:
        assert "15. Januar 2027, 08:00 UTC" in german.text


def test_a_file_of_the_sites_replaces_ours_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "enrollment.txt").write_text("Bonjour {{ name }}: {{ link }}")
    letter = MailTemplates(tmp_path, WORDS).preview("enrollment")
    ours = MailTemplates(None, WORDS).preview("enrollment")
    assert letter.text == f"Bonjour Alice Example: {SAMPLES['enrollment']['link']}\n"
    assert (letter.subject, letter.html) == (ours.subject, ours.html)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ nobody }}", "'nobody' is undefined"),
        ("{% if %}", "line 1"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ 1 / 0 }}", "division"),
    ],
)
def test_a_text_that_can_not_be_used_stops_the_start(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "fraud.html").write_text(text)
    settings = MailServer().settings(tmp_path, template_dir=tmp_path)
    with pytest.raises(ConfigError, match=r"template_dir: the text fraud\.html") as caught:
        open_templates(settings, BASE_URL)
    assert told in str(caught.value)


def test_there_is_no_preview_of_what_is_no_text() -> None:
    with pytest.raises(BadValue, match="there is no mail"):
        MailTemplates(None, WORDS).preview("../../etc/passwd")


@pytest_twisted.ensureDeferred
async def test_no_name_begins_a_header_or_is_markup(posts: Posts, server: MailServer) -> None:
    values = dict(SAMPLES["fraud"]) | {"username": EVIL}
    posts.post("fraud", "alice@firm.example", **values)
    await posts.deliver()
    (mail,) = server.mails
    assert mail.message["Bcc"] is None
    assert "Bcc: thief@evil.example <b>hi</b>" in mail.message["Subject"]
    assert "<b>" not in mail.html
    assert "&lt;b&gt;hi" in mail.html
    assert mail.recipients == ["alice@firm.example"]


@pytest.mark.parametrize(
    "recipient", ["a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example", "", "a", "<a@b.example>"]
)
def test_what_is_no_address_gets_no_mail(tmp_path: Path, recipient: str) -> None:
    mail = Outgoing("DM1", 0.0, recipient, "subject", "text", "", (), 1)
    with pytest.raises(ValueError):
        print(mime(mail, MailServer().settings(tmp_path)).as_bytes())


@pytest_twisted.ensureDeferred
async def test_the_picture_is_of_the_link(posts: Posts, server: MailServer) -> None:
    link = f"{BASE_URL}/enroll/Ab3Ab3Ab3Ab3Ab3Ab3Ab"
    values = dict(SAMPLES["enrollment"])
    del values["link"], values["link_picture"]
    posts.post("enrollment", "alice@firm.example", {"link": link}, **values)
    await posts.deliver()
    (mail,) = server.mails
    assert mail.link == link
    (picture,) = mail.pictures().values()
    assert read_qr(picture) == link
    assert "Ab3Ab3" not in posts.value("SELECT text || html || subject FROM messages")


@pytest.mark.parametrize(
    ("text", "secrets", "kept"),
    [
        ("a {1} {0} {{x}}", (), "a {0}1} {0}0} {0}{0}x}}"),
        ("codes 1234567 and 123", ("123", "1234567"), "codes {2} and {1}"),
        ("link {x}", ("{x}",), "link {1}"),
        ("", ("a",), ""),
    ],
)
def test_texts_come_back_as_they_were(text: str, secrets: tuple[str, ...], kept: str) -> None:
    assert without(text, secrets) == kept
    assert with_(kept, secrets) == text
    assert not any(secret in with_(kept, None) for secret in secrets)


def test_secrets_are_found_in_html_as_it_writes_them() -> None:
    html = '<a href="https://x/?a=1&amp;b=2">https://x/?a=1&amp;b=2</a><img src="cid:qr1">'
    kept = html_without(html, ("https://x/?a=1&b=2",))
    assert kept == '<a href="{1}">{1}</a><img src="cid:qr1">'
    assert html_with(kept, ("https://x/?a=1&b=2",)) == html
    assert pictured(html, 2) == [1]
