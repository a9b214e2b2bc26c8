import pytest
from hypothesis import given
from hypothesis import strategies as st

from authproxy.model import AUTO, Choice, Factor, Passcode, Typed
from authproxy.typed import Appended, Field, WholeFactor, WholePassword, read_factor

PUSH = Choice(Factor.PUSH)


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("push", PUSH),
        ("PUSH", PUSH),
        (" push ", PUSH),
        ("push1", PUSH),
        ("push2", Choice(Factor.PUSH, 2)),
        ("phone3", Choice(Factor.PHONE, 3)),
        ("sms", Choice(Factor.SMS)),
        ("auto", AUTO),
        ("123456", Passcode("123456")),
        ("123 456", Passcode("123456")),
        ("1234567890", Passcode("1234567890")),
        ("cccccccccccccccccccccccccccccccccccccccccccb", Passcode("c" * 43 + "b")),
        ("12345", None),
        ("12345678901", None),
        ("push0", None),
        ("push01", None),
        ("push100", None),
        ("１２３４５６", None),
        ("pushy", None),
        ("", None),
        ("c" * 43 + "a", None),
    ],
)
def test_a_factor_or_passcode_is_known_by_its_form(text: str, typed: Typed | None) -> None:
    assert read_factor(text) == typed


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"password", Field(b"password")),
        (b"password,push", Field(b"password", PUSH)),
        (b"password,123456", Field(b"password", Passcode("123456"))),
        (b"pa,ss", Field(b"pa,ss")),
        (b"pa,ss,push", Field(b"pa,ss", PUSH)),
        (b"pa,push1", Field(b"pa", PUSH)),
        (b"password,", Field(b"password,")),
        (b",push", Field(b"", PUSH)),
        (b"push", Field(b"push")),
        (b"123456", Field(b"123456")),
        (b"p\xe4ss,push", Field(b"p\xe4ss", PUSH)),
        ("pä,ss€,phone2".encode(), Field("pä,ss€".encode(), Choice(Factor.PHONE, 2))),
        (b"", Field(b"")),
    ],
)
def test_the_field_is_cut_at_the_last_delimiter_if_a_factor_follows(data: bytes, field: Field) -> None:
    assert Appended().read(data) == field


def test_another_delimiter_may_be_configured_and_be_longer_than_a_character() -> None:
    assert Appended("::").read(b"pa,ss::push") == Field(b"pa,ss", PUSH)


def test_with_a_password_length_no_delimiter_is_needed_and_characters_count_not_bytes() -> None:
    reader = Appended(password_length=4)
    assert reader.read("pä€s123456".encode()) == Field("pä€s".encode(), Passcode("123456"))
    assert reader.read(b"p\xe4sspush") == Field(b"p\xe4ss", PUSH)
    assert reader.read(b"pass,push") == Field(b"pass", PUSH)
    assert reader.read(b"longerpassword") == Field(b"longerpassword")


def test_alone_a_field_without_delimiter_may_be_the_factor() -> None:
    reader = Appended(alone=True)
    assert reader.read(b"push") == Field(b"", PUSH)
    assert reader.read(b",123456") == Field(b"", Passcode("123456"))
    assert reader.read(b"secret") == Field(b"secret")


def test_whole_fields_are_never_cut() -> None:
    assert WholePassword().read(b"password,push") == Field(b"password,push")
    assert WholeFactor().read(b"push2") == Field(b"", Choice(Factor.PUSH, 2))
    assert WholeFactor().read(b"password,push") == Field(b"")


@given(st.binary(max_size=140), st.sampled_from([Appended(), Appended(alone=True), Appended(password_length=5)]))
def test_whatever_is_sent_the_password_is_its_beginning(data: bytes, reader: Appended) -> None:
    field = reader.read(data)
    assert data.startswith(field.password)
    assert field.typed is not None or field.password == data
