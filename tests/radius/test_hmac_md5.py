"""Signatures of packets, beside the library's own."""

from __future__ import annotations

import hmac

import pytest

from authproxy.radius.hmac_md5 import hmac_md5


@pytest.mark.parametrize("length", [0, 1, 15, 63, 64, 65, 200])
def test_a_signature_is_the_library_s_whatever_the_key_s_length(length: int) -> None:
    key = bytes(range(length))
    for data in (b"", b"x", bytes(4096)):
        assert hmac_md5(key, data) == hmac.digest(key, data, "md5")
        assert hmac_md5(key, data) == hmac_md5(bytes(bytearray(key)), data)


def test_an_example_of_the_rfc() -> None:
    """RFC 2202 2, test case 2."""
    assert hmac_md5(b"Jefe", b"what do ya want for nothing?").hex() == "750c783e6ab0b503eaa86e310a5db738"
