"""What a sync does about each person: what the directory says against what is stored. Pure.

Nobody is ever deleted. Who leaves is disabled; who comes back is active again, unless an administrator had
disabled them. A name that is somebody else's is never handed over, not even when its owner has left: with the name
would go their phones and keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from authproxy.secondfactor.sync_person import Number, Person


@dataclass(frozen=True, slots=True)
class StoredPhone:
    """``is_synced``: its number came from this directory."""

    id: str
    number: Number
    is_synced: bool
    has_app: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """A user. ``groups``: keys of this directory's. ``has_left``: the directory does not list them any more."""

    id: str
    username: str
    display_name: str
    status: str
    directory_id: str | None
    key: str
    has_left: bool
    texts: Mapping[str, str]
    phones: tuple[StoredPhone, ...] = ()
    aliases: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PhoneChanges:
    """``renumbered`` keep their app, ``unnumbered`` are known by their app alone from now on."""

    added: tuple[Number, ...] = ()
    renumbered: tuple[tuple[str, Number], ...] = ()
    unnumbered: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.renumbered or self.unnumbered or self.deleted)


@dataclass(frozen=True, slots=True)
class Add:
    person: Person


@dataclass(frozen=True, slots=True)
class Change:
    """``columns``: of the user's row. ``aliases`` None: they stay."""

    user: Stored
    columns: Mapping[str, str]
    joins: frozenset[str] = frozenset()
    leaves: frozenset[str] = frozenset()
    phones: PhoneChanges = PhoneChanges()
    aliases: tuple[str, ...] | None = None
    is_back: bool = False
    is_adopted: bool = False
    key: str = ""

    @property
    def enables(self) -> bool:
        return self.is_back and self.user.status == "disabled"


@dataclass(frozen=True, slots=True)
class Leave:
    """Disabled from now on."""

    user: Stored


@dataclass(frozen=True, slots=True)
class Same:
    user: Stored


@dataclass(frozen=True, slots=True)
class Conflict:
    person: Person
    problem: str


Decision = Add | Change | Leave | Same | Conflict


@dataclass(slots=True)
class Known:
    """The users that a batch of people may meet: by key (of this directory, of one that is gone, or of another
    that they have left), and every name and alias of theirs that is taken, with its owner's ID."""

    by_key: dict[str, Stored] = field(default_factory=dict)
    by_name: dict[str, Stored] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planner:
    """``adopts``: users who are nobody's become the directory's by their name."""

    directory_id: str
    adopts: bool

    def plan(self, people: Iterable[Person], known: Known) -> tuple[list[Decision], list[str]]:
        """In order; ``known`` is kept up to date. Also what was odd."""
        decisions: list[Decision] = []
        oddities: list[str] = []
        for person in people:
            decision = self.decide(person, known, oddities)
            decisions.append(decision)
            oddities += person.oddities
        return decisions, oddities

    def decide(self, person: Person, known: Known, oddities: list[str]) -> Decision:
        stored = known.by_key.get(person.key)
        is_adopted = False
        if stored is None:
            stored = known.by_name.get(person.username) if person.username in known.names else None
            problem = self._obstacle(person, stored, known)
            if problem:
                return Conflict(person, problem)
            is_adopted = stored is not None
        elif known.names.get(person.username, stored.id) != stored.id:
            return Conflict(
                person, f"{stored.username} is {person.username} now, and there is such a user already"
            )
        if stored is None:
            return self._add(person, known, oddities)
        is_adopted = is_adopted or stored.directory_id != self.directory_id
        return self._change(person, stored, is_adopted, known, oddities)

    def _obstacle(self, person: Person, namesake: Stored | None, known: Known) -> str:
        name = person.username
        if namesake is None:
            return f"{name} is another user already, or another name of one" if name in known.names else ""
        if namesake.directory_id == self.directory_id:
            left = ", who has left the directory" if namesake.has_left else ""
            return f"{name} is another of its people{left}: rename or delete that user first"
        if namesake.directory_id is not None:
            return f"{name} comes from another directory, and stays with it: groups of both belong into one"
        return "" if self.adopts else f"there is a user {name} already, who was not taken from a directory"

    def _add(self, person: Person, known: Known, oddities: list[str]) -> Decision:
        aliases = _free(person, "", known, oddities)
        _take(known, (person.username, *(aliases or ())), f"new {person.key}")
        return Add(replace(person, aliases=aliases))

    def _change(
        self, person: Person, stored: Stored, is_adopted: bool, known: Known, oddities: list[str]
    ) -> Decision:
        wanted = {**person.texts, "username": person.username, "display_name": person.display_name}
        had = {**stored.texts, "username": stored.username, "display_name": stored.display_name}
        columns = {name: value for name, value in wanted.items() if had.get(name, "") != value}
        aliases = _free(person, stored.id, known, oddities)
        change = Change(
            stored,
            columns,
            joins=person.groups - stored.groups,
            leaves=stored.groups - person.groups,
            phones=_phones(person.numbers, stored.phones),
            aliases=aliases if aliases is not None and set(aliases) != set(stored.aliases) else None,
            is_back=stored.has_left,
            is_adopted=is_adopted,
            key=person.key,
        )
        if "username" in columns:
            known.names.pop(stored.username, None)
        _take(known, (person.username, *(aliases or ())), stored.id)
        is_changed = (
            columns or change.joins or change.leaves or change.phones or change.aliases is not None
            or change.is_back or is_adopted
        )  # fmt: skip
        return change if is_changed else Same(stored)


def _take(known: Known, names: Iterable[str], owner: str) -> None:
    for name in names:
        known.names[name] = owner


def _free(person: Person, own_id: str, known: Known, oddities: list[str]) -> tuple[str, ...] | None:
    """The aliases that are nobody else's."""
    if person.aliases is None:
        return None
    taken = [name for name in person.aliases if known.names.get(name, own_id) != own_id]
    oddities += [f"{person.username}: the alias {name} is another user's" for name in taken]
    return tuple(name for name in person.aliases if name not in taken)


def _phones(numbers: tuple[Number, ...] | None, phones: tuple[StoredPhone, ...]) -> PhoneChanges:
    """A synced phone whose number is gone gets one that is new, or goes with it."""
    if numbers is None:
        return PhoneChanges()
    has = {phone.number for phone in phones}
    new = [number for number in numbers if number not in has]
    gone = [phone for phone in phones if phone.is_synced and phone.number not in numbers]
    renumbered = tuple((phone.id, number) for phone, number in zip(gone, new, strict=False))
    rest = gone[len(renumbered) :]
    return PhoneChanges(
        tuple(new[len(renumbered) :]),
        renumbered,
        tuple(phone.id for phone in rest if phone.has_app),
        tuple(phone.id for phone in rest if not phone.has_app),
    )


# ---------------------------------------------------------------- how many may leave


def shrinks_too_much(leaving: int, listed: int, limit: int, read: int) -> str:
    """Why so many may not leave at once; empty: they may. ``listed``: how many the directory had, ``limit`` in
    percent, ``read``: how many it shows now (of all)."""
    if listed and not read:
        return f"the directory shows nobody, and {listed} users came from it"
    if leaving * 100 > limit * listed:
        return f"{leaving} of {listed} users would be disabled, which is more than {limit} percent"
    return ""
