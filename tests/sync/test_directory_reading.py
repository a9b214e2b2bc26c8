"""What a directory sends, and what is made of it: pages, pieces, odd values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from authproxy.directory.membership import hashed
from authproxy.directory.position import ad_position, stamp_position
from authproxy.directory.schema import key_filter, key_text, rid_of
from authproxy.directory.search import Found, all_values, pages
from authproxy.secondfactor.roster import DirectoryProblem, Kind

GROUP = "CN=crowd,DC=addc,DC=test"


class Windows:
    """Answers as a domain controller with 3 values in an answer, and 2 entries in a page."""

    def __init__(self, members: Sequence[bytes], result: int = 0) -> None:
        self._members = members
        self._result = result
        self.asked: list[str] = []

    def search(self, base: str, _filter: str, _scope: str, attributes: list[str], **more: Any) -> Any:
        self.asked.append(attributes[0])
        result: dict[str, Any] = {"result": self._result, "description": "busy", "message": ""}
        if "paged_size" in more:
            at = int(more["paged_cookie"] or b"0")
            cookie = str(at + 2).encode() if at + 2 < len(self._members) else b""
            result["controls"] = {"1.2.840.113556.1.4.319": {"value": {"cookie": cookie, "size": 0}}}
            return True, result, [_entry(member.decode(), {}) for member in self._members[at : at + 2]], None
        first = int(attributes[0].partition("=")[2].partition("-")[0] or 0)
        values = list(self._members[first : first + 3])
        last = "*" if first + 3 >= len(self._members) else str(first + len(values) - 1)
        return True, result, [_entry(base, {f"member;range={first}-{last}": values, "member": []})], None


def _entry(dn: str, attributes: dict[str, list[bytes]]) -> dict[str, Any]:
    return {"type": "searchResEntry", "dn": dn, "raw_attributes": attributes}


@pytest.mark.parametrize("count", [1, 3, 4, 7])
def test_members_that_come_in_pieces_are_all_read(count: int) -> None:
    members = [b"CN=%d" % number for number in range(count)]
    peer = Windows(members)
    _status, _result, response, _request = peer.search(GROUP, "", "", ["member"])
    found = Found(GROUP, {name: sent for name, sent in response[0]["raw_attributes"].items() if sent})
    assert list(all_values(peer, found, "member")) == members
    assert len(peer.asked) == -(-count // 3)


def test_pages_are_read_to_the_last() -> None:
    peer = Windows([b"CN=1", b"CN=2", b"CN=3", b"CN=4", b"CN=5"])
    assert [found.dn for found in pages(peer, "DC=test", "(a=b)", ["cn"])] == [
        "CN=1",
        "CN=2",
        "CN=3",
        "CN=4",
        "CN=5",
    ]
    assert len(peer.asked) == 3


def test_a_result_that_is_no_success_is_told() -> None:
    with pytest.raises(DirectoryProblem, match=r"reading 'DC=test': result 51 \(busy\)"):
        list(pages(Windows([], result=51), "DC=test", "(a=b)", ["cn"]))


def test_an_object_guid_is_the_same_as_text_and_in_a_filter() -> None:
    """The bytes of MS-DTYP 2.3.4.2: the first three fields are little-endian."""
    octets = bytes.fromhex("33221100554477668899aabbccddeeff")
    text = key_text(Kind.ACTIVE_DIRECTORY, octets)
    assert text == "00112233-4455-6677-8899-aabbccddeeff"
    assert key_filter(Kind.ACTIVE_DIRECTORY, text) == (
        "(objectGUID=\\33\\22\\11\\00\\55\\44\\77\\66\\88\\99\\aa\\bb\\cc\\dd\\ee\\ff)"
    )
    assert key_text(Kind.OPENLDAP, b"00112233-4455-6677-8899-AABBCCDDEEFF") == text


@pytest.mark.parametrize("value", [None, b"", b"short", b"\xff" * 36])
def test_what_is_no_key_is_none(value: bytes | None) -> None:
    assert [key_text(kind, value) for kind in Kind] == ["", ""]


def test_the_last_part_of_a_sid_is_what_primary_group_id_has() -> None:
    assert rid_of(bytes.fromhex("0105000000000005150000001111111122222222333333330f020000")) == "527"
    assert (rid_of(b""), rid_of(None), rid_of(b"abc")) == ("", "", "")


def test_names_are_the_same_in_every_spelling() -> None:
    assert hashed("CN=Ann\\, B,OU=Staff,DC=test") == hashed("cn=ann\\2C b, ou=STAFF ,dc=TEST")
    assert hashed("CN=Ann,DC=test") != hashed("CN=Anne,DC=test")
    assert hashed("no name \udcff") != hashed("another \udcff")


@pytest.mark.parametrize(
    ("cursor", "highest", "groups", "filter_"),
    [
        ({}, b"20", [], ""),
        ({"invocation": "A", "usn": 10}, b"20", [], "(uSNChanged>=11)"),
        ({"invocation": "A", "usn": 10}, b"20", [b"10"], "(uSNChanged>=11)"),
        ({"invocation": "A", "usn": 10}, b"20", [b"11"], ""),
        ({"invocation": "B", "usn": 10}, b"20", [], ""),
        ({"invocation": "A", "usn": 30}, b"20", [], ""),
        ({"invocation": "A", "usn": "10"}, b"20", [], ""),
        ({"invocation": "A", "usn": 10}, None, [], ""),
    ],
)
def test_change_numbers_say_who_is_read(
    cursor: dict[str, Any], highest: bytes | None, groups: list[bytes], filter_: str
) -> None:
    position = ad_position(cursor, "A", highest, groups)
    assert position.filter == filter_
    assert position.cursor() == ({"invocation": "A", "usn": 20} if highest else {})


@pytest.mark.parametrize(
    ("cursor", "groups", "filter_"),
    [
        ({}, [], ""),
        ({"stamp": "20260101000200Z"}, [], "(modifyTimestamp>=20251231235700Z)"),
        ({"stamp": "20260101000200Z"}, [b"20260101000200Z"], "(modifyTimestamp>=20251231235700Z)"),
        ({"stamp": "20260101000200Z"}, [b"20260101000201Z"], ""),
        ({"stamp": "20260101000200Z"}, [b"nonsense"], "(modifyTimestamp>=20251231235700Z)"),
        ({"stamp": "*)(uid=*"}, [], ""),
        ({"stamp": 5}, [], ""),
    ],
)
def test_timestamps_say_who_is_read(cursor: dict[str, Any], groups: list[bytes], filter_: str) -> None:
    position = stamp_position(cursor, groups)
    assert position.filter == filter_
    position.saw(b"20270101000000.123Z")
    position.saw(b"20250101000000Z")
    position.saw(None)
    assert position.cursor() == {"stamp": "20270101000000Z"}
