"""Signatures of the Duo-style APIs: known vectors of every version, and what is no signature."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authproxy.apisigning import (
    Pairs,
    Signable,
    authorization,
    encoded,
    is_signed,
    read_authorization,
    sign,
    signed_text,
)

SKEY = b"0123456789abcdefghijklmnopqrstuvwxyzABCD"
PARAMS: Pairs = (("username", "álice b/c~d+e*"), ("z", "b"), ("z", "a"), ("realname", "First Last"))
JSON = b'{"realname":"First Last","username":"\\u00e1lice b/c~d+e*","z":["b","a"]}'
DATE = "Tue, 24 Nov 2026 04:00:00 -0000"
FORM = Signable("POST", "Api-Test.Example.COM", "/auth/v2/preauth", DATE, PARAMS)
BODY = replace(FORM, params=(), body=JSON)
CHECK = Signable("GET", "Api-Test.Example.COM", "/auth/v2/check", DATE)
HEADERS = (("X-Duo-B", "two"), ("Date", DATE), ("x-duo-a", "One"))


def test_parameters_are_encoded_and_sorted() -> None:
    assert encoded(PARAMS) == "realname=First%20Last&username=%C3%A1lice%20b%2Fc~d%2Be%2A&z=a&z=b"


@pytest.mark.parametrize(
    ("request_", "version", "signature"),
    [
        (replace(FORM, path="/rest/v1/preauth.bson"), 1, "e5417d09d6d8d890737a1d3addeb2e3be21434c9"),
        (FORM, 2, "01b9459b2092de7771356937a6f25d3b521aae0f"),
        (
            replace(FORM, method="get", path="/admin/v1/users"),
            2,
            (
                "1c6ff161e3d76f0a6aaa07708b0b66c8cb3c750064ed299042e703f7f2dc84fb"
                "d601a004453c1b9cd28d9bbc2defdbd9f1d1fc631746abbb939f3157415a9be0"
            ),
        ),
        (
            BODY,
            4,
            (
                "c3664eaa56d6f20eb359dbe95f4a2c73c506ca0c063989f69969f99b9d1989d2"
                "34f2e48262acdd839be25e9835c85010be5b5bb95429b9e442974dbc5448d450"
            ),
        ),
        (
            BODY,
            5,
            (
                "2a5aa164fd86baf6690ea66b34790ef9a907f5ec2a4377bed7ff71d89a6a57fb"
                "528aa7dde9601c5f9c28f4d1fc53ccc296e55ebee49e4a6f57055f446419ebdb"
            ),
        ),
        (
            replace(BODY, headers=HEADERS),
            5,
            (
                "05a3439fb301869b631559bf6ab6c6cc359e572493219b374b8b4cbc98d10d98"
                "df8ab94e327954b749cad7f9e700627940ee15763b2f1b6f96ba960d0914b783"
            ),
        ),
        (
            CHECK,
            5,
            (
                "c7d4f550562358fe6b7e5e3e8bb463c394862955b693f230d80175b72e36281f"
                "032488190e454a5a59192ba6b477ce360504e369770a57d66e3eb7f18ee59f64"
            ),
        ),
    ],
)
def test_known_signatures(request_: Signable, version: int, signature: str) -> None:
    assert is_signed(request_, version, SKEY, signature)
    assert is_signed(request_, version, SKEY, signature.upper())
    assert not is_signed(request_, version, SKEY + b"x", signature)
    assert not is_signed(replace(request_, path=request_.path + "/"), version, SKEY, signature)


@pytest.mark.parametrize("signature", ["", "0" * 40, "0" * 41, "0" * 128, "é" * 40, "0" * 64])
def test_what_is_no_signature_is_never_right(signature: str) -> None:
    assert not is_signed(FORM, 2, SKEY, signature)


def test_version_1_signs_no_date() -> None:
    assert signed_text(FORM, 1).split("\n")[0] == "POST"
    assert sign(FORM, 1, SKEY) == sign(replace(FORM, date="another"), 1, SKEY)
    assert sign(FORM, 2, SKEY) != sign(replace(FORM, date="another"), 2, SKEY)


def test_authorization_is_read_as_it_is_written() -> None:
    assert read_authorization(authorization("DIABC", "00ff")) == ("DIABC", "00ff")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ????",
        "Bearer " + base64.b64encode(b"DI:00").decode(),
        "Basic " + "Ojo=",
        "Basic RElBQkM=",
    ],
)
def test_garbled_authorization_is_none(header: str) -> None:
    assert read_authorization(header) is None


@given(st.text())
def test_any_authorization_is_read_without_raising(header: str) -> None:
    read_authorization(header)
    read_authorization("Basic " + header)
