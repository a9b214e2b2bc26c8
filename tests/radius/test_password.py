"""User-Password: any bytes, any length up to 128."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from authproxy.radius.packet import PacketError
from authproxy.radius.password import hide, reveal
from tests.radius.wire import SECRET

NONCE = bytes(range(16))


@given(st.binary(max_size=128).map(lambda data: data.rstrip(b"\0")), st.binary(min_size=1, max_size=60))
@example("pässwörd".encode("latin-1"), SECRET)
@example("пароль,push".encode(), SECRET)
@example("密码💡,123456".encode(), SECRET)
@example(b"\0leading and \0 inner NUL", SECRET)
def test_password_is_revealed_as_it_was_hidden(password: bytes, secret: bytes) -> None:
    hidden = hide(password, secret, NONCE)
    assert len(hidden) % 16 == 0
    assert 16 <= len(hidden) <= 128
    assert reveal(hidden, secret, NONCE) == password


def test_password_of_every_length() -> None:
    for length in range(1, 129):
        password = bytes(1 + at % 255 for at in range(length))
        assert reveal(hide(password, SECRET, NONCE), SECRET, NONCE) == password


def test_trailing_nuls_are_padding() -> None:
    assert reveal(hide(b"secret\0\0", SECRET, NONCE), SECRET, NONCE) == b"secret"


def test_wrong_secret_gives_another_password() -> None:
    assert reveal(hide(b"arctangent", SECRET, NONCE), b"wrong", NONCE) != b"arctangent"


def test_hidden_password_of_an_impossible_length_is_refused() -> None:
    for length in (0, 1, 15, 17, 127, 129, 144):
        with pytest.raises(PacketError, match="User-Password of a wrong length"):
            reveal(bytes(length), SECRET, NONCE)


def test_password_over_128_bytes_can_not_be_hidden() -> None:
    with pytest.raises(PacketError, match="longer than 128"):
        hide(bytes(129), SECRET, NONCE)
