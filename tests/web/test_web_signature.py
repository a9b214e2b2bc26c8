"""Signatures: vectors, every byte that they cover, and duo_client's own canonicalization as the judge."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from duo_client.client import Client, normalize_params, sign
from hypothesis import given
from hypothesis import strategies as st

from authproxy.web.api.signature import (
    MOST_PARAMETERS,
    WINDOW,
    Flaw,
    Signable,
    Verified,
    canonical_parameters,
    credentials,
    verify,
)

VECTORS = Path(__file__).parent / "vectors" / "signatures.txt"
NOW = 1_795_492_800.0  # Tue, 24 Nov 2026 04:00:00


@dataclass(frozen=True)
class Vector:
    version: int
    request: Signable
    skey: bytes
    signature: bytes

    def verify(self, request: Signable | None = None, now: float = NOW, **more: Any) -> Verified | Flaw:
        return verify(request or self.request, self.signature, self.skey, now, allow_v1=True, **more)


@dataclass
class Block:
    lines: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.lines if key == name), None)


def vectors() -> list[Vector]:
    shared: dict[str, str] = {}
    found = []
    for text in VECTORS.read_text("utf-8").split("\n\n"):
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        block = Block([(name, value) for name, _, value in (line.partition(": ") for line in lines)])
        if block.get("version") is None:
            shared.update(block.lines)
            continue
        method, path = str(block.get("request")).split()
        pairs = [tuple(pair.split("=", 1)) for pair in (block.get("form") or "").split(" | ") if pair]
        form, json = urlencode(pairs).encode(), block.get("json")
        headers = [value.partition(": ") for name, value in block.lines if name == "header"]
        request = Signable(
            method.encode(),
            shared["host"].encode(),
            path.encode(),
            form if method == "GET" else b"",
            json.encode() if json else (form if method == "POST" else b""),
            json is not None,
            shared["date"].encode(),
            [(name.lower().encode(), value.encode()) for name, _, value in headers],
        )
        found.append(
            Vector(
                int(str(block.get("version"))),
                request,
                shared["skey"].encode(),
                str(block.get("signature")).encode(),
            )
        )
    return found


ALL = vectors()
each = pytest.mark.parametrize("vector", ALL, ids=[f"v{vector.version}-{n}" for n, vector in enumerate(ALL)])


def test_there_are_vectors_of_every_version() -> None:
    assert sorted({vector.version for vector in ALL}) == [1, 2, 4, 5]


@each
def test_a_vector_is_recognized_as_its_version(vector: Vector) -> None:
    assert vector.verify() == Verified(vector.version)


@each
def test_every_byte_that_is_changed_breaks_the_signature(vector: Vector) -> None:
    request = vector.request
    for part in ("method", "host", "path", "query", "body"):
        whole: bytes = getattr(request, part)
        for at in range(len(whole)):
            if part == "host" and whole[at : at + 1].isalpha():
                changed = whole[:at] + (b"x" if whole[at : at + 1] != b"x" else b"y") + whole[at + 1 :]
            else:
                changed = whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :]
            assert isinstance(vector.verify(replace(request, **{part: changed})), Flaw), (part, at)


@each
def test_the_date_is_covered_from_version_2_on(vector: Vector) -> None:
    later = replace(vector.request, date=b"Tue, 24 Nov 2026 04:00:01 -0000")
    assert vector.verify(later) == (Verified(1) if vector.version == 1 else Flaw.BAD_SIGNATURE)


@each
def test_another_key_does_not_fit(vector: Vector) -> None:
    assert replace(vector, skey=b"other").verify() is Flaw.BAD_SIGNATURE


@each
def test_the_signature_itself_cut_or_changed_does_not_fit(vector: Vector) -> None:
    for wrong in (
        vector.signature[:-1],
        vector.signature[:-1] + b"g",
        vector.signature.upper(),
        b"",
        b"\xff" * 40,
    ):
        assert replace(vector, signature=wrong).verify() is Flaw.BAD_SIGNATURE


def test_headers_that_are_named_duo_are_covered_by_version_5() -> None:
    vector = next(vector for vector in ALL if vector.request.duo_headers)
    for headers in ([], vector.request.duo_headers[:1], [(b"x-duo-a", b"one"), (b"x-duo-b", b"two")]):
        assert vector.verify(replace(vector.request, duo_headers=headers)) is Flaw.BAD_SIGNATURE


def test_version_1_is_for_the_old_api_and_who_is_allowed_only() -> None:
    vector = ALL[0]
    assert vector.version == 1
    assert verify(vector.request, vector.signature, vector.skey, NOW) is Flaw.BAD_SIGNATURE
    undated = replace(vector.request, date=b"")
    assert vector.verify(undated) == Verified(1)
    assert verify(undated, vector.signature, vector.skey, NOW) is Flaw.NO_DATE


# ---------------------------------------------------------------- hosts and dates


def signature_of(
    version: int, method: str, host: str, path: str, parameters: Any, date: str, **more: Any
) -> bytes:
    """duo_client's."""
    line = sign("DI", "key", method, host, path, date, version, normalize_params(parameters), **more)
    found = credentials(line.encode())
    assert found is not None
    return found.signature


def get(host: bytes, date: bytes = b"Tue, 24 Nov 2026 04:00:00 -0000") -> Signable:
    return Signable(b"GET", host, b"/auth/v2/check", b"", b"", False, date)


@pytest.mark.parametrize("signed", ["localhost", "LOCALHOST:8443", "api.example.com", "api.example.com:443"])
def test_a_host_is_signed_with_or_without_its_port_or_by_its_configured_name(signed: str) -> None:
    signature = signature_of(2, "GET", signed, "/auth/v2/check", {}, "Tue, 24 Nov 2026 04:00:00 -0000")
    names = [b"API.example.com:443"]
    assert verify(get(b"localhost:8443"), signature, b"key", NOW, names=names) == Verified(2)
    assert verify(get(b"elsewhere:8443"), signature, b"key", NOW) is Flaw.BAD_SIGNATURE


@pytest.mark.parametrize(
    "date",
    [
        "Tue, 24 Nov 2026 04:00:00 -0000",
        "Tue, 24 Nov 2026 04:00:00 +0000",
        "Tue, 24 Nov 2026 04:00:00 GMT",
        "Tue, 24 Nov 2026 06:00:00 +0200",
        "Mon, 23 Nov 2026 22:30:00 -0530",
        "24 Nov 2026 04:00:00 GMT",
    ],
)
def test_dates_of_every_time_zone_are_read(date: str) -> None:
    signature = signature_of(5, "GET", "h", "/auth/v2/check", {}, date, body="")
    assert verify(get(b"h", date.encode()), signature, b"key", NOW) == Verified(5)


@pytest.mark.parametrize(
    "date",
    ["yesterday", "Tue, 99 Nov 2026 04:00:00 GMT", "Tue, 24 Nov 99999999999 04:00:00 GMT", "é", "0", "\x00"],
)
def test_a_date_that_cannot_be_read_is_a_bad_one(date: str) -> None:
    assert verify(get(b"h", date.encode()), b"0" * 128, b"key", NOW) is Flaw.BAD_DATE


def test_the_window_is_five_minutes_either_side() -> None:
    vector = ALL[-1]
    for off in (WINDOW, -WINDOW):
        assert vector.verify(now=NOW + off) == Verified(5)
    for off in (WINDOW + 1, -WINDOW - 1):
        assert vector.verify(now=NOW + off) is Flaw.BAD_DATE


def test_the_same_request_again_is_taken_again() -> None:
    """Clients that were told to slow down repeat a request byte for byte."""
    assert [ALL[-1].verify() for _ in range(3)] == [Verified(5)] * 3


# ---------------------------------------------------------------- duo_client as the judge

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
parameters = st.dictionaries(
    texts.filter(bool), st.one_of(texts, st.lists(texts, min_size=1, max_size=3)), max_size=5
)


@given(parameters, st.sampled_from([1, 2]), st.sampled_from(["GET", "POST"]), st.sampled_from(["sha1", "sha512"]))
def test_forms_and_queries_are_read_as_duo_client_signs_them(
    given_: dict[str, Any], version: int, method: str, digest: str
) -> None:
    date, path = "Tue, 24 Nov 2026 04:00:00 -0000", "/rest/v1/auth"
    signature = signature_of(version, method, "h", path, given_, date, digestmod=getattr(hashlib, digest))
    sent = urlencode(normalize_params(given_), doseq=True).encode()
    query, body = (sent, b"") if method == "GET" else (b"", sent)
    request = Signable(method.encode(), b"h", path.encode(), query, body, False, date.encode())
    assert verify(request, signature, b"key", NOW, allow_v1=True) == Verified(version)
    # Postman signs a form that it sends in the query.
    in_query = replace(request, query=sent, body=b"")
    assert verify(in_query, signature, b"key", NOW, allow_v1=True) == Verified(version)


@given(parameters, st.sampled_from([4, 5]))
def test_json_is_read_as_duo_client_signs_it(given_: dict[str, Any], version: int) -> None:
    date, path = "Tue, 24 Nov 2026 04:00:00 -0000", "/auth/v2/auth"
    body = Client.canon_json(given_)
    signature = signature_of(version, "POST", "h", path, {}, date, body=body)
    request = Signable(b"POST", b"h", path.encode(), b"", body.encode(), True, date.encode())
    assert verify(request, signature, b"key", NOW) == Verified(version)


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=30), st.booleans())
def test_no_request_makes_the_verifier_fail(query: bytes, body: bytes, date: bytes, is_json: bool) -> None:
    request = Signable(b"POST", body[:9], b"/rest/v1/auth", query, body, is_json, date)
    for signature in (b"0" * 40, b"0" * 128, body):
        assert isinstance(verify(request, signature, b"key", NOW, allow_v1=True), Flaw)


@given(st.binary(max_size=80))
def test_no_header_makes_the_reader_of_credentials_fail(text: bytes) -> None:
    for header in (text, b"Basic " + text, b"Basic " + base64.b64encode(text)):
        found = credentials(header)
        assert found is None or found.ikey


def test_a_flood_of_parameters_is_refused_before_it_is_read() -> None:
    body = b"&".join(b"a=1" for _ in range(MOST_PARAMETERS + 1))
    with pytest.raises(ValueError, match="fields"):
        Signable(b"POST", b"h", b"/", b"", body, False, b"").pairs()


def test_names_and_values_are_sorted_after_they_are_encoded() -> None:
    assert canonical_parameters([("z", "b"), ("z", "a"), ("a ", ""), ("a", "é")]) == b"a=%C3%A9&a%20=&z=a&z=b"
