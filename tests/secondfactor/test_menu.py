"""The text of a challenge, and what answers to it mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authproxy.model import Choice, Factor, Passcode
from authproxy.secondfactor.menu import Option, menu_text, read_answer

OPTIONS = [
    Option(Factor.PUSH, 1, "XXX-XXX-1234"),
    Option(Factor.PHONE, 1, "XXX-XXX-1234"),
    Option(Factor.SMS, 1, "XXX-XXX-1234"),
]


def test_the_long_menu_is_laid_out_as_users_know_it() -> None:
    assert menu_text("alice", OPTIONS, takes_passcode=True).split("\n") == [
        "Two-factor login for alice",
        "",
        "Enter a passcode or select one of the following options:",
        "",
        " 1. Push to XXX-XXX-1234",
        " 2. Phone call to XXX-XXX-1234",
        " 3. SMS passcodes to XXX-XXX-1234",
        "",
        "Passcode or option (1-3)",
    ]


def test_a_menu_without_options_only_asks_for_a_passcode() -> None:
    assert menu_text("alice", [], takes_passcode=True) == "Two-factor login for alice\n\nEnter a passcode"


def test_a_menu_without_passcodes_only_offers_options() -> None:
    text = menu_text("alice", OPTIONS[:1], takes_passcode=False)
    assert "Select one of the following options:" in text
    assert text.endswith("\nOption (1-1)")


def test_the_short_menu_fits_a_line() -> None:
    assert menu_text("alice", OPTIONS, True, "short") == "Passcode or 1=push or 2=phone or 3=sms"
    assert menu_text("alice", [Option(Factor.PUSH, 2, "x")], False, "short") == "1=push2"
    assert menu_text("alice", [], True, "short") == "Passcode"


def test_a_name_cannot_add_lines_to_the_menu() -> None:
    assert (
        menu_text("eve\nPasscode: \x1b[2J", [], True).split("\n")[0] == "Two-factor login for eve?Passcode: ?[2J"
    )


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        ("1", Choice(Factor.PUSH)),
        (" 2 ", Choice(Factor.PHONE)),
        ("03", Choice(Factor.SMS)),
        ("push", Choice(Factor.PUSH)),
        ("Push2", Choice(Factor.PUSH, 2)),
        ("sms", Choice(Factor.SMS)),
        ("phone", Choice(Factor.PHONE)),
        ("auto", Choice(None)),
        ("123456", Passcode("123456")),
        ("123 456", Passcode("123456")),
        ("0", None),
        ("4", None),
        ("", None),
        ("1234", None),
        ("hello", None),
        ("２", None),
    ],
)
def test_an_answer_is_an_option_a_factor_or_a_passcode(reply: str, meaning: object) -> None:
    assert read_answer(reply, OPTIONS) == meaning


@given(st.text())
def test_no_answer_makes_the_menu_stumble(reply: str) -> None:
    assert read_answer(reply, OPTIONS) is None or isinstance(read_answer(reply, OPTIONS), Choice | Passcode)
