"""One login through a bind: what the directory said of the password is kept until the login is decided."""

from __future__ import annotations

from authproxy.ldap import requests, responses
from authproxy.ldap.messages import Envelope, open_envelope, seal
from authproxy.ldap.operations import plain
from authproxy.ldap.requests import SimpleBind
from authproxy.ldap.responses import Code, Result
from authproxy.ldap.upstream import Upstream
from authproxy.model import AuthRequest, Reason, Reject

_NOBODY_COULD_SAY = frozenset((
    Reason.PRIMARY_UNAVAILABLE, Reason.SECOND_FACTOR_UNAVAILABLE, Reason.NOT_RECORDED, Reason.INTERNAL_ERROR,
))  # fmt: skip


class BindAttempt:
    """A client's bind and, once it was asked, the directory's answer to it."""

    def __init__(self, envelope: Envelope, request: AuthRequest, upstream: Upstream) -> None:
        self.message_id = envelope.message_id
        self.request = request
        self.answer = b""
        self.result: Result | None = None
        self._controls = envelope.controls
        self._upstream = upstream

    async def bind(self, name: bytes, password: bytes) -> Result:
        """Asks the directory, on the client's own connection, with the client's controls and message ID.

        Raises ConnectionFailed, PrimaryUnavailable, BerError.
        """
        operation = requests.encode(SimpleBind(name, password)) + self._controls
        self.answer = await self._upstream.bind(self.message_id, seal(self.message_id, operation))
        self.result = responses.decode_result(open_envelope(self.answer))
        return self.result

    @property
    def is_bound(self) -> bool:
        """Whether the client's connection to the directory is bound as the user now."""
        return self.result is not None and self.result.code == Code.SUCCESS


class Refusals:
    """What a client whose login was refused is told: nothing that tells a user who exists from one who doesn't.

    Who can't be found is refused in the words in which the directory last refused a wrong password.
    """

    def __init__(self) -> None:
        self._wrong_password = Result(Code.INVALID_CREDENTIALS)

    def choose(self, attempt: BindAttempt, reject: Reject) -> Result | bytes:
        """A result of our own, or the directory's whole answer."""
        if attempt.result is not None and not attempt.is_bound:
            if reject.reason == Reason.BAD_PASSWORD:
                self._wrong_password = attempt.result._replace(controls=b"", value=None)
            return attempt.answer
        if reject.reason in _NOBODY_COULD_SAY:
            return Result(Code.UNAVAILABLE, message="try again later")
        if attempt.is_bound or reject.reason == Reason.TIMED_OUT:
            return Result(Code.INVALID_CREDENTIALS, message=plain(reject.message))
        return self._wrong_password
