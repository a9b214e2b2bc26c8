"""What a browser shows of a login in the prompt: where it is, and what may be done there. Words only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from authproxy.model import JsonValue
from authproxy.secondfactor import enroll_api


@dataclass(frozen=True, slots=True)
class PromptRequest:
    """What an application asks, signed by it. ``username``: as the application knows it, letter by letter.
    ``code_name``: of the parameter that carries the code (``duo_code``, ``code``). ``must_prove``: a browser that
    is remembered is asked all the same."""

    ikey: str
    redirect_uri: str
    state: str
    nonce: str
    username: str
    code_name: str
    must_prove: bool = False

    def to_json(self) -> dict[str, JsonValue]:
        return {name: getattr(self, name) for name in PromptRequest.__dataclass_fields__}

    @classmethod
    def of_json(cls, data: Mapping[str, JsonValue]) -> PromptRequest:
        texts = {name: str(value) for name, value in data.items() if name != "must_prove"}
        return cls(**texts, must_prove=bool(data.get("must_prove")))


@dataclass(frozen=True, slots=True)
class Browser:
    """Who looks. ``agent``: its User-Agent. ``cookies``: may remember something."""

    address: str
    agent: str
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Method:
    """A way to log in by a phone. ``factor``: push, phone, sms. ``device``: the phone's ID. ``label``: how it is
    shown. ``hint``: how the next SMS passcode begins, if one is open."""

    factor: str
    device: str
    label: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """What came of the attempt before: for the user, in English. ``is_bad``: it was refused."""

    text: str
    is_bad: bool


@dataclass(frozen=True, slots=True)
class Choosing:
    """``methods``: the best first. ``has_key``: a security key, that counts here. ``help_text``: of the help desk,
    or empty."""

    application: str
    username: str
    methods: tuple[Method, ...]
    takes_passcodes: bool
    takes_bypass_codes: bool
    has_key: bool
    has_portal: bool
    note: Note | None = None
    help_text: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """For a phone. ``label``: how it is shown. ``status``: pushed, calling, answered.
    ``code``: to be typed on it."""

    application: str
    username: str
    factor: str
    label: str
    status: str
    code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Enrolling:
    """The user has nothing to log in with, and may set something up. ``phone``: how far one is."""

    application: str
    username: str
    phone: enroll_api.Stage
    takes_keys: bool
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class Remembering:
    """The user is in; shall this browser be remembered for ``days``?"""

    application: str
    username: str
    days: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """A cookie for the browser. ``seconds``: how long it keeps it."""

    name: str
    value: str = field(repr=False)
    seconds: int


@dataclass(frozen=True, slots=True)
class Going:
    """Back to the application with a code: the only stage that holds one."""

    url: str = field(repr=False)
    remembered: Remembered | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing can be done here. ``text``: in English. ``help_text``: of the help desk, or empty."""

    application: str
    text: str
    help_text: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no such prompt any more: the user has to begin anew at the application."""


Stage = Choosing | Waiting | Enrolling | Remembering | Going | Closed | Gone
