"""What is said of connections that can't be opened; what is expected to happen is not logged as a fault."""

from __future__ import annotations

import pytest
from twisted.internet.address import HostnameAddress
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectingCancelledError, ConnectionRefusedError, TimeoutError
from twisted.python.failure import Failure

from authproxy.ldap.connect_problem import explain


@pytest.mark.parametrize(
    "error", [TimeoutError(), CancelledError(), ConnectingCancelledError(HostnameAddress(b"dc1.example", 636))]
)
def test_whatever_ends_the_wait_is_told_as_a_wait(error: Exception) -> None:
    assert (
        str(explain(Failure(error), "dc1.example:636", 2.5)) == "dc1.example:636: no connection within 2.5 seconds"
    )


def test_a_refused_connection_says_what_to_look_at() -> None:
    assert "is the directory running" in str(explain(Failure(ConnectionRefusedError()), "dc1.example:636", 2.5))
