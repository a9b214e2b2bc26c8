"""The one request that the HTTP proxy takes, read from bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authproxy.httpproxy.connect import LONGEST_HEAD, Connect, Unusable, read_head

HEAD = b"CONNECT API.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\r\n"


def test_a_request_is_read_when_it_is_complete() -> None:
    assert read_head(HEAD) == Connect("api.example", 443)
    assert read_head(HEAD + b"\x16\x03\x01") == Connect("api.example", 443, b"\x16\x03\x01")
    assert [read_head(HEAD[:length]) for length in range(len(HEAD))] == [None] * len(HEAD)


def test_an_address_of_ipv6_loses_its_brackets() -> None:
    assert read_head(b"CONNECT [2001:db8::1]:443 HTTP/1.0\r\n\r\n") == Connect("2001:db8::1", 443)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET http://api.example/ HTTP/1.1", b"405"),
        (b"CONNECT api.example HTTP/1.1", b"400"),
        (b"CONNECT :443 HTTP/1.1", b"400"),
        (b"CONNECT api.example:https HTTP/1.1", b"400"),
        (b"CONNECT api.example:443443 HTTP/1.1", b"400"),
        (b"CONNECT api.example:443", b"400"),
        (b"CONNECT api.example:443 HTTP/2", b"400"),
        (b"CONNECT \xe4pi.example:443 HTTP/1.1", b"400"),
        (b"\x16\x03\x01\x02\x00", b"400"),
        (b"", b"400"),
    ],
)
def test_what_is_no_connect_is_unusable(line: bytes, status: bytes) -> None:
    read = read_head(line + b"\r\n\r\n")
    assert isinstance(read, Unusable)
    assert read.status.startswith(status)


def test_a_head_has_its_longest() -> None:
    read = read_head(b"CONNECT api.example:443 HTTP/1.1\r\nX: " + b"x" * LONGEST_HEAD)
    assert isinstance(read, Unusable)
    assert read.status.startswith(b"431")


@given(st.binary())
def test_any_bytes_are_read_without_raising(data: bytes) -> None:
    read_head(data)
    read_head(data + b"\r\n\r\n")
