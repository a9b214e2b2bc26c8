"""The Auth API of the embedded service: implements ``authapi.AuthApi``."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from authproxy.errors import StoreUnavailable
from authproxy.model import Allowed, Factor, Journal, LoginRecord, Reason, Refused
from authproxy.secondfactor import activations, api_words
from authproxy.secondfactor.api_devices import api_devices, text_menu
from authproxy.secondfactor.api_logins import ApiLogins, Origin, Ready
from authproxy.secondfactor.api_policy import ApiPolicy
from authproxy.secondfactor.api_users import ApiUser
from authproxy.secondfactor.authapi import (
    Application,
    AuthCall,
    BadParameter,
    Enrollment,
    Preauth,
    Progress,
    Who,
)
from authproxy.secondfactor.enroll_links import EnrollLinks
from authproxy.secondfactor.enrollment import NewUser, enrolling
from authproxy.secondfactor.ids import new_id
from authproxy.secondfactor.known import Known
from authproxy.secondfactor.open_transactions import OpenTransactions, Transaction
from authproxy.secondfactor.outofband import OutOfBand
from authproxy.secondfactor.prepared import PreparedPushes
from authproxy.secondfactor.reach import reachable
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.rulebook import Rulebook
from authproxy.secondfactor.users import checked_name
from authproxy.secondfactor.verification import Seals
from authproxy.store.writer import Writer

_FAILED = Progress("deny", "deny", "The login could not be completed. Please try again.")
_ALREADY_THERE = "username already exists"

_log = Logger()


class Transactions:
    """One for all applications; those of :meth:`begin` go on in the background until :meth:`stop`."""

    def __init__(
        self,
        book: Rulebook,
        writer: Writer,
        seals: Seals,
        ways: OutOfBand,
        journal: Journal,
        announce: Callable[[LoginRecord], None],
        clock: IReactorTime,
        now: Callable[[], float],
        links: EnrollLinks | None = None,
    ) -> None:
        """``now``: epoch seconds. ``announce`` is told of every login that ended. ``links``: where to enroll."""
        self._book = book
        self._writer = writer
        self._lines = ways.gateways.lines
        self._links = links
        self._now = now
        self._prepared = PreparedPushes(clock.seconds)
        self._logins = ApiLogins(book, writer, seals, ways, self._prepared, journal, announce, now, clock.seconds)
        self._open = OpenTransactions(clock)
        self._running: set[Deferred[None]] = set()

    def stop(self) -> None:
        """Gives up what goes on."""
        for running in list(self._running):
            running.cancel()

    # ------------------------------------------------------------ preauth

    async def preauth(
        self, app: Application, who: Who, call: AuthCall, *, text_prompt: bool = False, verified_push: bool = False
    ) -> Preauth:
        """See AuthApi. Who may log in without more, or can't at all, has had a login with that: it is recorded."""
        origin, user = await self._logins.find(self._logins.origin(app, who, call), who)
        match user.standing:
            case Known() as known if known.is_enrolled(self._lines) or user.has_bypass_code:
                return self._ask(origin, user, known, text_prompt, verified_push)
            case Known() | Refused(reason=Reason.NOT_ENROLLED) if self._enrolls(origin):
                assert self._links is not None
                return Preauth("enroll", api_words.ENROLL, enroll_portal_url=self._links.link(user.name))
            case Known():
                return await self._deny(origin, Refused(Reason.NOT_ENROLLED, detail="the user has no device"))
            case Refused() as refused:
                return await self._deny(origin, refused)
            case Allowed() as allowed:
                await self._logins.record(origin, allowed)
                return Preauth("allow", api_words.ACTIVE)

    def _enrolls(self, origin: Origin) -> bool:
        return origin.policy.new_user_policy == "enroll" and self._links is not None

    async def _deny(self, origin: Origin, refused: Refused) -> Preauth:
        await self._logins.record(origin, refused)
        return Preauth("deny", api_words.final(refused).message)

    def _ask(self, origin: Origin, user: ApiUser, known: Known, text_prompt: bool, verified_push: bool) -> Preauth:
        factors = origin.policy.factors
        devices = api_devices(known, factors, self._lines, user.generators)
        is_verified = (
            verified_push
            and origin.policy.verified_push
            and Factor.PUSH in factors
            and any(reachable(known.phones, Factor.PUSH, self._lines))
        )
        menu, words = text_menu(known, factors, self._lines, is_verified) if text_prompt else ("", {})
        if not is_verified:
            return Preauth("auth", api_words.ACTIVE, devices, menu=menu, words=words)
        prepared = self._prepared.prepare(origin.application, known.username, known.policy.verified_push.digits)
        return Preauth(
            "auth",
            api_words.ACTIVE,
            devices,
            menu=menu,
            words=words,
            txid=prepared.txid,
            verification_code=prepared.code,
        )

    # ------------------------------------------------------------ auth

    async def auth(self, app: Application, who: Who, call: AuthCall) -> Progress:
        """See AuthApi."""
        return (await self._logins.run(await self._logins.prepare(app, who, call), lambda progress: None)).progress

    async def begin(self, app: Application, who: Who, call: AuthCall) -> str:
        """See AuthApi."""
        ready = await self._logins.prepare(app, who, call)
        transaction = self._open.open(app.name)
        running: Deferred[None] = Deferred.fromCoroutine(self._go_on(ready, transaction))
        if not running.called:
            self._running.add(running)
            running.addBoth(lambda _: self._running.discard(running))
        return transaction.id

    async def _go_on(self, ready: Ready, transaction: Transaction) -> None:
        end, login_id = _FAILED, ready.origin.login_id
        try:
            end = (await self._logins.run(ready, transaction.advance)).progress
        except CancelledError:
            pass  # the service stops
        except StoreUnavailable as error:
            _log.error("{app}: {problem}", app=transaction.application, problem=str(error), login=login_id)
        except Exception:
            _log.failure("{app}: internal error", app=transaction.application, login=login_id)
        self._open.end(transaction, end)

    async def progress(self, app: Application, txid: str) -> Progress:
        """See AuthApi."""
        return await self._open.news(app.name, txid)

    # ------------------------------------------------------------ enroll

    async def enroll(self, app: Application, username: str, valid_seconds: int) -> Enrollment:
        """See AuthApi."""
        shown = username.strip() or uuid.uuid4().hex
        now = self._now()
        try:
            name = checked_name(shown, ApiPolicy.of(app, self._book.rules).username_normalization)
            expires = activations.checked_expiry(now, valid_seconds or activations.DEFAULT_SECONDS)
        except BadValue as error:
            raise BadParameter(str(error)) from None
        new = NewUser(new_id("DU"), new_id("DP"), name, shown, activations.new_code(), now, expires)
        if not await self._writer.run(enrolling(new)):
            raise BadParameter(_ALREADY_THERE)
        base_url = self._book.service.web.base_url if self._book.service.web else ""
        activation = activations.shown(new.code, base_url, expires)
        return Enrollment(new.user_id, name, activation.code, activation.url, activation.barcode, expires)

    async def enroll_status(self, app: Application, user_id: str, activation_code: str) -> str:
        """See AuthApi."""
        return await self._writer.run(activations.telling_status(user_id, activation_code, self._now()))
