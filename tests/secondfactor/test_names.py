"""Which spellings of a name mean the same user."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authproxy.secondfactor.names import normalize


@pytest.mark.parametrize(
    "typed",
    [
        "alice",
        " alice ",
        "ALICE",
        "CORP\\alice",
        "corp.example\\Alice",
        "alice@example.com",
        "CORP\\alice@x",
        "ａｌｉｃｅ",
    ],
)
def test_simple_normalization_makes_one_user_of_every_spelling(typed: str) -> None:
    assert normalize(typed) == "alice"


def test_without_normalization_the_domain_still_tells_users_apart() -> None:
    assert normalize("CORP\\Alice", "none") == "corp\\alice"
    assert normalize("Alice@Example.com", "none") == "alice@example.com"


@pytest.mark.parametrize(("typed", "key"), [("@alice", "@alice"), ("CORP\\", "corp\\"), ("", ""), ("  ", "")])
def test_a_name_that_is_only_a_domain_is_kept_rather_than_made_empty(typed: str, key: str) -> None:
    assert normalize(typed) == key


def test_case_folding_reaches_beyond_ascii() -> None:
    assert normalize("STRASSE") == normalize("straße")
    assert normalize("ÉMILE") == normalize("e\u0301mile")


@given(st.text(), st.sampled_from(["simple", "none"]))
def test_a_normalized_name_is_blank_only_if_the_typed_one_was(typed: str, mode: str) -> None:
    assert bool(normalize(typed, mode)) == bool(unicode_strip(typed))


def unicode_strip(text: str) -> str:
    return text.strip()
