"""How the client signs: known signatures. That a server takes them is shown by every other test here."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from authproxy.apiclient.signature import Signable, authorization, encoded

SKEY = b"0123456789abcdefghijklmnopqrstuvwxyzABCD"
PARAMS = (("username", "álice b/c~d+e*"), ("z", "b"), ("z", "a"), ("realname", "First Last"))
BODY = b'{"realname":"First Last","username":"\\u00e1lice b/c~d+e*","z":["b","a"]}'
FORM = Signable("GET", "Api-Test.Example.COM", "/admin/v1/users", "Tue, 24 Nov 2026 04:00:00 -0000", PARAMS)


def test_parameters_are_encoded_and_sorted() -> None:
    assert encoded(PARAMS) == "realname=First%20Last&username=%C3%A1lice%20b%2Fc~d%2Be%2A&z=a&z=b"


@pytest.mark.parametrize(
    ("request_", "version", "signature"),
    [
        (
            FORM,
            2,
            (
                "1c6ff161e3d76f0a6aaa07708b0b66c8cb3c750064ed299042e703f7f2dc84fb"
                "d601a004453c1b9cd28d9bbc2defdbd9f1d1fc631746abbb939f3157415a9be0"
            ),
        ),
        (
            replace(FORM, method="POST", path="/auth/v2/preauth", params=(), body=BODY),
            5,
            (
                "2a5aa164fd86baf6690ea66b34790ef9a907f5ec2a4377bed7ff71d89a6a57fb"
                "528aa7dde9601c5f9c28f4d1fc53ccc296e55ebee49e4a6f57055f446419ebdb"
            ),
        ),
        (
            replace(FORM, path="/auth/v2/check", params=()),
            5,
            (
                "c7d4f550562358fe6b7e5e3e8bb463c394862955b693f230d80175b72e36281f"
                "032488190e454a5a59192ba6b477ce360504e369770a57d66e3eb7f18ee59f64"
            ),
        ),
    ],
)
def test_known_signatures(request_: Signable, version: int, signature: str) -> None:
    header = authorization("DIABC", SKEY, request_, version)
    assert base64.b64decode(header.removeprefix("Basic ")).decode() == f"DIABC:{signature}"
