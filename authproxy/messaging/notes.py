"""Notes in the ledger that nothing waits for: how it goes on there is no matter of a login's."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from authproxy.errors import StoreUnavailable
from authproxy.secondfactor.telephony import Ledger

_log = Logger()


def note(
    ledger: Ledger, row: int, status: str, detail: str = "", provider_id: str = "", *, refund: bool = False
) -> None:
    """See ``Ledger.note``. Returns at once; what can't be noted is logged."""

    def failed(failure: Failure) -> None:
        failure.trap(StoreUnavailable)  # type: ignore[no-untyped-call]
        why = failure.getErrorMessage()
        _log.error("telephony: entry {row} of the ledger stays as it is: {why}", row=row, why=why)

    writing = Deferred.fromCoroutine(ledger.note(row, status, detail, provider_id, refund=refund))
    writing.addErrback(failed)
