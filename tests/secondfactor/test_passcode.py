"""HOTP and TOTP against the RFCs' vectors and pyotp."""

from __future__ import annotations

import base64
import hashlib

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from authproxy.secondfactor.passcode import hotp, is_code, match_from, match_near, resynchronize, step_at

RFC_4226_KEY = b"12345678901234567890"
RFC_4226 = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]

RFC_6238_KEYS = {"sha1": b"1234567890" * 2, "sha256": (b"1234567890" * 4)[:32], "sha512": (b"1234567890" * 7)[:64]}
RFC_6238 = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]


@pytest.mark.parametrize(("counter", "code"), list(enumerate(RFC_4226)))
def test_hotp_agrees_with_rfc_4226_appendix_d(counter: int, code: str) -> None:
    assert hotp(RFC_4226_KEY, counter) == code


@pytest.mark.parametrize("row", RFC_6238)
def test_totp_agrees_with_rfc_6238_appendix_b(row: tuple[int, str, str, str]) -> None:
    now, *codes = row
    found = tuple(hotp(key, step_at(now, 30), 8, name) for name, key in RFC_6238_KEYS.items())
    assert found == tuple(codes)


@given(
    key=st.binary(min_size=14, max_size=64),
    counter=st.integers(0, 2**63),
    digits=st.sampled_from([6, 7, 8]),
    algorithm=st.sampled_from(["sha1", "sha256", "sha512"]),
)
def test_hotp_agrees_with_pyotp(key: bytes, counter: int, digits: int, algorithm: str) -> None:
    theirs = pyotp.HOTP(base64.b32encode(key).decode(), digits=digits, digest=getattr(hashlib, algorithm))
    assert hotp(key, counter, digits, algorithm) == theirs.at(counter)


def test_seeds_of_80_bits_work() -> None:
    key = base64.b32decode("JBSWY3DPEHPK3PXP")
    assert len(key) == 10
    assert match_near(key, hotp(key, 5), 5, 1) == 5


@given(offset=st.integers(-4, 4), reach=st.integers(0, 3), center=st.integers(0, 2**40))
def test_a_code_matches_its_own_step_within_reach_and_no_other(offset: int, reach: int, center: int) -> None:
    key = b"k" * 20
    step = max(center + offset, 0)
    found = match_near(key, hotp(key, step, 8), center, reach, 8)
    assert found == (step if abs(step - center) <= reach else None)


def test_look_ahead_finds_the_counter_and_stops_at_its_end() -> None:
    assert match_from(RFC_4226_KEY, RFC_4226[9], 0, 10) == 9
    assert match_from(RFC_4226_KEY, RFC_4226[9], 0, 9) is None
    assert match_from(RFC_4226_KEY, RFC_4226[3], 4, 100) is None


def test_two_codes_in_a_row_resynchronize_a_token_that_ran_ahead() -> None:
    key = b"k" * 20
    assert resynchronize(key, (hotp(key, 77), hotp(key, 78)), 5) == 78
    assert resynchronize(key, (hotp(key, 77), hotp(key, 79)), 5) is None
    assert resynchronize(key, (hotp(key, 78), hotp(key, 77)), 5) is None
    assert resynchronize(key, (hotp(key, 105), hotp(key, 106)), 5) is None
    assert resynchronize(key, (hotp(key, 3), hotp(key, 4)), 5) is None
    assert resynchronize(key, ("", ""), 5) is None


@pytest.mark.parametrize(
    "text", ["12345", "123456789", "１２３４５６", "12345a", "123 56", "-12345", "", "٣٤٥٦٧٨"]
)
def test_what_is_not_six_to_eight_ascii_digits_is_no_code(text: str) -> None:
    assert not is_code(text)


def test_a_code_of_other_length_or_script_matches_nothing() -> None:
    assert match_near(RFC_4226_KEY, RFC_4226[0], 0, 1, 8) is None
    assert is_code(RFC_4226[0])
