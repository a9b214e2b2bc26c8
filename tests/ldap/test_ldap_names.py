"""Filters and names: built as values, parsed from text, and compared with what ldap3 makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.operation.search import compile_filter, parse_filter
from ldap3.utils.dn import parse_dn
from pyasn1.codec.ber import encoder

from authproxy.errors import ConfigError
from authproxy.ldap import dn, filter_text, filters
from authproxy.ldap.filters import (
    And,
    Approx,
    AtLeast,
    AtMost,
    Equal,
    Extensible,
    Filter,
    Not,
    Or,
    Present,
    Substrings,
)
from authproxy.ldap.matching import matches

names = st.sampled_from(["uid", "cn", "memberOf", "1.2.840.113556.1.4.8", "cn;lang-de"])
values = st.binary(max_size=20)
leaves: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Equal, names, values),
    st.builds(AtLeast, names, values),
    st.builds(AtMost, names, values),
    st.builds(Approx, names, values),
    st.builds(Present, names),
    st.builds(Extensible, names, st.sampled_from(["", "1.2.3"]), values, st.booleans()),
    st.builds(
        Substrings,
        names,
        st.binary(min_size=1, max_size=5),
        st.lists(st.binary(min_size=1, max_size=5), max_size=3).map(tuple),
        st.binary(max_size=5),
    ),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple).map(And),
        st.lists(inner, max_size=3).map(tuple).map(Or),
        inner.map(Not),
    ),
    max_leaves=8,
)

TEXTS = [
    "(uid=anna)",
    "(&(objectClass=user)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
    "(|(cn=a*b*c)(cn=*x*)(cn=x*)(cn=*x))",
    "(memberOf:1.2.840.113556.1.4.1941:=CN=VPN,OU=Groups,DC=example,DC=test)",
    "(cn:dn:2.4.6.8.10:=Dino)",
    "(:dn:2.4.6.8.10:=Dino)",
    "(mail=*)",
    "(uidNumber>=1000)",
    "(uidNumber<=1000)",
    "(sn~=müller)",
    r"(cn=par\28en\29 \2a \5c \00)",
    "(&(a=1)(|(b=2)(c=3)))",
]


@pytest.mark.parametrize("text", TEXTS)
def test_filters_mean_the_same_bytes_to_ldap3(text: str) -> None:
    theirs = encoder.encode(compile_filter(parse_filter(text, None, False, None, None, False).elements[0]))
    theirs = theirs.replace(b"\x84\x01\x01", b"\x84\x01\xff")  # RFC 4511 5.1: TRUE is FF
    assert filters.encode(filter_text.parse(text)) == theirs


@given(trees)
def test_filters_read_back_as_built(tree: Filter) -> None:
    encoded = filters.encode(tree)
    assert filters.decode(encoded, 0, len(encoded)) == (tree, len(encoded))


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_a_configuration_error(text: str) -> None:
    try:
        filters.encode(filter_text.parse(text))
    except ConfigError as error:
        assert "character" in str(error)


def test_outer_parentheses_and_spaces_between_parts_are_optional() -> None:
    assert filter_text.parse("uid=x") == Equal("uid", b"x")
    assert filter_text.parse("(& (a=1)\n (b=2) )") == And((Equal("a", b"1"), Equal("b", b"2")))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(&(a=1)", "')'"),
        ("(a=1))", "behind the end"),
        ("(a)", "operator"),
        ("(a=\\zz)", "backslash"),
        ("(=x)", "attribute"),
        ("(!(a=1)(b=2))", "exactly one"),
        ("(a=b(c)", "\\28"),
        ("(!" * 30 + "(a=1)" + ")" * 30, "nested"),
    ],
)
def test_a_wrong_filter_says_what_and_where(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        filter_text.parse(text)
    assert words in str(caught.value) and "character" in str(caught.value)


ENTRY = {"uid": (b"Anna",), "memberof": (b"CN=VPN, DC=example",), "uidnumber": (b"1000",)}


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("(uid=anna)", True),
        ("(uid=a*a)", True),
        ("(uid=*nn*)", True),
        ("(uid=ann*nna)", False),
        ("(memberOf=cn=vpn,dc=example)", True),
        ("(uidNumber>=999)", True),
        ("(uidNumber<=999)", False),
        ("(mail=*)", False),
        ("(!(mail=*))", True),
        ("(&(uid=anna)(mail=*))", False),
        ("(|(uid=bob)(uid=anna))", True),
        ("(!(x:1.2.3:=1))", None),
        ("(&(uid=bob)(x:1.2.3:=1))", False),
        ("(|(uid=anna)(x:1.2.3:=1))", True),
        ("(&)", True),
        ("(|)", False),
    ],
)
def test_matching(text: str, truth: bool | None) -> None:
    assert matches(filter_text.parse(text), ENTRY) is truth


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("CN=Anna,DC=Example", "cn=anna, dc=example", True),
        ("cn=Comma\\, Ann,dc=x", "cn=Comma\\2C  ann,dc=x", True),
        ("cn=a+uid=b,dc=x", "UID=b + CN=a,dc=x", True),
        ("2.5.4.3=a", "cn=a", True),
        ("cn=M\\C3\\BCller", "cn=MÜLLER", True),
        ("cn=a,dc=x", "cn=a,dc=y", False),
        ("cn=a\\ ", "cn=a", True),
    ],
)
def test_names_compare_as_directories_do(one: str, other: str, is_same: bool) -> None:
    assert dn.is_same(one, other) is is_same


def test_what_is_below_what() -> None:
    base = dn.key("dc=example,dc=test")
    assert dn.is_within(dn.key("uid=a,DC=Example,DC=test"), base) and dn.is_within(base, base)
    assert not dn.is_within(dn.key("dc=test"), base) and not dn.is_within(
        dn.key("uid=a,dc=xexample,dc=test"), base
    )


def test_the_domain_of_a_search_base() -> None:
    assert dn.domain("OU=Staff,DC=corp,DC=example") == "corp.example"
    assert dn.domain("o=Example") is None


@pytest.mark.parametrize("text", ["cn", "=x", "cn=a,", "cn=a\\", "cn=a\\z", 'cn="a"', "cn=" + "a" * 9000])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(dn.DnError):
        dn.parse(text)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_an_escaped_value_reads_back(value: str) -> None:
    assert dn.parse(f"cn={dn.escape(value)},dc=x") == ((("cn", value),), (("dc", "x"),))


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_a_dn_error(text: str) -> None:
    try:
        assert dn.key(text) == dn.key(text)
    except dn.DnError as error:
        assert str(error)


@given(st.lists(st.text("aB,+\\;=é ", min_size=1, max_size=8).map(str.strip).filter(bool), min_size=1, max_size=4))
def test_ldap3_finds_the_same_parts(parts: list[str]) -> None:
    text = ",".join(f"cn={dn.escape(part)}" for part in parts)
    assert [kind for kind, _value, _separator in parse_dn(text)] == ["cn"] * len(parts)
    assert [rdn[0][1] for rdn in dn.parse(text)] == parts
