"""docs/authevents.md: the fields and words of ``authevents.log``, held to what a daemon writes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from authproxy.model import Reason
from tests.docs.conftest import DocsSite
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "authevents.md").read_text("utf-8")
LOGIN = 'authproxy radtest --config "$AUTHPROXY_CONFIG" --section {section} {user} "{typed}" || true'


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def first_cells(title: str) -> set[str]:
    """What the first column of a section's table has in code spans."""
    rows = [line.split("|")[1] for line in section(title).splitlines() if line.startswith("| `")]
    return {word for row in rows for word in re.findall(r"`([^`]*)`", row)}


@pytest.fixture(scope="module")
def events(docs_site: DocsSite) -> list[dict[str, Any]]:
    """What several logins leave: let in, refused for the password and for the code, prompted, exempt."""
    directory = docs_site.directory
    docs_site.sh("authproxy user set bob --status bypass", directory)
    code = docs_site.sh("authproxy bypass create alice", directory).split()
    bypass = next(word for word in code if word.isdigit() and len(word) >= 6)
    before = len(read(docs_site))
    for where, user, typed in (
        ("radius_server_auto", "alice", f"wonderland,{bypass}"),
        ("radius_server_auto", "alice", "wrong,123456"),
        ("radius_server_auto", "alice", "wonderland,000000"),
        ("radius_server_auto", "nobody", "wonderland,000000"),
        ("radius_server_challenge", "alice", "wonderland"),
        ("radius_server_auto", "bob", "builder, 2nd"),
    ):
        docs_site.sh(LOGIN.format(section=where, user=user, typed=typed), directory)
    docs_site.sh("authproxy user set bob --status active", directory)
    return read(docs_site)[before:]


def read(site: DocsSite) -> list[dict[str, Any]]:
    file = site.directory / "state" / "log" / "authevents.log"
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_the_page_has_every_field_and_no_other(events: list[dict[str, Any]]) -> None:
    assert {key for event in events for key in event} | {"dn"} == first_cells("Fields")


def test_the_page_has_every_word(events: list[dict[str, Any]]) -> None:
    assert {event["status"] for event in events} == {"Allow", "Reject", "Challenge"}
    assert {event["status"] for event in events} <= first_cells("status")
    assert {event["auth_stage"] for event in events} <= first_cells("auth_stage")
    assert {event["factor"] for event in events} - {None, ""} <= first_cells("factor")
    assert {str(reason) for reason in Reason} | {
        "exempt_username",
        "exempt_ou",
        "failmode",
        "primary-only",
    } == first_cells("reason")


def test_the_examples_are_lines_as_they_are_written(events: list[dict[str, Any]]) -> None:
    lines = [json.loads(line) for line in re.findall(r"^\{.*\}$", PAGE, re.MULTILINE)]
    kinds = {(line["auth_stage"], line["status"]): line for line in lines}
    assert len(kinds) >= 4
    for event in events:
        example = kinds.get((event["auth_stage"], event["status"]))
        assert example is None or list(example) == list(event)
