"""What all pages for people stand on: texts, forms, where a form comes from, cookies."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response

from authproxy.web.pages import cookies, origin
from authproxy.web.pages.catalogue import catalogue, choose
from authproxy.web.pages.form import BadForm, read_form
from authproxy.web.pages.templates import day, moment

HOST = "login.example.com:8443"


@pytest.mark.parametrize(
    ("headers", "is_own"),
    [
        ({"origin": f"https://{HOST}"}, True),
        ({"origin": f"https://{HOST}", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({}, False),
        ({"origin": "null"}, False),
        ({"origin": f"http://{HOST}"}, False),
        ({"origin": "https://login.example.com"}, False),
        ({"origin": f"https://evil.example/{HOST}"}, False),
        ({"origin": f"https://{HOST}.evil.example"}, False),
        ({"origin": f"https://{HOST}", "sec-fetch-site": "same-site"}, False),
        ({"origin": f"https://{HOST}", "sec-fetch-site": "cross-site"}, False),
    ],
)
def test_only_pages_of_this_host_change_something(headers: dict[str, str], is_own: bool) -> None:
    assert origin.is_own({**headers, "host": HOST}) is is_own


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        ("", "", "en"),
        ("", "xx;q=0.1", "en"),
        ("tlh", "en", "en"),
        ("", "en-GB,en;q=0.9", "en"),
        ("", "q=;q=x,;", "en"),
    ],
)
def test_a_language_that_is_there_is_chosen(chosen: str, accepted: str, language: str) -> None:
    assert choose(chosen, accepted) == language


def test_english_texts_are_what_they_are() -> None:
    english = catalogue("en")
    assert english.gettext("Log out") == "Log out"
    assert [english.ngettext("%(num)d code", "%(num)d codes", count) for count in (1, 2)] == [
        "%(num)d code",
        "%(num)d codes",
    ]


def test_moments_are_told_in_utc() -> None:
    assert moment(0) == "1970-01-01 00:00:00 UTC"
    assert day(86_400) == "1970-01-02"
    assert moment(None) == ""


def posted(body: bytes, content_type: bytes = b"application/x-www-form-urlencoded") -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({"type": "http", "method": "POST", "headers": [(b"content-type", content_type)]}, receive)


async def test_a_form_gives_what_was_typed() -> None:
    form = await read_form(posted(b"name=+Ann%20&name=Eve+&secret=+x+&tick=1"))
    assert (form.get("name"), form.all("name"), form.raw("secret")) == ("Eve", ["Ann", "Eve"], " x ")
    assert (form.has("tick"), form.has("other"), form.get("other", "-")) == (True, False, "-")


async def test_a_file_is_read_whole() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="list"; filename="a.csv"\r\n\r\nx,y\r\n--b--\r\n'
    form = await read_form(posted(body, b"multipart/form-data; boundary=b"))
    assert form.files == {"list": b"x,y"}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"a=1&" * 2_000, b"application/x-www-form-urlencoded"),
        (b"x", b"multipart/form-data"),
    ],
)
async def test_a_form_that_cannot_be_read_says_so(body: bytes, content_type: bytes) -> None:
    with pytest.raises(BadForm):
        await read_form(posted(body, content_type))


def test_what_is_told_is_told_once_and_damage_is_silence() -> None:
    response = Response()
    cookies.tell(response, "Saved: Zoë")
    value = response.headers["set-cookie"].partition("=")[2].partition(";")[0]
    assert all(
        word in response.headers["set-cookie"] for word in ("HttpOnly", "Secure", "SameSite=strict", "Path=/")
    )

    def asking(cookie: str) -> Request:
        return Request({"type": "http", "headers": [(b"cookie", f"__Host-told={cookie}".encode())]})

    assert cookies.told(asking(value.strip('"'))) == "Saved: Zoë"
    assert cookies.told(asking("%%%")) == ""
    forgets = Response()
    cookies.forget_told(asking(value), forgets)
    assert "Max-Age=0" in forgets.headers["set-cookie"]
