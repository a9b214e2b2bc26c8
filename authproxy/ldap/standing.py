"""Who a client is bound as: its binds, those that the directory decides alone and those that are logins."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from authproxy.errors import AuthproxyError
from authproxy.ldap import messages, responses
from authproxy.ldap.binds import Bind, Login, Relayed, Unfit, read_bind
from authproxy.ldap.login import BindAttempt
from authproxy.ldap.messages import Envelope, open_envelope, seal
from authproxy.ldap.operations import answer
from authproxy.ldap.reading import Reading
from authproxy.ldap.requests import SaslBind, SimpleBind
from authproxy.ldap.responses import Code, Result
from authproxy.ldap.section import FrontSection
from authproxy.ldap.upstream import Upstream
from authproxy.model import Accept, AuthRequest, Reason, Reject, Trail, new_login_id


class Client(Protocol):
    """The connection to the client."""

    peer: str
    client_ip: str | None
    is_secure: bool
    reading: Reading

    def write(self, message: bytes) -> None: ...
    def start_tls(self, answer: bytes) -> None:
        """Sends the answer, then begins the handshake."""

    def goodbye(self, code: Code, text: str) -> None:
        """A Notice of Disconnection, and the end."""

    def close(self) -> None: ...
    def trust(self) -> None:
        """Somebody is bound: larger requests are taken."""


class Standing:
    """``is_user``: the last bind was a login. ``login``: the one that is being decided."""

    def __init__(self, client: Client, section: FrontSection, upstream: Upstream) -> None:
        self.is_user = False
        self.is_bound = False
        self.login: BindAttempt | None = None
        self._client = client
        self._section = section
        self._upstream = upstream
        self._binds = 0  # those that were not refused unasked
        self._sasl = b""  # the mechanism of an exchange that goes on

    def bind(self, envelope: Envelope) -> Coroutine[Any, Any, None] | None:
        """What is to be waited for, if the bind was not refused at once. Raises BerError."""
        bind = read_bind(envelope)
        is_next_step = isinstance(bind, SaslBind) and bind.mechanism == self._sasl != b""
        decision = self._section.rules.decide(bind, self._binds, is_next_step)
        self._sasl = b""
        if isinstance(decision, Unfit):
            if self.is_bound:  # whoever fails to bind is nobody (RFC 4511 4.2.1): the directory has to learn of it
                self._upstream.drop()
            self.is_user = self.is_bound = False
            self._refuse(envelope.message_id, decision.code, decision.text)
            return None
        if not is_next_step:
            self._binds += 1
        self.is_user = self.is_bound = False
        if isinstance(decision, Relayed):
            return self._relay(envelope, bind, decision.why)
        assert isinstance(bind, SimpleBind)
        self.login = BindAttempt(envelope, self._request(decision, bind.password), self._upstream)
        return self._log_in(self.login)

    def give_up(self, code: Code | None = None, text: str = "") -> None:
        """The login is of no use any more. The directory forgets who bound; the client is told if a code is given.

        Whoever runs what :meth:`bind` gave cancels it afterwards.
        """
        login, self.login = self.login, None
        self._upstream.drop()
        if login is not None and code is not None:
            self._refuse(login.message_id, code, text)

    def _refuse(self, message_id: int, code: Code, text: str) -> None:
        self._client.write(answer(message_id, messages.BIND_RESPONSE, code, text))

    # ------------------------------------------------------------ decided by the directory

    async def _relay(self, envelope: Envelope, bind: Bind, why: str) -> None:
        try:
            frame = await self._upstream.bind(envelope.message_id, envelope.frame)
            result = responses.decode_result(open_envelope(frame))
        except AuthproxyError as error:
            self._section.log_unreachable(self._client.peer, error)
            self._refuse(envelope.message_id, Code.UNAVAILABLE, "the directory can't be reached")
            return
        if result.code == Code.SASL_BIND_IN_PROGRESS and isinstance(bind, SaslBind):
            self._sasl = bind.mechanism
        elif why:
            self.is_bound = result.code == Code.SUCCESS
            self._section.log_exempt(self._client.peer, _name(bind), why, result)
        self._finish(frame)

    def _finish(self, frame: bytes) -> None:
        if self.is_bound:
            self._client.trust()
        self._client.write(frame)

    # ------------------------------------------------------------ decided by the login pipeline

    def _request(self, login: Login, password: bytes) -> AuthRequest:
        section, client = self._section, self._client
        return AuthRequest(
            new_login_id(),
            section.name,
            login.username,
            password,
            client.peer,
            client.client_ip,
            Trail(section.now),
            dn=login.dn,
        )

    async def _log_in(self, attempt: BindAttempt) -> None:
        section = self._section
        outcome = await section.authenticator.start(attempt.request, section.primary_for(attempt.bind))
        if self.login is not attempt:  # it was given up; whatever it has done since must not count
            self._upstream.drop()
            return
        self.login = None
        if isinstance(outcome, Accept) and attempt.is_bound and self._upstream.is_open:
            self.is_user = self.is_bound = True
            self._finish(attempt.answer)
            return
        if attempt.is_bound or attempt.result is None:
            self._upstream.drop()  # nobody may go on as a user who was not let in, nor as who was bound before
        reject = outcome if isinstance(outcome, Reject) else Reject(reason=Reason.INTERNAL_ERROR)
        refused = section.refusals.choose(attempt, reject)
        if isinstance(refused, Result):
            refused = seal(attempt.message_id, responses.encode_result(messages.BIND_RESPONSE, refused))
        self._client.write(refused)


def _name(bind: Bind) -> str:
    name = bind.name if isinstance(bind, SimpleBind | SaslBind) else b""
    return name.decode("utf-8", "replace")
