"""What API clients are answered: OK with a response, or FAIL with a code that begins with the HTTP status."""

from __future__ import annotations

import json
from dataclasses import dataclass

from authproxy.model import JsonValue


@dataclass(frozen=True, slots=True)
class Problem:
    code: int
    message: str

    @property
    def status(self) -> int:
        """Of HTTP."""
        return self.code // 100


MISSING_PARAMETERS = Problem(40001, "Missing required request parameters")
INVALID_PARAMETERS = Problem(40002, "Invalid request parameters")
DUPLICATE = Problem(40003, "Duplicate resource")
MISSING_CREDENTIALS = Problem(40101, "Missing request credentials")
UNKNOWN_IKEY = Problem(40102, "Invalid integration key in request credentials")
BAD_SIGNATURE = Problem(40103, "Invalid signature in request credentials")
MISSING_DATE = Problem(40104, "Missing request timestamp")
BAD_DATE = Problem(40105, "Bad request timestamp")
FORBIDDEN = Problem(40301, "Access forbidden")
NOT_FOUND = Problem(40401, "Resource not found")
WRONG_METHOD = Problem(40501, "Method not allowed")
TOO_LARGE = Problem(41301, "Request too large")
TOO_MANY = Problem(42901, "Too Many Requests")
INTERNAL = Problem(50001, "Internal error")
UNAVAILABLE = Problem(50301, "Service unavailable")


class Refusal(Exception):
    """Ends a request; ``detail`` names the parameter at fault, or says more."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        super().__init__(problem.message, detail)
        self.problem = problem
        self.detail = detail


def ok(response: JsonValue) -> dict[str, JsonValue]:
    return {"stat": "OK", "response": response}


def fail(problem: Problem, detail: str = "") -> dict[str, JsonValue]:
    said: dict[str, JsonValue] = {"stat": "FAIL", "code": problem.code, "message": problem.message}
    return {**said, "message_detail": detail} if detail else said


def to_json(envelope: dict[str, JsonValue]) -> bytes:
    return json.dumps(envelope, separators=(",", ":")).encode("ascii")
