"""Twilio's signature: its published examples, and what must not pass."""

from __future__ import annotations

import pytest

from authproxy.messaging.twilio_signature import is_signed, signature

TOKEN = b"12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
PAIRS = [
    ("Digits", "1234"),
    ("To", "+18005551212"),
    ("From", "+14158675309"),
    ("Caller", "+14158675309"),
    ("CallSid", "CA1234567890ABCDE"),
]
SIGNED = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_the_published_example() -> None:
    assert signature(TOKEN, URL, PAIRS) == SIGNED
    assert is_signed(TOKEN, URL, PAIRS, SIGNED)


def test_the_published_example_with_a_name_that_comes_more_than_once() -> None:
    pairs = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")]
    assert signature(TOKEN, URL, pairs) == "IK+Dwps556ElfBT0I3Rgjkr1wJU="


@pytest.mark.parametrize(
    ("token", "url", "pairs", "given"),
    [
        (b"12346", URL, PAIRS, SIGNED),
        (TOKEN, URL + "0", PAIRS, SIGNED),
        (TOKEN, URL.replace("mycompany", "other"), PAIRS, SIGNED),
        (TOKEN, URL, [*PAIRS, ("Digits", "1")], SIGNED),
        (TOKEN, URL, PAIRS[1:], SIGNED),
        (TOKEN, URL, [("Digits", "1235"), *PAIRS[1:]], SIGNED),
        (TOKEN, URL, PAIRS, ""),
        (TOKEN, URL, PAIRS, SIGNED.lower()),
        (TOKEN, URL, PAIRS, "\udcff☺"),
    ],
)
def test_anything_else_is_not_signed(token: bytes, url: str, pairs: list[tuple[str, str]], given: str) -> None:
    assert not is_signed(token, url, pairs, given)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("https://mfa.example:8443/x", "https://mfa.example/x"),
        ("https://mfa.example/x", "https://mfa.example:443/x"),
        ("https://mfa.example:8443/x", "https://mfa.example:8443/x"),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]/x"),
    ],
)
def test_the_port_may_be_left_out_or_told(ours: str, theirs: str) -> None:
    assert is_signed(TOKEN, ours, PAIRS, signature(TOKEN, theirs, PAIRS))
    assert not is_signed(TOKEN, ours, PAIRS, signature(TOKEN, theirs.replace("/x", ":1/x"), PAIRS))
