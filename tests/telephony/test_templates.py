"""Fields of requests: no value can end the place it stands in."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authproxy.config.settings_telephony import RequestTemplate
from authproxy.messaging.http_gateway import parcel
from authproxy.messaging.templates import as_it_is, fields_of, fill, for_json, for_url, for_xml
from authproxy.secret import Secret

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))
NASTY = "\"&=<>'{from}\r\nX: y %00+#\\"
VALUES = {"number": "+12025550143", "text": NASTY, "from": "Firm", "username": "", "password": "pw"}


@given(TEXT)
def test_a_url_reads_back_as_it_was(text: str) -> None:
    url = fill("https://gateway.example/send?text={text}&from={from}", {"text": text, "from": "F&F"}, for_url)
    assert parse_qs(urlsplit(url).query, keep_blank_values=True) == {"text": [text], "from": ["F&F"]}


@given(TEXT)
def test_json_reads_back_as_it_was(text: str) -> None:
    assert json.loads(fill('{"a": {"text": "{text}"}}', {"text": text}, for_json)) == {"a": {"text": text}}


@given(PRINTABLE)
def test_xml_reads_back_as_it_was(text: str) -> None:
    root = ElementTree.fromstring(fill("<m t=\"{text}\" u='{text}'>{text}</m>", {"text": text}, for_xml))
    assert (root.text or "", root.get("t"), root.get("u")) == (text, text, text)


def test_what_xml_cannot_hold_is_left_out() -> None:
    assert fill("<m>{text}</m>", {"text": "a\x00\x0b\ud800b"}, for_xml) == "<m>ab</m>"


def test_values_are_not_templates_and_other_braces_stay() -> None:
    assert (
        fill("{text} {other} {} {text", {"text": "{number}", "number": "1"}, as_it_is)
        == "{number} {other} {} {text"
    )
    assert fields_of('{"to": "{number}"}', "{text}") == {"number", "text"}


@pytest.mark.parametrize(
    ("body_format", "body", "content_type", "expected"),
    [
        ("form", "to={number}&text={text}", "application/x-www-form-urlencoded", None),
        ("json", '{"text": "{text}"}', "application/json", None),
        ("text", "{text}", "text/plain; charset=utf-8", NASTY.encode()),
    ],
)
def test_a_request_is_of_the_type_of_its_body(
    body_format: str, body: str, content_type: str, expected: bytes | None
) -> None:
    made = parcel(RequestTemplate("https://g.example/", body=body, body_format=body_format), VALUES)
    assert made.headers == {"Content-Type": content_type}
    match body_format:
        case "form":
            assert parse_qs(made.body.decode()) == {"to": ["+12025550143"], "text": [NASTY]}
        case "json":
            assert json.loads(made.body) == {"text": NASTY}
        case _:
            assert made.body == expected


def test_headers_stay_on_their_line_and_win_over_ours() -> None:
    lines = (
        Secret("content-TYPE: text/special"),
        Secret("X-Text: {text}"),
        Secret("Authorization: Bearer {password}"),
    )
    template = RequestTemplate("https://g.example/", headers=lines, body="x")
    made = parcel(template, {**VALUES, "username": "me"})
    assert made.headers == {
        "content-TYPE": "text/special",
        "X-Text": "\"&=<>'{from} X: y %00+#\\",
        "Authorization": "Bearer pw",
    }


def test_an_account_without_a_field_is_basic_authentication() -> None:
    made = parcel(RequestTemplate("https://g.example/{number}", method="GET"), {**VALUES, "username": "me"})
    assert (made.method, made.url, made.body) == ("GET", "https://g.example/%2B12025550143", b"")
    assert made.headers == {"Authorization": "Basic bWU6cHc="}
