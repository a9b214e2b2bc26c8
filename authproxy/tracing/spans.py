"""What a trace shows of a decided login: a span for the login, one below it for each step of its trail. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from authproxy.model import LoginRecord, Step

_FAILED = frozenset(("unavailable", "failed", "passed"))
"""Results of steps that say that something is wrong with the service, not with what the user typed."""


@dataclass(frozen=True, slots=True)
class Span:
    """``began`` and ``ended`` in seconds of the epoch. ``problem``: what went wrong, if anything did."""

    name: str
    began: float
    ended: float
    attributes: Mapping[str, str]
    problem: str = ""
    children: tuple[Span, ...] = field(default=())


def trace_number(login_id: str) -> int:
    """The trace of a login: both halves of a challenged one are in the same. 128 bits, never 0."""
    return int.from_bytes(sha256(b"authproxy login " + login_id.encode()).digest()[:16], "big") or 1


def span_of(login: LoginRecord, *, with_names: bool) -> Span:
    """``with_names``: also who logged in and from where, and the steps' details, which hold names."""
    began = login.at - login.elapsed
    ends = [step.at for step in login.steps]
    children = tuple(
        _of_step(step, began, since, with_names=with_names)
        for step, since in zip(login.steps, [0.0, *ends], strict=False)
    )
    attributes = {
        "authproxy.login_id": login.login_id,
        "authproxy.section": login.section,
        "authproxy.result": login.result,
        "authproxy.reason": login.reason,
        "authproxy.factor": login.factor,
        "authproxy.nas": login.nas,
    }
    if with_names:
        attributes |= {
            "enduser.id": login.username,
            "client.address": login.client_ip or "",
            "authproxy.device": login.device,
        }
    problem = next((child.problem for child in children if child.problem), "")
    return Span("login", began, login.at, _told(attributes), problem, children)


def _of_step(step: Step, began: float, since: float, *, with_names: bool) -> Span:
    attributes = {"authproxy.result": step.result, "authproxy.detail": step.detail if with_names else ""}
    problem = step.result if step.result in _FAILED else ""
    return Span(step.stage, began + since, began + max(step.at, since), _told(attributes), problem)


def _told(attributes: Mapping[str, str]) -> dict[str, str]:
    """What there is something to say of."""
    return {name: value for name, value in attributes.items() if value}
