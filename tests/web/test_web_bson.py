"""BSON: examples of the specification, there and back, and anything else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authproxy.web.api.bson import BadBson, decode, encode

EXAMPLES = [
    ({"hello": "world"}, b"\x16\x00\x00\x00\x02hello\x00\x06\x00\x00\x00world\x00\x00"),
    ({"code": 40103}, b"\x0f\x00\x00\x00\x10code\x00\xa7\x9c\x00\x00\x00"),
    ({"a": {"b": True, "c": None}}, b"\x14\x00\x00\x00\x03a\x00\x0c\x00\x00\x00\x08b\x00\x01\x0ac\x00\x00\x00"),
    ({}, b"\x05\x00\x00\x00\x00"),
]
names = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.dictionaries(
        st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), inner
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(("document", "data"), EXAMPLES)
def test_documents_are_written_and_read_as_specified(document: Any, data: bytes) -> None:
    assert encode(document) == data
    assert decode(data) == document


@given(st.dictionaries(st.text("abc", max_size=3), values, max_size=4))
def test_what_is_written_is_read(document: Any) -> None:
    assert decode(encode(document)) == document


@pytest.mark.parametrize(("_document", "data"), EXAMPLES)
def test_a_document_cut_anywhere_is_bad(_document: Any, data: bytes) -> None:
    for end in range(len(data)):
        with pytest.raises(BadBson):
            decode(data[:end])
    with pytest.raises(BadBson):
        decode(data + b"\x00")


@given(
    st.binary(max_size=60),
    st.sampled_from([data for _, data in EXAMPLES]),
    st.integers(0, 40),
    st.integers(0, 255),
)
def test_anything_else_is_read_or_is_bad(data: bytes, example: bytes, at: int, byte: int) -> None:
    damaged = example[: at % len(example)] + bytes((byte,)) + example[at % len(example) + 1 :]
    for text in (data, damaged):
        try:
            assert isinstance(decode(text), dict)
        except BadBson:
            continue


def test_depth_and_size_are_bounded() -> None:
    deep: Any = {}
    for _ in range(20):
        deep = {"a": deep}
    with pytest.raises(BadBson):
        decode(encode(deep))
    with pytest.raises(BadBson):
        decode(encode({"a": "b" * (1 << 20)}))


@pytest.mark.parametrize("document", [{"a": [1]}, {"a": 1 << 63}, {"a\x00b": 1}])
def test_what_has_no_form_here_is_not_written(document: Any) -> None:
    with pytest.raises(ValueError, match=r"BSON|NUL"):
        encode(document)
