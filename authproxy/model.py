"""The words every room shares: a request, who it turned out to be, what was decided, and the trail.

Nothing here does I/O or knows Twisted. Outcomes are classes, consumed by ``match``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from authproxy.value import value

SqlValue = str | int | float | bytes | None
JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]

_LOGIN_ID_LETTERS = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789" * 8  # one for each octet


def new_login_id() -> str:
    """An ID of 10 characters that a user can read to the help desk over the phone."""
    return secrets.token_bytes(10).translate(_LOGIN_ID_LETTERS).decode()


# ---------------------------------------------------------------- the trail


@value
class Step:
    """One thing that was done for a login: ``stage`` (``primary``, ``policy``, ``second factor`` ...),
    ``result`` (one or two words), ``detail`` (for the log, never a secret), ``at`` seconds since the start."""

    stage: str
    result: str
    detail: str
    at: float


class Trail:
    """The steps of one login, in order, with timings in seconds of a monotonic clock."""

    __slots__ = ("_now", "_started", "steps")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._started = now()
        self.steps: list[Step] = []

    def add(self, stage: str, result: str, detail: str = "") -> None:
        self.steps.append(self.step(stage, result, detail))

    def step(self, stage: str, result: str, detail: str = "") -> Step:
        """As it would be added now."""
        return Step(stage, result, detail, self._now() - self._started)

    def elapsed(self) -> float:
        return self._now() - self._started


Watches = Callable[[str, str, str, str | None], bool]
"""Whether a login is to be logged in detail: its section, the name, who asks, the user's address."""


def watches_nobody(section: str, username: str, nas: str, client_ip: str | None) -> bool:
    return False


# ---------------------------------------------------------------- what came in


@dataclass(slots=True, eq=False)
class Conversation:
    """A login that an upstream server settles with the user's device by a method that shows no password
    (MS-CHAP, EAP). It may take several requests; this is what they have in common.

    ``host`` is the upstream host that was asked first, ``state`` what it wants to be told again. ``eap_types``
    are those the device answered with, in order. ``is_name_bound`` is False once the name in the request need
    not be the one that is authenticated (tunnels, certificates). ``verified`` is the name that was, when known.
    """

    method: str
    host: str = ""
    state: bytes = b""
    rounds: int = 0
    eap_types: list[int] = field(default_factory=list)
    is_name_bound: bool = True
    verified: str = ""


@value
class AuthRequest:
    """One login as an appliance or application asked for it.

    ``password`` is the field as sent: it may hold ``password,123456``, a factor's name, or an answer to a
    challenge. ``nas`` is the peer's network address; ``client_ip`` is the user's, where it is known.
    ``relayed`` holds whole raw RADIUS attributes (type, length, value) that an upstream RADIUS server may see.
    ``dn``: the name as typed, if an LDAP client gave a distinguished name; ``username`` is then its first value.
    With a ``conversation`` there is no password to look at, and User-Name is among ``relayed``.
    ``session``: where ``client_ip`` is not known, what else the appliance says of the user's connection, hashed:
    the same when it asks for one login anew. Empty where it says nothing.
    """

    login_id: str
    section: str
    username: str
    password: bytes = field(repr=False)
    nas: str
    client_ip: str | None
    trail: Trail = field(repr=False, compare=False)
    relayed: tuple[bytes, ...] = ()
    dn: str = ""
    conversation: Conversation | None = None
    session: str = ""

    def in_login(self, login_id: str, trail: Trail, conversation: Conversation) -> AuthRequest:
        """As a part of the login that an earlier request has begun."""
        return AuthRequest(
            login_id,
            self.section,
            self.username,
            self.password,
            self.nas,
            self.client_ip,
            trail,
            self.relayed,
            self.dn,
            conversation,
            self.session,
        )

    @property
    def whence(self) -> str:
        """What two requests for one login have in common: the user's address, or else the session."""
        return self.client_ip or self.session

    @property
    def login_name(self) -> str:
        """Whose login it is, as far as is known: ``username``, or the name that was authenticated instead."""
        verified = "" if self.conversation is None else self.conversation.verified
        return verified or self.username


# ---------------------------------------------------------------- what the user typed besides the password


class Factor(StrEnum):
    PUSH = "push"
    PHONE = "phone"
    SMS = "sms"
    PASSCODE = "passcode"


@value
class Choice:
    """``push``, ``phone3``, ``sms2`` ... or ``auto`` (``factor`` None). ``number``
    counts capable devices from 1."""

    factor: Factor | None
    number: int = 1


@value
class Passcode:
    """A code from a token, a phone, an SMS, or a bypass code, as typed."""

    code: str = field(repr=False)


Typed = Choice | Passcode

AUTO = Choice(None)


# ---------------------------------------------------------------- primary authentication


class Reason(StrEnum):
    """Why a login was refused, for log, trail and metrics; the user only ever reads ``Access denied.``"""

    BAD_PASSWORD = "bad password"  # noqa: S105
    EMPTY_PASSWORD = "empty password"  # noqa: S105
    UNKNOWN_USER = "unknown user"
    NOT_IN_GROUP = "not in the required group"
    AMBIGUOUS_USER = "several directory entries match"
    ACCOUNT_DISABLED = "account disabled"
    ACCOUNT_EXPIRED = "account expired"
    ACCOUNT_LOCKED = "account locked in the directory"
    PASSWORD_EXPIRED = "password expired"  # noqa: S105
    PASSWORD_MUST_CHANGE = "password must be changed"  # noqa: S105
    LOGON_HOURS = "logon not permitted at this time"
    LOGON_RESTRICTED = "logon not permitted for this account here"
    REJECTED_UPSTREAM = "rejected by the upstream server"
    PRIMARY_UNAVAILABLE = "no answer from the primary server"
    NO_PASSCODE = "no passcode or factor was given"
    BAD_PASSCODE = "wrong passcode"
    REUSED_PASSCODE = "passcode was already used"
    FACTOR_NOT_ALLOWED = "factor not allowed here"
    FACTOR_NOT_AVAILABLE = "the user has no device for this factor"
    NOT_ENROLLED = "user is not enrolled"
    POLICY_DENIED = "denied by a policy"
    LOCATION_DENIED = "location not allowed"
    USER_DISABLED = "user is disabled"
    USER_LOCKED_OUT = "user is locked out"
    PUSH_DENIED = "push denied"
    PUSH_FRAUD = "push reported as fraud"
    TOO_MANY_PUSHES = "too many pushes lately"
    TOO_MANY_MESSAGES = "too many messages and calls lately"
    CALL_FRAUD = "call reported as fraud"
    BAD_SECURITY_KEY = "security key not proven"
    WRONG_NUMBER = "wrong number or code of a verified push"
    TIMED_OUT = "no answer in time"
    GIVEN_UP = "the client gave up"
    STALE_CHALLENGE = "unknown, used or expired challenge"
    SECOND_FACTOR_UNAVAILABLE = "no answer from the second-factor service"
    SERVICE_DENIED = "denied by the second-factor service"
    SERVICE_REFUSED = "the second-factor service refused the request"
    CALL_DENIED = "call not accepted"
    SMS_SENT = "new SMS passcodes were sent"
    NOT_RECORDED = "the login could not be recorded"
    UNSUPPORTED = "not supported"
    INTERNAL_ERROR = "internal error"


@value
class Sealed:
    """A RADIUS attribute that is encrypted anew on each hop, here in clear: session keys, tunnel passwords.

    ``key`` is vendor and type, ``how`` the dictionary's ``encrypt`` flag, ``tag`` empty or one octet, ``value``
    what was encrypted, padding included.
    """

    key: tuple[int, int]
    how: int
    tag: bytes
    value: bytes = field(repr=False)


@value
class Identity:
    """A user whose password was right.

    ``username`` is the directory's own spelling where there is one (the second factor is looked up by it).
    ``attributes`` are whole raw RADIUS attributes from upstream, to be passed to the appliance on success.
    ``sealed`` are those among them that are encrypted on each hop.
    ``exempt`` says why this user's password is enough, if it is.
    ``doubt``: why it is not sure that the name and the password belong together; then nothing short of the second
    factor itself lets the user in.
    """

    username: str
    dn: str | None = None
    email: str | None = None
    attributes: tuple[bytes, ...] = ()
    exempt: str = ""
    sealed: tuple[Sealed, ...] = ()
    doubt: str = ""


@value
class Denied:
    """Primary authentication said no. ``detail`` goes to log and trail only. ``attributes`` as in Identity."""

    reason: Reason
    detail: str = ""
    attributes: tuple[bytes, ...] = ()


@value
class Continue:
    """Nothing is decided yet: the upstream server has said ``attributes`` to the user's device and waits for its
    answer, in a request that bears ``state`` (which is the front door's to choose)."""

    attributes: tuple[bytes, ...]
    state: bytes = b""


class Primary(Protocol):
    """Checks a password. Implementations live in ``primary/``."""

    async def check(self, request: AuthRequest, password: bytes) -> Identity | Denied | Continue:
        """Raises PrimaryUnavailable when nobody answered in time. An empty password is always Denied; Continue
        comes only where the request has a ``conversation``."""
        ...


# ---------------------------------------------------------------- second factor

SUCCESS = "Success. Logging you in..."  # administrators' scripts look for this line
ACCESS_DENIED = "Access denied."  # all that a refused user is told


@value
class Ask:
    """What policy wants of the second factor: what was typed, what is allowed in which order of preference,
    and whether the appliance can show a prompt (``can_prompt``), also of where to enroll (``can_enroll``).
    ``verified_push``: ``none``, or with which proof a push is asked: ``number`` or ``code``, which take a prompt.
    ``entry``: where a verdict that is reached in the store may be recorded as it is reached."""

    typed: Typed | None
    factors: tuple[Factor, ...]
    can_prompt: bool = False
    prompt_format: str = "long"
    can_enroll: bool = False
    verified_push: str = "none"
    entry: Entry | None = field(default=None, repr=False, compare=False)


@value
class Allowed:
    """The second factor was given, or is not asked of this user (``factor`` says which: ``passcode``,
    ``push``, ``bypass code``, ``bypass status``, ``not enrolled`` ...). ``message`` is shown to the user."""

    factor: str
    message: str = SUCCESS
    device: str = ""
    is_given: bool = True  # False: it is not asked of this user
    detail: str = ""  # for log and trail: which policy let the user in


@value
class Refused:
    """The second factor was not given. ``message`` is shown to the user and must not tell
    whether the user exists."""

    reason: Reason
    message: str = ACCESS_DENIED
    factor: str = ""
    detail: str = ""


@value
class Prompt:
    """The user must answer ``text``. ``resume`` is what the second factor needs to understand the answer."""

    text: str
    resume: Mapping[str, JsonValue]


Verdict = Allowed | Refused | Prompt


class SecondFactor(Protocol):
    """Asks for something the user has. Implementations live in ``secondfactor/``."""

    async def begin(self, who: Identity, ask: Ask, request: AuthRequest) -> Verdict:
        """Raises SecondFactorUnavailable or StoreUnavailable; never raises because of what the user typed."""
        ...

    async def answer(
        self, who: Identity, resume: Mapping[str, JsonValue], reply: str, request: AuthRequest
    ) -> Verdict:
        """The user's answer to a Prompt; may return another Prompt."""
        ...


# ---------------------------------------------------------------- what goes back


@value
class Accept:
    message: str
    attributes: tuple[bytes, ...] = ()
    sealed: tuple[Sealed, ...] = ()
    doubt: str = ""


@value
class Reject:
    """``reason`` is for the choice of a result code where the protocol has several, not for the user."""

    message: str = ACCESS_DENIED
    attributes: tuple[bytes, ...] = ()
    reason: str = field(default="", compare=False)


@value
class Challenge:
    """``state`` is opaque, printable, at most 32 bytes, and redeemed once."""

    text: str
    state: bytes


Outcome = Accept | Reject | Challenge | Continue


class Authenticates(Protocol):
    """What a front door (RADIUS, LDAP, HTTP) is handed: one per server section."""

    async def start(self, request: AuthRequest, primary: Primary | None = None) -> Outcome:
        """A new login. Never raises; always ends within the section's ``appliance_timeout``. ``primary``: who
        checks this one password instead of the section's own. Cancelling it ends the login: the client is gone."""
        ...

    async def resume(self, state: bytes, request: AuthRequest) -> Outcome:
        """The answer to a challenge. Never raises; an unknown State is a Reject, never a new login."""
        ...


# ---------------------------------------------------------------- what is kept


@value
class LoginRecord:
    """One decided login, as log and ``authproxy explain`` show it (``result``: accept, reject, challenge).
    ``dn`` is empty but for LDAP."""

    login_id: str
    at: float
    section: str
    username: str
    nas: str
    client_ip: str | None
    result: str
    reason: str
    factor: str
    device: str
    steps: tuple[Step, ...]
    elapsed: float
    dn: str = ""


class Executes(Protocol):
    """As much of an open transaction as it takes to record something."""

    def execute(self, sql: str, parameters: Mapping[str, SqlValue] = ..., /) -> object: ...


class Entry:
    """A login's place in the journal, for who reaches the verdict in the store: verdict and record are then
    on disk together, or neither is."""

    __slots__ = ("_insert", "_record_of", "_written")

    def __init__(
        self, record_of: Callable[[Verdict], LoginRecord], insert: Callable[[Executes, LoginRecord], None]
    ) -> None:
        self._record_of = record_of
        self._insert = insert
        self._written: tuple[Verdict, LoginRecord] | None = None

    def write(self, transaction: Executes, verdict: Verdict) -> None:
        """Records the login, once the transaction is committed; the verdict is final then."""
        login = self._record_of(verdict)
        self._insert(transaction, login)
        self._written = verdict, login

    def recorded(self, verdict: Verdict) -> LoginRecord | None:
        """After the commit: the record of this verdict; None if it is still to be written."""
        if self._written is None or self._written[0] is not verdict:
            return None
        return self._written[1]


class Journal(Protocol):
    """Where logins are recorded before they are answered."""

    async def record(self, login: LoginRecord) -> None:
        """Durable when it returns. Raises StoreUnavailable: the caller must not accept."""
        ...

    def entry(self, record_of: Callable[[Verdict], LoginRecord]) -> Entry:
        """For a login whose verdict may be reached in the store. ``record_of`` is called in the store's thread,
        perhaps more than once: it must change nothing."""
        ...


@value
class PendingChallenge:
    """What a challenge State stands for; bound to the section, the appliance and the name as typed."""

    section: str
    nas: str
    typed_username: str
    who: Identity
    resume: Mapping[str, JsonValue]
    login_id: str


class Challenges(Protocol):
    """Open challenges: single use, expiring."""

    async def issue(self, pending: PendingChallenge) -> bytes:
        """A fresh State (24 printable ASCII bytes). Raises StoreUnavailable."""
        ...

    async def redeem(self, state: bytes) -> PendingChallenge | None:
        """The challenge, exactly once; None if unknown, used or expired. Raises StoreUnavailable."""
        ...
