"""A login at the command line: requests and answers in turn, shown and explained."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from authproxy.cli.appliance import Heard, TestAppliance
from authproxy.radius.attributes import Dictionary
from authproxy.radius.packet import (
    ACCESS_ACCEPT,
    ACCESS_CHALLENGE,
    ACCESS_REJECT,
    REPLY_MESSAGE,
    STATE,
    Packet,
)

_CODES = {
    ACCESS_ACCEPT: ("Access-Accept", "accept", 0),
    ACCESS_REJECT: ("Access-Reject", "reject", 1),
    ACCESS_CHALLENGE: ("Access-Challenge", "challenge", 2),
}
_NO_ANSWER = 3

_SILENCE = """\
A RADIUS server is silent, and not impolite, in each of these cases; from here they look the same:
 * nothing listens at {server}, or a firewall is between: `ss -lun` over there
 * {own} is in no radius_ip_N of the section: its log says that a request from an unknown client was dropped
 * the secret is not that section's radius_secret_N: its log says "wrong Message-Authenticator"
 * the user has not answered a push or a call yet: --timeout was {timeout:g} s"""
_REFUSED = "{server} says that nobody listens on that port: is the service running, and is `port` right?"
_UNBELIEVED = "A reply came that can't be believed ({reasons}): the secret differs from the server's."
_REJECTED = "Refused: the server's log says why (`authproxy explain {user}` on an authproxy)."
_UNSIGNED = "The reply has no Message-Authenticator: whoever sits between can forge it (CVE-2024-3596)."


class Conversation:
    """One login: requests and answers until accept, reject, silence, or a challenge that nobody answers."""

    def __init__(
        self, dictionary: Dictionary, server: str, own: str, user: str, timeout: float, as_json: bool
    ) -> None:
        self._dictionary = dictionary
        self._server = server
        self._own = own
        self._user = user
        self._timeout = timeout
        self._as_json = as_json
        self._exchanges: list[dict[str, object]] = []

    def hold(self, appliance: TestAppliance, password: str, replies: Iterator[str], copies: int) -> int:
        """The exit status."""
        field, state = password, None
        while True:
            heard = appliance.login(octets(self._user), octets(field), state, self._timeout, copies)
            hints = self._hints(heard)
            self._show(heard, hints)
            reply = heard.reply
            if reply is None:
                return self._end("no answer", _NO_ANSWER)
            _name, result, status = _CODES.get(reply.code, ("", "no answer", _NO_ANSWER))
            if reply.code != ACCESS_CHALLENGE:
                return self._end(result, status)
            state = reply.first(STATE)
            answer = next(replies, None)
            if answer is None:
                return self._end(result, status)
            field = answer

    def _hints(self, heard: Heard) -> list[str]:
        names = {"server": self._server, "own": self._own, "timeout": self._timeout, "user": self._user}
        reply = heard.reply
        if reply is None:
            if heard.refused:
                return [_REFUSED.format(**names)]
            if heard.unbelieved:
                return [_UNBELIEVED.format(reasons=", ".join(sorted(set(heard.unbelieved))))]
            return [_SILENCE.format(**names)]
        hints = [_REJECTED.format(**names)] if reply.code == ACCESS_REJECT else []
        if not reply.is_signed:
            hints.append(_UNSIGNED)
        if heard.differing:
            hints.append(
                f"{heard.differing} copies of the request were answered differently: no duplicate detection."
            )
        return hints

    def _show(self, heard: Heard, hints: list[str]) -> None:
        reply = heard.reply
        attributes = [] if reply is None else [_described(self._dictionary, raw) for raw in reply.attributes]
        code = _code_of(reply)
        if self._as_json:
            self._exchanges.append(
                {
                    "code": code,
                    "seconds": round(heard.seconds, 6),
                    "message_authenticator": heard.signed,
                    "attributes": [list(pair) for pair in attributes],
                    "answers": heard.copies,
                    "unbelieved": list(heard.unbelieved),
                    "hints": hints,
                }
            )
            return
        click.echo(f"{code} from {self._server} after {heard.seconds * 1000:.1f} ms")
        if reply is not None:
            click.echo(f"  Message-Authenticator: {heard.signed}; answers received: {heard.copies}")
        for name, value in attributes:
            click.echo(f"  {name} = {_shown(value)}")
        for hint in hints:
            click.echo(hint)

    def _end(self, result: str, status: int) -> int:
        if self._as_json:
            shown = {"server": self._server, "user": self._user, "result": result, "exchanges": self._exchanges}
            click.echo(json.dumps(shown, indent=2))
        elif result == "challenge":
            click.echo("The challenge was not answered: give --answer.")
        return status


def _code_of(reply: Packet | None) -> str:
    if reply is None:
        return "No answer"
    return _CODES.get(reply.code, (f"Code {reply.code}", "", 0))[0]


def _described(dictionary: Dictionary, raw: bytes) -> tuple[str, str]:
    name, value = dictionary.describe(raw)
    if raw[0] == REPLY_MESSAGE:
        value = raw[2:].decode("utf-8", "replace")
    return name, value


def _shown(value: str) -> str:
    """Lines stay lines; nothing that a server sends may steer the terminal."""
    lines = ("".join(char if char.isprintable() else "?" for char in line) for line in value.splitlines())
    return "\n    ".join(lines)


def octets(text: str) -> bytes:
    """What was typed, byte for byte."""
    return text.encode("utf-8", "surrogateescape")
