"""Whose second factor an accepted EAP or MS-CHAP login needs."""

from __future__ import annotations

import pytest

from authproxy.config.settings import EapIdentity
from authproxy.model import Conversation, Denied
from authproxy.primary.verified_name import Name, verified_name

AUTO, INNER, REPLY, OUTER = EapIdentity
PEAP = Conversation("EAP", eap_types=[25], is_name_bound=False)
MD5 = Conversation("EAP", eap_types=[4])
UNSEEN = Conversation("EAP")
MS_CHAP = Conversation("MS-CHAPv2")


@pytest.mark.parametrize(
    ("conversation", "outer", "told", "rule", "name"),
    [
        (PEAP, "bob", [b"alice"], INNER, "alice"),
        (PEAP, "bob", [b"alice"], REPLY, "alice"),
        (PEAP, "bob", [b"alice"], AUTO, "alice"),
        (PEAP, "bob", [b"alice"], OUTER, "bob"),
        (PEAP, "bob", [], OUTER, "bob"),
        (PEAP, "bob", [b"bob", b"alice"], INNER, "alice"),  # repeated by itself, and told
        (PEAP, "bob", [b"bob"], REPLY, "bob"),
        (PEAP, "bob@example.test", [b"EXAMPLE\\Bob"], REPLY, "EXAMPLE\\Bob"),
        (MD5, "bob", [], INNER, "bob"),
        (MD5, "bob", [b"bob"], INNER, "bob"),
        (MD5, "bob", [b"robert"], INNER, "robert"),
        (MS_CHAP, "bob", [], INNER, "bob"),
        (MS_CHAP, "bob", [b"robert"], OUTER, "robert"),
    ],
)
def test_name_that_counts(
    conversation: Conversation, outer: str, told: list[bytes], rule: EapIdentity, name: str
) -> None:
    assert verified_name(conversation, outer, told, rule) == Name(name)


@pytest.mark.parametrize(
    ("outer", "told", "name"),
    [("bob", [], "bob"), ("bob", [b"bob"], "bob"), ("bob@x.test", [b"X\\Bob"], "X\\Bob")],
)
def test_name_that_is_only_claimed_is_taken_with_doubt(outer: str, told: list[bytes], name: str) -> None:
    found = verified_name(PEAP, outer, told, AUTO)
    assert isinstance(found, Name)
    assert found.text == name
    assert "inner tunnel" in found.doubt


@pytest.mark.parametrize(
    ("conversation", "outer", "told", "rule", "remedy"),
    [
        (PEAP, "bob", [], INNER, "inner tunnel"),
        (PEAP, "bob", [], REPLY, "inner tunnel"),
        (PEAP, "bob", [b"bob"], INNER, "eap_identity=reply"),
        (PEAP, "bob", [b"BOB@example.test"], INNER, "eap_identity=reply"),
        (UNSEEN, "bob", [b"bob"], INNER, "eap_identity=reply"),
        (PEAP, "anonymous", [b"anonymous"], REPLY, "inner tunnel"),
        (PEAP, "anonymous", [b"anonymous"], AUTO, "inner tunnel"),
        (PEAP, "anonymous@example.test", [], AUTO, "inner tunnel"),
        (PEAP, "@example.test", [b"@example.test"], REPLY, "inner tunnel"),
        (PEAP, "bob", [b"alice", b"carol"], REPLY, "several"),
        (MS_CHAP, "bob", [b"alice", b"carol"], INNER, "several"),
        (PEAP, "bob", [b"al\0ice"], INNER, "can't be read"),
        (PEAP, "bob", [b"alice", b""], INNER, "can't be read"),
    ],
)
def test_name_that_is_not_known_lets_nobody_in(
    conversation: Conversation, outer: str, told: list[bytes], rule: EapIdentity, remedy: str
) -> None:
    denied = verified_name(conversation, outer, told, rule)
    assert isinstance(denied, Denied)
    assert remedy in denied.detail
