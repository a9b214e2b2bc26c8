"""Values: frozen for the type checker alone, otherwise like any frozen dataclass."""

from dataclasses import field, replace

import pytest

from authproxy.value import value


@value
class Code:
    digits: str = field(repr=False)
    device: str = ""


def test_equal_values_are_one_key_and_secrets_are_not_shown() -> None:
    one, other = Code("123456", "token"), Code("123456", "token")
    assert one == other
    assert {one: "found"}[other] == "found"
    assert repr(one) == "Code(device='token')"


def test_a_value_has_no_room_for_other_names() -> None:
    with pytest.raises(AttributeError):
        Code("123456").note = "a slip of the pen"  # type: ignore[attr-defined]


def test_another_is_made_of_it_and_taken_apart_by_match() -> None:
    match replace(Code("123456"), device="phone"):
        case Code(digits, device):
            assert (digits, device) == ("123456", "phone")
