"""Phone numbers as they are typed, and as they are kept."""

from __future__ import annotations

import pytest

from authproxy.secondfactor.phones import checked_number
from authproxy.secondfactor.refusals import BadValue


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("", ""),
        ("  ", ""),
        ("+1 (555) 555-0100", "+15555550100"),
        ("555.555.0100", "+15555550100"),
        ("1 555 555 0100", "+15555550100"),
        ("+49 30 / 123456", "+4930123456"),
        ("+44 (0)20 7946 0000", "+442079460000"),
        ("+44 1632 960961", "+441632960961"),
        ("+39 06 1234 5678", "+390612345678"),
    ],
)
def test_numbers_are_kept_in_international_form(typed: str, kept: str) -> None:
    assert checked_number(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "555-0100",
        "+1 555 0100",
        "+1 555 555 01001",
        "+999 12345678",
        "+44 20",
        "call me",
        "+15555550100x9",
        "+1٥555550100",
        "+" + "1" * 40,
    ],
)
def test_what_can_be_no_number_is_refused(typed: str) -> None:
    with pytest.raises(BadValue, match="no phone number"):
        checked_number(typed)
