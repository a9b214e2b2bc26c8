"""Session keys and tunnel passwords: opened with one hop's secret, closed with another's."""

from __future__ import annotations

import contextlib
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authproxy.model import Sealed
from authproxy.radius.attributes import Dictionary, value_of
from authproxy.radius.packet import PacketError, attribute, vendor_attribute
from authproxy.radius.passthrough import PassThrough
from authproxy.radius.seal import LIKE_PASSWORD, SALTED, Seal

UPSTREAM = Seal(b"upstream", bytes(range(16)))
APPLIANCE_SECRET, APPLIANCE_AUTHENTICATOR = b"appliance", bytes(range(16, 32))
EVERYTHING = PassThrough(Dictionary.load(), everything=True)


def appliance() -> Seal:
    return Seal(APPLIANCE_SECRET, APPLIANCE_AUTHENTICATOR)


def padded(key: bytes) -> bytes:
    return (bytes((len(key),)) + key).ljust(-(-(len(key) + 1) // 16) * 16, b"\0")


def test_salt_encryption_is_that_of_rfc_2548() -> None:
    """One block, by hand: MD5(secret + request authenticator + salt) over length and key."""
    raw = appliance().close(Sealed((311, 16), SALTED, b"", padded(b"0123456789")))
    salt, hidden = value_of(raw)[:2], value_of(raw)[2:]
    mask = md5(APPLIANCE_SECRET + APPLIANCE_AUTHENTICATOR + salt).digest()
    assert bytes(one ^ other for one, other in zip(hidden, mask, strict=True)) == b"\x0a0123456789" + bytes(5)
    assert salt[0] & 0x80


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x01"]))
def test_what_is_closed_is_opened_by_the_same_secret_only(key: bytes, tag: bytes) -> None:
    raw = appliance().close(Sealed((0, 69), SALTED, tag, padded(key)))
    hidden = raw[2 + len(tag) :]
    assert appliance().open(SALTED, hidden) == padded(key)
    with contextlib.suppress(PacketError):
        assert Seal(b"other", APPLIANCE_AUTHENTICATOR).open(SALTED, hidden) != padded(key)


def test_salts_differ_within_a_reply() -> None:
    seal = appliance()
    raws = [seal.close(Sealed((311, 16), SALTED, b"", padded(b"key"))) for _ in range(100)]
    assert len({value_of(raw)[:2] for raw in raws}) == 100


def test_keys_of_every_kind_cross_under_the_appliances_secret() -> None:
    keys = [
        Sealed((311, 16), SALTED, b"", padded(b"s" * 32)),
        Sealed((311, 17), SALTED, b"", padded(b"r" * 32)),
        Sealed((311, 12), LIKE_PASSWORD, b"", b"\0" * 8 + b"n" * 16 + b"\0" * 8),
        Sealed((0, 69), SALTED, b"\x02", padded(b"tunnel")),
    ]
    reply = [UPSTREAM.close(key) for key in keys]
    assert EVERYTHING.of_reply(reply) == ()
    crossing = EVERYTHING.sealed_of_reply(reply, UPSTREAM)
    assert list(crossing) == keys
    assert "ssss" not in repr(crossing)
    closed = [appliance().close(key) for key in crossing]
    assert list(EVERYTHING.sealed_of_reply(closed, appliance())) == keys
    assert not set(closed) & set(reply)


def test_keys_cross_by_name_too_and_otherwise_not() -> None:
    reply = [UPSTREAM.close(Sealed((311, type_), SALTED, b"", padded(b"key"))) for type_ in (16, 17)]
    named = PassThrough(Dictionary.load(), names=["MS-MPPE-Send-Key"])
    assert [sealed.key for sealed in named.sealed_of_reply(reply, UPSTREAM)] == [(311, 16)]
    assert PassThrough(Dictionary.load(), names=["Class"]).sealed_of_reply(reply, UPSTREAM) == ()


def test_both_keys_in_one_vendor_attribute() -> None:
    send, receive = (value_of(UPSTREAM.close(Sealed((311, t), SALTED, b"", padded(b"k%d" % t)))) for t in (16, 17))
    inner = attribute(16, send) + attribute(17, receive)
    crossing = EVERYTHING.sealed_of_reply([attribute(26, b"\0\0\x01\x37" + inner)], UPSTREAM)
    assert [(sealed.key, sealed.value) for sealed in crossing] == [
        ((311, 16), padded(b"k16")),
        ((311, 17), padded(b"k17")),
    ]


@pytest.mark.parametrize("hidden", [b"", b"\x80", b"\x80\x00", b"\x80\x00" + bytes(15), b"\x80\x00" + bytes(33)])
def test_key_of_a_wrong_length_stays_behind(hidden: bytes) -> None:
    with pytest.raises(PacketError):
        UPSTREAM.open(SALTED, hidden)
    assert EVERYTHING.sealed_of_reply([vendor_attribute(311, 16, hidden)], UPSTREAM) == ()


@given(st.lists(st.builds(vendor_attribute, st.just(311), st.integers(0, 40), st.binary(max_size=247))))
def test_any_reply_can_be_looked_at(reply: list[bytes]) -> None:
    for sealed in EVERYTHING.sealed_of_reply(reply, UPSTREAM):
        appliance().close(sealed)
