"""Which upstream host to ask, in which order. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from authproxy.value import value

_FIRST_PROBE, _LONGEST_PROBE = 1.0, 10.0


class Health:
    """Whether one host answers. It is dead when a request got no answer although it was sent as often as
    allowed, and nothing else was answered since it was first sent (a server may drop one user's requests)."""

    __slots__ = ("_answered_at", "_next_chance", "_quarantine", "deaths", "is_dead", "probes")

    def __init__(self, quarantine: float) -> None:
        self._quarantine = quarantine
        self._answered_at = float("-inf")
        self._next_chance = 0.0
        self.is_dead = False
        self.deaths = 0
        self.probes = 0

    def answered(self, now: float) -> bool:
        """True when it was thought dead until now."""
        came_back, self.is_dead = self.is_dead, False
        self._answered_at = now
        self.probes = 0
        return came_back

    def unanswered(self, asked_at: float, now: float) -> bool:
        """True when it is found dead only now."""
        if self._answered_at >= asked_at:
            return False
        died, self.is_dead = not self.is_dead, True
        self._next_chance = now + self._quarantine
        self.deaths += died
        return died

    def claim_chance(self, now: float) -> bool:
        """True for one login per quarantine: it may ask a dead host once, in case it is back."""
        if now < self._next_chance:
            return False
        self._next_chance = now + self._quarantine
        return True

    def next_probe(self) -> float:
        """Seconds until the next Status-Server: 1, 2, 4 ... at most 10."""
        wait = min(_FIRST_PROBE * 2.0**self.probes, _LONGEST_PROBE)
        self.probes = min(self.probes + 1, 8)
        return wait


@value
class Turn:
    """Ask host number ``index`` up to ``tries`` times; the flags are those of a Question."""

    index: int
    tries: int
    stays_if_dead: bool
    stays_if_refused: bool


def turns(hosts: Sequence[Health], tries: int, now: float) -> list[Turn]:
    """The order in which one login asks the hosts. Living hosts go first, as configured; a dead one that
    comes before them gets a single try now and then; the other dead ones are the last resort. Whoever is the
    last is asked to the end, as there is nobody else.
    """
    first_living = next((index for index, host in enumerate(hosts) if not host.is_dead), len(hosts))
    order, last_resort = [], []
    for index, host in enumerate(hosts):
        if not host.is_dead:
            order.append(Turn(index, tries, False, False))
        elif index < first_living < len(hosts) and host.claim_chance(now):
            order.append(Turn(index, 1, False, False))
        else:
            last_resort.append(Turn(index, tries, True, False))
    order += last_resort
    if order:
        order[-1] = Turn(order[-1].index, order[-1].tries, True, True)
    return order
