"""Whatever a service sends, it is read without an exception, and only ``allow`` is an allow."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from authproxy.apiclient.envelope import Answer, Outage, Refusal, read_envelope
from authproxy.apiclient.messages import HttpReply
from authproxy.model import Allowed, Factor, JsonValue
from authproxy.secondfactor.authapi import Progress
from authproxy.secondfactor.remote_answers import read_preauth, read_progress, read_txid, verdict_of
from authproxy.secondfactor.remote_devices import from_json, label, options, to_json

WORDS = st.sampled_from(["auth", "allow", "deny", "sent", "OK", "FAIL", "push", "DPX", "\ud800", "\x1b[0m"])
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KEYS = ("result", "status", "status_msg", "devices", "enroll_portal_url", "txid", "stat", "response", "code")
DEVICE = st.dictionaries(st.sampled_from(("device", "name", "number", "capabilities", "sms_nextcode")), VALUES)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES | st.lists(DEVICE | VALUES))
FACTORS = (Factor.PUSH, Factor.PHONE, Factor.SMS, Factor.PASSCODE)


@given(st.integers(100, 599), st.binary() | OBJECTS.map(lambda content: json.dumps(content).encode()))
def test_any_body_is_read(status: int, body: bytes) -> None:
    outcome = read_envelope(HttpReply(status, body))
    if isinstance(outcome, Answer):
        assert status == 200
    if 400 <= status < 500:
        assert isinstance(outcome, Refusal)
    if status >= 500:
        assert isinstance(outcome, Outage)


@given(OBJECTS)
def test_any_answer_is_read_and_shown_in_bounds(response: dict[str, JsonValue]) -> None:
    found = read_preauth(response)
    for text in (found.message, found.enroll_portal_url, *map(label, found.devices)):
        assert text.isprintable()
        assert len(text) <= 400
    assert options(from_json({"devices": to_json(found.devices)}), FACTORS) == options(found.devices, FACTORS)
    json.dumps(to_json(found.devices)).encode("ascii")
    read_txid(response)


@given(OBJECTS, st.sampled_from(FACTORS))
def test_only_allow_allows(response: dict[str, JsonValue], factor: Factor) -> None:
    verdict = verdict_of(read_progress(response), factor)
    assert isinstance(verdict, Allowed) == (response.get("result") == "allow")


def test_an_allow_needs_no_status() -> None:
    assert isinstance(verdict_of(Progress("allow", "", ""), Factor.PUSH), Allowed)
