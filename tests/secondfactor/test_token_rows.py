"""What a token maker's file says: types, counters, steps, and the form of a secret."""

from __future__ import annotations

import pytest

from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.token_rows import COLUMNS, NewToken, read_secret, read_tokens

SEED = b"12345678901234567890"
HEX = SEED.hex()
BASE32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
ROW = {"serial": "1", "type": "h6", "secret": HEX}


@pytest.mark.parametrize(
    "text",
    [
        HEX,
        "hex:" + HEX,
        "HEX: " + HEX.upper(),
        "3132-3334 3536-3738 3930 3132 3334 3536 3738 3930",
        BASE32,
        BASE32.lower(),
        "base32:" + BASE32,
        "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
    ],
)
def test_a_secret_is_read_in_every_form(text: str) -> None:
    assert read_secret(text) == SEED


def test_a_secret_of_hexadecimal_digits_is_hexadecimal_unless_told_otherwise() -> None:
    both = "ABCDEF234567ABCDEF234567"
    assert read_secret(both) == bytes.fromhex(both)
    assert len(read_secret("base32:" + both)) == 15
    row = {"serial": "1", "type": "t6", "secret_base32": both}
    assert read_tokens([(2, row)])[0][0].seed == read_secret("base32:" + both)


def test_an_odd_number_of_hexadecimal_digits_is_base32_if_it_can_be() -> None:
    assert len(read_secret("ABCDEF234567ABCDEF234567ABCDE")) == 18
    with pytest.raises(BadValue, match="neither hexadecimal"):
        read_secret(HEX + "0")


def test_base32_may_be_padded() -> None:
    assert read_secret("GEZDGNBVGY3TQOJQGE======") == b"12345678901"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no secret"),
        ("hex:", "there is no secret"),
        ("canary-1", "the secret is neither hexadecimal"),
        ("hex:canary00", "not an even number of hexadecimal digits"),
        ("base32:canary18", "neither hexadecimal"),
        ("rot13:canary", "before the colon of the secret is neither hex nor base32"),
        ("ca4a4a", "a secret of 3 bytes; wanted 10 to 128"),
        ("ca" * 129, "a secret of 129 bytes; wanted 10 to 128"),
        ("кириллица", "the secret is neither hexadecimal"),
    ],
)
def test_what_is_no_secret_is_not_repeated(text: str, told: str) -> None:
    with pytest.raises(BadValue, match=told) as raised:
        read_secret(text)
    assert "ca" not in str(raised.value).replace("hexadecimal", "")


def test_each_type_has_its_kind_and_digits_and_defaults() -> None:
    rows = [(line, {**ROW, "type": word}) for line, word in enumerate(["h6", "H8", "t6", "T8"], start=2)]
    tokens, bad = read_tokens(rows)
    assert bad == []
    assert [(token.kind, token.digits) for token in tokens] == [("hotp", 6), ("hotp", 8), ("totp", 6), ("totp", 8)]
    assert tokens[0] == NewToken(2, "1", "hotp", 6, SEED, 0, 30, "")
    assert HEX not in repr(tokens)
    assert str(SEED) not in repr(tokens)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"serial": ""}, "a serial of 1 to 128 printable characters is wanted"),
        ({"serial": "x" * 129}, "a serial of 1 to 128 printable characters is wanted"),
        ({"serial": "a\tb"}, "a serial of 1 to 128 printable characters is wanted"),
        ({"type": "h7"}, "the type is none of h6, h8, t6, t8, yk"),
        ({"counter": "-1"}, "the counter is no number from 0 to 1000000000000"),
        ({"counter": "1" * 5000}, "the counter is no number from 0 to 1000000000000"),
        ({"counter": "١"}, "the counter is no number from 0 to 1000000000000"),
        ({"type": "t6", "counter": "7"}, "a time-based token has no counter"),
        ({"type": "t6", "step": "30s"}, "the step is no number from 0 to 1000000000000"),
        ({"type": "t6", "step": "3"}, "a step of 3 seconds; wanted 15 to 300"),
    ],
)
def test_a_bad_row_is_told_by_its_line(change: dict[str, str], told: str) -> None:
    tokens, bad = read_tokens([(7, {**ROW, **change}), (8, ROW)])
    assert [(row.line, row.problem) for row in bad] == [(7, told)]
    assert [token.line for token in tokens] == [8]


def test_one_column_for_the_secret_is_needed() -> None:
    assert COLUMNS.problem(["serial", "type"]) == "no column secret or secret_hex or secret_base32 or aes_key"
    assert COLUMNS.problem(["type", "serial", "secret_hex", "secret"]).startswith("more than one column secret")
    assert COLUMNS.problem(["username", "type", "serial", "secret_hex"]) == ""
