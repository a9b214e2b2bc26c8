"""Verified pushes of the Auth API before they are sent: the number is told first, and typed on the phone later."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from authproxy.secondfactor.verified import CODE_DIGITS, new_code

VALID_SECONDS: Final = 60.0
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Prepared:
    """``code`` is shown at the login. ``expires``: of a monotonic clock."""

    txid: str
    application: str
    username: str
    code: str = field(repr=False)
    expires: float


class PreparedPushes:
    """Bounded: what was not taken up goes, the oldest first."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._by_id: OrderedDict[str, Prepared] = OrderedDict()

    def prepare(self, application: str, username: str, digits: int = CODE_DIGITS) -> Prepared:
        made = Prepared(
            str(uuid.uuid4()), application, username, new_code(digits), self._monotonic() + VALID_SECONDS
        )
        self._by_id[made.txid] = made
        if len(self._by_id) > _MOST:
            self._by_id.popitem(last=False)
        return made

    def take(self, application: str, username: str, txid: str) -> Prepared | None:
        """Once, and in time, by whom it was prepared for."""
        found = self._by_id.get(txid)
        if found is None or (found.application, found.username) != (application, username):
            return None
        del self._by_id[txid]
        return found if self._monotonic() < found.expires else None
