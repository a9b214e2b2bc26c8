"""The parser: lines, encodings, and agreement with Python's own."""

from __future__ import annotations

import configparser
import string

from hypothesis import example, given, settings
from hypothesis import strategies as st

from authproxy.config import ini
from authproxy.config.problems import Severity
from authproxy.config.validate import check

NAMES = st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=12)
VALUES = st.text(string.printable.translate({ord(char): None for char in "\r\n\v\f"}) + "äß€", max_size=20)
BLANKS = st.sampled_from(["", " ", "  ", "\t"])
COMMENTS = st.sampled_from(["", "; text", "# [section]", "   ;; key=value", "\t#"])


@st.composite
def well_formed_files(draw: st.DrawFn) -> str:
    """Sections with unique names and keys, comments and blank lines between, one indent throughout."""
    indent = draw(BLANKS)
    lines = []
    for section in draw(st.lists(NAMES, max_size=4, unique_by=str.lower)):
        lines += [draw(COMMENTS), f"{indent}[{section.lower()}]{draw(BLANKS)}"]
        for key in draw(st.lists(NAMES, max_size=4, unique_by=str.lower)):
            lines += [draw(COMMENTS), f"{indent}{key}{draw(BLANKS)}={draw(BLANKS)}{draw(VALUES)}"]
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


@given(well_formed_files())
@settings(max_examples=200, deadline=None)
def test_well_formed_files_mean_what_they_mean_to_raw_config_parser(text: str) -> None:
    judge = configparser.RawConfigParser(strict=True, default_section="\0", delimiters=("=",))
    judge.read_string(text.replace("\r\n", "\n"))
    document = ini.parse(text, "f.cfg")
    assert document.problems == ()
    assert {
        section.name: {entry.key: entry.value for entry in section.entries} for section in document.sections
    } == {name: dict(judge.items(name)) for name in judge.sections()}


@given(well_formed_files())
@settings(max_examples=50, deadline=None)
def test_every_entry_and_header_knows_its_line(text: str) -> None:
    lines = text.replace("\r\n", "\n").split("\n")
    for section in ini.parse(text, "f.cfg").sections:
        assert lines[section.line - 1].strip() == f"[{section.name}]"
        for entry in section.entries:
            assert lines[entry.line - 1].strip().lower().startswith(entry.key)


PIECES = st.sampled_from(
    [
        *("[", "]", "=", ":", ";", "#", "\n", "\r", "\0", " ", "\ufeff", "\x85", "\u2028", "\u200b", "ſ"),
        *("[main]\n", "[ad_client]\n", "[radius_server_auto2]\n", ";[ad_client]\n", "host", "radius_ip_1", "port"),
        *("radius_secret_protected_", "1", "99999999999", "10.0.0.0/0", "-", "AQAAA", '"', "client=", "debug"),
    ]
)


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join)))
@example("[MAIL\n\ufeffd=\n 0=")  # names of the file in a message
@settings(max_examples=400, deadline=None)
def test_no_text_makes_parser_or_checks_raise_and_every_problem_has_its_line(text: str) -> None:
    document = ini.parse(text, "f.cfg")
    checked = check(document)
    lines = len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    assert all(1 <= problem.line <= lines for problem in checked.problems)
    assert all(problem.render().isprintable() for problem in checked.problems)
    assert document.sections or not checked.usable


@given(st.binary(max_size=100))
@settings(max_examples=200, deadline=None)
def test_no_bytes_make_decoding_raise(data: bytes) -> None:
    text, problems = ini.decode(data, "f.cfg")
    ini.parse(text, "f.cfg")
    assert all(problem.line >= 1 for problem in problems)


def test_byte_order_mark_is_skipped() -> None:
    text, problems = ini.decode(b"\xef\xbb\xbf[main]\r\ndebug=true\r\n", "f.cfg")
    assert problems == []
    (section,) = ini.parse(text, "f.cfg").sections
    assert (section.name, section.line, section.entries[0].value) == ("main", 1, "true")


def test_byte_order_mark_in_text_is_skipped() -> None:
    assert ini.parse("\ufeff[main]", "f.cfg").sections[0].name == "main"


def test_value_in_another_encoding_is_an_error_with_its_line_and_a_comment_a_warning() -> None:
    _, problems = ini.decode(b"; caf\xe9\n[main]\nlog_dir=/caf\xe9\n", "f.cfg")
    assert [(problem.line, problem.severity) for problem in problems] == [
        (1, Severity.WARNING),
        (3, Severity.ERROR),
    ]
    assert "byte 0xe9 in column 13" in problems[1].message


def test_utf_16_is_named_as_such() -> None:
    text, problems = ini.decode("[main]".encode("utf-16"), "f.cfg")
    assert text == ""
    assert "UTF-16" in problems[0].message


def test_colon_delimits_only_where_there_is_no_equals_sign() -> None:
    (section,) = ini.parse("[main]\na:b=c\nd: e\n", "f.cfg").sections
    assert [(entry.key, entry.value) for entry in section.entries] == [("a:b", "c"), ("d", "e")]


def test_commented_headers_are_remembered_with_their_lines() -> None:
    document = ini.parse("; ;[AD_Client]\n# [main] and more\n;;[ main ]\n", "f.cfg")
    assert [(header.name, header.line) for header in document.commented_headers] == [("ad_client", 1), ("main", 3)]


def test_nul_character_is_an_error() -> None:
    document = ini.parse("[main]\nlog_dir=/a\0b\n", "f.cfg")
    assert [(problem.line, problem.section) for problem in document.problems] == [(2, "main")]
    assert document.sections[0].entries == ()
