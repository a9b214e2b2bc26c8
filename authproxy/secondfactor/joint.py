"""One piece of work that several logins wait for: begun by the first, given up with the last."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


class Joint(Generic[T]):
    """Work by key. An appliance that asks again while the user is being asked must not ask the user again."""

    def __init__(self) -> None:
        self._open: dict[Hashable, tuple[Deferred[T], list[Deferred[T]]]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def wait(self, key: Hashable, begin: Callable[[], Coroutine[Any, Any, T]]) -> Deferred[T]:
        """Fires with what the work of ``key`` gives, which ``begin`` starts unless it goes on already. Cancel it
        to stop waiting."""
        is_new = key not in self._open
        if is_new:
            self._open[key] = (Deferred(), [])
        waiting = self._open[key][1]
        mine: Deferred[T] = Deferred(lambda given_up: self._give_up(key, waiting, given_up))
        waiting.append(mine)
        if is_new:
            work = Deferred.fromCoroutine(begin())
            self._open[key] = (work, waiting)
            work.addBoth(lambda result: self._tell(key, waiting, result))
        return mine

    def _tell(self, key: Hashable, waiting: list[Deferred[T]], result: T | Failure) -> None:
        self._forget(key, waiting)
        for each in list(waiting):
            if not each.called:
                each.callback(result)

    def _give_up(self, key: Hashable, waiting: list[Deferred[T]], given_up: Deferred[T]) -> None:
        waiting.remove(given_up)
        if not waiting and key in self._open and self._open[key][1] is waiting:
            work = self._open[key][0]
            self._forget(key, waiting)
            work.cancel()

    def _forget(self, key: Hashable, waiting: list[Deferred[T]]) -> None:
        if key in self._open and self._open[key][1] is waiting:
            del self._open[key]
