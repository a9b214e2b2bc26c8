"""Which attributes may cross between appliance and upstream server."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from authproxy.radius.attributes import Dictionary
from authproxy.radius.packet import attribute, vendor_attribute
from authproxy.radius.passthrough import PassThrough

DICTIONARY = Dictionary.load()
EVERYTHING = PassThrough(DICTIONARY, everything=True)

USER = attribute(1, b"alice")
CLASS = attribute(25, b"OU=vpn;")
AVPAIR = vendor_attribute(9, 1, b"shell:priv-lvl=15")
GROUP = vendor_attribute(25461, 5, b"admins")
MPPE_KEY = vendor_attribute(311, 16, b"0123456789")


def test_nothing_crosses_unless_named() -> None:
    nothing = PassThrough(DICTIONARY)
    assert nothing.is_nothing
    assert nothing.of_request([USER, CLASS, AVPAIR]) == nothing.of_reply([USER, CLASS, AVPAIR]) == ()


def test_named_attributes_cross_in_their_order_and_unchanged() -> None:
    named = PassThrough(DICTIONARY, names=["class", "Cisco-AVPair"])
    assert named.of_reply([AVPAIR, CLASS, GROUP, USER, AVPAIR]) == (AVPAIR, CLASS, AVPAIR)
    assert named.unknown == ()


def test_unknown_names_are_told() -> None:
    named = PassThrough(DICTIONARY, names=["Class", "Clas", "Nothing"])
    assert named.unknown == ("Clas", "Nothing")
    assert named.of_reply([CLASS]) == (CLASS,)


def test_user_name_crosses_back_but_not_forth() -> None:
    assert EVERYTHING.of_request([USER, CLASS]) == (CLASS,)
    assert EVERYTHING.of_reply([USER, CLASS]) == (USER, CLASS)


WHAT_BELONGS_TO_ONE = [
    *(attribute(type_, b"0123456789abcdef") for type_ in (2, 3, 24, 33, 60, 69, 79, 80)),
    *(vendor_attribute(311, type_, b"x" * 50) for type_ in (1, 2, 3, 4, 5, 6, 11, 12, 16, 17, 25, 26, 27)),
]


def test_what_belongs_to_one_hop_never_crosses_even_by_name() -> None:
    for raw in WHAT_BELONGS_TO_ONE:
        named = PassThrough(DICTIONARY, True, [DICTIONARY.name(raw)])
        assert named.of_request([raw, CLASS]) == (CLASS,)
        assert named.of_reply([raw, CLASS]) == (CLASS,)


def test_vendor_specific_as_a_name_means_every_vendor() -> None:
    named = PassThrough(DICTIONARY, names=["Vendor-Specific"])
    assert named.of_reply([CLASS, AVPAIR, GROUP, MPPE_KEY]) == (AVPAIR, GROUP)


def test_vendor_attribute_of_several_parts_is_kept_whole_or_rebuilt_without_what_may_not_cross() -> None:
    allowed = attribute(26, b"\0\0\0\x09" + b"\x01\x05abc" + b"\x02\x03d")
    mixed = attribute(26, b"\0\0\x01\x37" + b"\x10\x05key" + b"\x22\x03v")
    assert EVERYTHING.of_reply([allowed]) == (allowed,)
    assert EVERYTHING.of_reply([mixed]) == (vendor_attribute(311, 34, b"v"),)
    named = PassThrough(DICTIONARY, names=["Cisco-AVPair"])
    assert named.of_reply([allowed]) == (vendor_attribute(9, 1, b"abc"),)


def test_secret_hidden_behind_an_odd_vendor_attribute_does_not_cross() -> None:
    trailing = attribute(26, b"\0\0\x01\x37" + b"\x22\x03v" + b"\x10\x05key" + b"\x00")
    assert b"key" not in b"".join(EVERYTHING.of_reply([trailing]))


@given(st.lists(st.builds(attribute, st.integers(1, 255), st.binary(max_size=60)), max_size=10))
def test_any_attributes_cross_whole(attributes: list[bytes]) -> None:
    for raw in EVERYTHING.of_reply(attributes):
        assert raw[1] == len(raw)
