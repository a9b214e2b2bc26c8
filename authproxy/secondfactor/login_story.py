"""A login told step by step, in the words that the shell and the panel share. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from authproxy.log_text import printable
from authproxy.model import JsonValue, LoginRecord


@dataclass(frozen=True, slots=True)
class StoryStep:
    """``at`` and ``took`` in milliseconds: since the request came in, and since the step before. ``what`` has no
    control characters, whatever came from the network."""

    at: float
    took: float
    stage: str
    what: str


@dataclass(frozen=True, slots=True)
class LoginStory:
    """``outcome`` in a line; ``elapsed`` in milliseconds."""

    login: LoginRecord
    outcome: str
    elapsed: float
    steps: tuple[StoryStep, ...]


def story_of(login: LoginRecord) -> LoginStory:
    steps, before = [], 0.0
    for step in login.steps:
        detail = f"  {step.detail}" if step.detail else ""
        steps.append(
            StoryStep(step.at * 1000, (step.at - before) * 1000, step.stage, printable(step.result + detail))
        )
        before = step.at
    why = login.reason or f"{login.factor} {login.device}".strip()
    outcome = f"{login.result}: {why}" if why else login.result
    return LoginStory(login, printable(outcome), login.elapsed * 1000, tuple(steps))


def login_facts(login: LoginRecord) -> dict[str, JsonValue]:
    """Everything about it but its time, as JSON: ``elapsed`` and ``at`` in seconds since the request came in."""
    return {
        "login_id": login.login_id,
        "section": login.section,
        "username": login.username,
        "nas": login.nas,
        "client_ip": login.client_ip,
        "result": login.result,
        "reason": login.reason,
        "factor": login.factor,
        "device": login.device,
        "elapsed": login.elapsed,
        "steps": [
            {"stage": step.stage, "result": step.result, "detail": step.detail, "at": step.at}
            for step in login.steps
        ],
    }
