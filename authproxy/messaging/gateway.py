"""What a gateway for messages and calls is asked, what it says, and what it tells later: the contract."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from authproxy.secondfactor.reach import masked

_NUMBER = re.compile(r"\+?\d(?:[ ()./-]{0,2}\d){6,}")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Message:
    """``report_url``: where to tell how it went; empty if nowhere."""

    number: str = field(repr=False)
    text: str = field(repr=False)
    report_url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallUrls:
    """Where to ask what to say once somebody answers, where to tell the key, and where to tell all else."""

    answer: str
    key: str
    status: str


@dataclass(frozen=True, slots=True)
class Ring:
    """A call to be made. ``text``: what it says."""

    number: str = field(repr=False)
    extension: str
    predelay: int
    postdelay: int
    text: str
    urls: CallUrls = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True)
class Taken:
    """``provider_id``: the gateway's own name for it, empty if it told none."""

    provider_id: str = ""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """``is_sure``: nothing was sent, and nobody was called. ``why`` has no number in it."""

    why: str
    is_sure: bool = True


# ---------------------------------------------------------------- what it tells later


@dataclass(frozen=True, slots=True)
class Came:
    """A request from outside. ``pairs``: the body's, or the query's where there is no body. ``signature``: of
    Twilio, empty without one."""

    path: str
    query: str = field(repr=False)
    pairs: tuple[tuple[str, str], ...] = field(repr=False)
    signature: str = field(repr=False)

    def value(self, name: str) -> str:
        """The last one, as gateways do; empty if there is none."""
        return next((value for key, value in reversed(self.pairs) if key == name), "")


class Happened(StrEnum):
    """To a call. ``OVER``: it has ended, whatever happened before."""

    RINGING = "ringing"
    ANSWERED = "answered"
    UNREACHED = "unreached"
    FAILED = "failed"
    OVER = "over"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Heard:
    """News of a call. ``key``: what was pressed, empty: none; None: nobody was asked for one yet."""

    happened: Happened
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """News of a message: delivered or failed; ``status`` is empty when it is neither."""

    status: str
    detail: str = ""


class Say(StrEnum):
    """What a call says next. All but ``ASK`` end it."""

    ASK = "ask"
    ACCEPTED = "accepted"
    REPORTED = "reported"
    DENIED = "denied"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: str = ""
    media_type: str = "text/plain"


# ---------------------------------------------------------------- contracts


class Gateway(Protocol):
    @property
    def sends_texts(self) -> bool: ...
    @property
    def places_calls(self) -> bool: ...

    async def text(self, message: Message) -> Taken | NotTaken: ...

    async def call(self, ring: Ring) -> Taken | NotTaken: ...

    async def hang_up(self, provider_id: str) -> None:
        """As far as it can."""
        ...

    def is_genuine(self, came: Came) -> bool:
        """Whether it comes from the gateway, beyond that it knows the address it was told."""
        ...

    def read_report(self, came: Came) -> Report: ...

    def read_call(self, step: str, came: Came) -> Heard:
        """``step``: which of the addresses: answer, key or status."""
        ...

    def say(self, step: str, say: Say, urls: CallUrls, text: str, postdelay: int) -> Reply:
        """``text``: what is said."""
        ...


class HearsGateway(Protocol):
    """What the web side hands on. Raises StoreUnavailable."""

    async def text_report(self, row: str, token: str, came: Came) -> Reply: ...

    async def call_step(self, token: str, step: str, came: Came) -> Reply: ...


# ---------------------------------------------------------------- words


def without_numbers(text: str) -> str:
    """What a gateway says, for logs: one line, and of phone numbers the last digits only."""
    line = " ".join(text.split())[: 4 * _LONGEST]
    return _NUMBER.sub(lambda found: masked(found[0]), line)[:_LONGEST]
