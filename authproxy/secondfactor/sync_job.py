"""What one sync does, from reading to the last step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, TypeVar

import sqlalchemy as sa

from authproxy.model import JsonValue
from authproxy.secondfactor.audit import note
from authproxy.secondfactor.directories import Directory, cursor_of, set_cursor
from authproxy.secondfactor.names import normalize
from authproxy.secondfactor.roster import NOBODY, Cursor, DirectoryProblem, Reading, Roster, Unusable
from authproxy.secondfactor.sync_clerk import Clerk
from authproxy.secondfactor.sync_groups import keep_groups
from authproxy.secondfactor.sync_known import known_to, stored_users, those_who_left
from authproxy.secondfactor.sync_muster import Muster
from authproxy.secondfactor.sync_order import Interrupted, Order, Watches, Work
from authproxy.secondfactor.sync_person import Person, person_of
from authproxy.secondfactor.sync_plan import Add, Change, Conflict, Decision, Leave, Planner, Same, Stored
from authproxy.secondfactor.sync_runs import Counts, Mode, Run, end_run, note_progress
from authproxy.secondfactor.sync_spool import Spool
from authproxy.store.tables import users

if TYPE_CHECKING:
    from authproxy.secondfactor.sync import Sync

T = TypeVar("T")

_STEP: Final = 50  # people in a transaction: some milliseconds, and a second where each is sent a mail
_LONGEST_PAUSE: Final = 0.05  # seconds
_TELL_EVERY: Final = 1000
_MOST_RETRIED: Final = 1000


class Job:
    """From reading to the last step; :meth:`end` closes the books, whatever came of it."""

    def __init__(self, sync: Sync, directory: Directory, order: Order, run_id: int, watcher: Watches) -> None:
        self._sync = sync
        self._directory = directory
        self._order = order
        self._run_id = run_id
        self._watcher = watcher
        self.counts = Counts()
        self._planner = Planner(directory.id, directory.adopts)
        invites = sync.invites if directory.sends_invitations else None
        self._clerk = Clerk(directory, order.actor, invites)
        self._is_dry = order.mode is Mode.DRY
        self._cursor: Cursor | None = None
        self._mode = order.mode
        self._muster = Muster()
        self._claimed: dict[str, str] = {}  # what a dry run would have given away
        self._retried: list[Person] = []

    def perform(self) -> None:
        """Raises AuthproxyError."""
        with Spool(self._sync.state_dir) as spool:
            with self._sync.opens(self._directory.client) as roster:
                reading = self._open(roster)
                self._read(reading, spool)
            leaving = self._leaving(reading)
            if not self._is_dry:
                self._sync.books.change(lambda c: keep_groups(c, self._directory, reading.groups))
            self._apply(spool)
        self._disable(leaving)

    def end(self, connection: sa.Connection, status: str, problem: str) -> Run:
        """Closes the books on this run."""
        if status == "done" and self._cursor and self._mode in (Mode.FULL, Mode.INCREMENTAL):
            set_cursor(connection, self._directory, self._cursor)
        detail: dict[str, JsonValue] = {"mode": str(self._mode), "status": status, **dict(self.counts.numbers())}
        if problem:
            detail["problem"] = problem
        note(connection, self._order.actor, "directory sync", self._directory.name, detail)
        return end_run(connection, self._run_id, status, self.counts, problem, str(self._mode))

    # ------------------------------------------------------------ reading

    def _open(self, roster: Roster) -> Reading:
        source = self._directory.source()
        match self._order.mode:
            case Mode.USER:
                return roster.find(source, self._order.username, self._key())
            case Mode.INCREMENTAL:
                reading = roster.read(source, self._sync.books.read(lambda c: cursor_of(c, self._directory)))
                self._mode = Mode.FULL if reading.is_full else Mode.INCREMENTAL
                return reading
            case _:
                return roster.read(source, {})

    def _key(self) -> str:
        """Of the user who is meant; empty: the directory's name has to do."""
        name = normalize(self._order.username, self._sync.mode)
        theirs = sa.and_(users.c.username == name, users.c.directory_id == self._directory.id)
        return (
            self._sync.books.read(lambda c: c.execute(sa.select(users.c.directory_key).where(theirs)).scalar())
            or ""
        )

    def _read(self, reading: Reading, spool: Spool) -> None:
        self._muster.is_full = reading.is_full
        for each in reading.entries:
            self._check()
            self.counts.read += 1
            if isinstance(each, Unusable):
                self._skip(each)
                continue
            if self._muster.takes(each):
                spool.write(each)
            if self.counts.read % _TELL_EVERY == 0:
                self._tell("reading", self.counts.read, None)
        if reading.is_full and not self.counts.read:
            self._say(NOBODY)
        self._cursor = reading.cursor()
        self._tell("reading", self.counts.read, self.counts.read)

    def _skip(self, entry: Unusable) -> None:
        self.counts.skipped += 1
        self._say(f"{entry.dn}: {entry.problem}")

    def _check(self) -> None:
        if self._sync.is_halted():
            raise Interrupted("interrupted: the process ends")

    def _tell(self, stage: str, done: int, total: int | None) -> None:
        self._watcher.progress(stage, done, total)
        self._sync.books.change(lambda connection: note_progress(connection, self._run_id, self.counts))

    def _say(self, line: str) -> None:
        self.counts.tell(line)
        self._watcher.line(line)

    # ------------------------------------------------------------ who leaves

    def _leaving(self, reading: Reading) -> list[str]:
        """IDs. Raises Refused, DirectoryProblem."""
        read = self._sync.books.read
        if self._order.mode is not Mode.USER:
            limit = 100 if self._order.accepts_shrink else self._directory.shrink_limit
            return read(lambda connection: self._muster.leaving(connection, self._directory, limit))
        if self._muster.seen:
            return []
        key = self._key()
        if not key:
            raise DirectoryProblem(
                f"the directory {self._directory.name} has no user {self._order.username!r} who is active and in "
                "a chosen group"
            )
        return read(lambda connection: those_who_left(connection, self._directory, lambda other: other != key))

    # ------------------------------------------------------------ carrying out

    def _apply(self, spool: Spool) -> None:
        done = 0
        for batch in spool.batches(_STEP):
            people = []
            for entry in batch:
                person = person_of(entry, self._directory, self._sync.mode)
                if isinstance(person, Unusable):
                    self._skip(person)
                else:
                    people.append(person)
            self._step(people, is_last_try=False)
            done += len(batch)
            if done % _TELL_EVERY == 0 or done == len(spool):
                self._tell("writing", done, len(spool))
        retried, self._retried = self._retried, []
        for at in range(0, len(retried), _STEP):
            self._step(retried[at : at + _STEP], is_last_try=True)

    def _step(self, people: Sequence[Person], *, is_last_try: bool) -> None:
        """Names that are taken are tried again at the end: their owners may be renamed by then."""
        if not people:
            return

        def work(connection: sa.Connection) -> tuple[list[Decision], list[str]]:
            known = known_to(connection, self._directory, people)
            known.names |= {name: owner for name, owner in self._claimed.items() if name not in known.names}
            decisions, oddities = self._planner.plan(people, known)
            if not self._is_dry:
                oddities += self._clerk.carry_out(connection, decisions, self._sync.now())
            return decisions, oddities

        decisions, oddities = self._change(work)
        for oddity in oddities:
            self._say(oddity)
        for decision in decisions:
            self._count(decision, is_last_try=is_last_try)

    def _change(self, work: Work[T]) -> T:
        """A step; then logins may write for as long as it took."""
        self._check()
        if self._is_dry:
            return self._sync.books.read(work)
        began = time.monotonic()
        done = self._sync.books.change(work)
        self._sync.sleep(min(time.monotonic() - began, _LONGEST_PAUSE))
        return done

    def _disable(self, leaving: Sequence[str]) -> None:
        for at in range(0, len(leaving), _STEP):
            ids = leaving[at : at + _STEP]

            def work(connection: sa.Connection, ids: Sequence[str] = ids) -> list[Stored]:
                found = stored_users(connection, self._directory, users.c.id.in_(ids))
                if not self._is_dry:
                    for user in found:
                        self._clerk.disable(connection, user, self._sync.now())
                return found

            for user in self._change(work):
                self._count(Leave(user), is_last_try=True)
            self._tell("disabling", at + len(ids), len(leaving))

    def _count(self, decision: Decision, *, is_last_try: bool) -> None:
        counts = self.counts
        match decision:
            case Add(person=person):
                counts.added += 1
                self._would(f"add {person.username}")
                if self._is_dry:
                    self._claimed |= dict.fromkeys((person.username, *(person.aliases or ())), "new")
            case Change(user=user):
                counts.changed += 1
                counts.enabled += decision.enables
                counts.adopted += decision.is_adopted
                self._would(f"change {user.username}: {', '.join(changes_of(decision))}")
            case Leave(user=user):
                counts.disabled += 1
                self._would(f"disable {user.username}")
            case Same():
                counts.unchanged += 1
            case Conflict(person=person) if not is_last_try and len(self._retried) < _MOST_RETRIED:
                self._retried.append(person)
            case Conflict(problem=problem):
                counts.conflicts += 1
                self._say(problem)

    def _would(self, what: str) -> None:
        if self._is_dry:
            self._say(f"would {what}")


def changes_of(change: Change) -> list[str]:
    """What of a user is changed, in words."""
    words = [name for name in change.columns if name != "display_name"]
    words += ["groups"] if change.joins or change.leaves else []
    words += ["phones"] if change.phones else []
    words += ["aliases"] if change.aliases is not None else []
    words += ["adopted"] if change.is_adopted else []
    words += ["active again"] if change.enables else []
    return words or ["spelling of the name" if change.columns else "is back"]
