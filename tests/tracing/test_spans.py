"""What a trace shows of a login."""

from __future__ import annotations

from dataclasses import replace

import pytest

from authproxy.model import LoginRecord, Step
from authproxy.tracing.spans import span_of, trace_number

LOGIN = LoginRecord(
    login_id="NL86464KTG",
    at=1_700_000_010.0,
    section="radius_server_auto",
    username="alice",
    nas="192.0.2.10",
    client_ip="198.51.100.7",
    result="accept",
    reason="",
    factor="push",
    device="Alice's phone",
    steps=(
        Step("primary", "ok", "uid=alice,dc=example", 0.25),
        Step("push", "asked", "Alice's phone", 0.5),
        Step("second factor", "allowed", "push Alice's phone", 9.5),
    ),
    elapsed=10.0,
)


def test_the_steps_follow_each_other_below_the_login() -> None:
    span = span_of(LOGIN, with_names=False)
    assert (span.name, span.began, span.ended) == ("login", 1_700_000_000.0, 1_700_000_010.0)
    assert [(child.name, child.began - span.began, child.ended - span.began) for child in span.children] == [
        ("primary", 0.0, 0.25),
        ("push", 0.25, 0.5),
        ("second factor", 0.5, 9.5),
    ]
    assert [child.attributes for child in span.children] == [
        {"authproxy.result": "ok"},
        {"authproxy.result": "asked"},
        {"authproxy.result": "allowed"},
    ]


def test_nobody_is_named_unless_it_is_wanted() -> None:
    span = span_of(LOGIN, with_names=False)
    assert span.attributes == {
        "authproxy.login_id": "NL86464KTG",
        "authproxy.section": "radius_server_auto",
        "authproxy.result": "accept",
        "authproxy.factor": "push",
        "authproxy.nas": "192.0.2.10",
    }
    named = span_of(LOGIN, with_names=True)
    assert named.attributes["enduser.id"] == "alice"
    assert named.attributes["client.address"] == "198.51.100.7"
    assert named.children[0].attributes["authproxy.detail"] == "uid=alice,dc=example"


@pytest.mark.parametrize(("result", "problem"), [("unavailable", "unavailable"), ("denied", "")])
def test_a_peer_that_did_not_answer_is_a_problem_and_a_wrong_password_is_none(result: str, problem: str) -> None:
    span = span_of(replace(LOGIN, steps=(Step("primary", result, "", 0.1),)), with_names=False)
    assert (span.problem, span.children[0].problem) == (problem, problem)


def test_a_clock_that_went_back_makes_no_span_that_ends_before_it_began() -> None:
    span = span_of(
        replace(LOGIN, steps=(Step("primary", "ok", "", 0.5), Step("x", "y", "", 0.4))), with_names=False
    )
    assert all(child.ended >= child.began for child in span.children)


def test_both_halves_of_a_challenged_login_are_in_one_trace() -> None:
    first, second = trace_number("NL86464KTG"), trace_number("NL86464KTG")
    assert first == second
    assert 0 < first < 1 << 128
    assert first != trace_number("NL86464KTH")
