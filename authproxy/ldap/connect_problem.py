"""What went wrong when a connection was opened, in words that help."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionRefusedError,
    DNSLookupError,
    TimeoutError,
)
from twisted.logger import Logger
from twisted.python.failure import Failure

from authproxy.ldap.client import ConnectionFailed

_log = Logger()


class ServiceBindRefused(ConnectionFailed):
    """The directory does not take the service account's name and password."""


def explain(failure: Failure, host: str, patience: float) -> ConnectionFailed:
    """``host`` as it is named in messages; ``patience`` in seconds. What is unexpected is logged."""
    error = failure.value
    if isinstance(error, ServiceBindRefused):
        return error
    if isinstance(error, ConnectionFailed):
        text = str(error)
        return ConnectionFailed(text if text.startswith(host) else f"{host}: {text}")
    if isinstance(error, (TimeoutError, DeferredTimeout, CancelledError, ConnectingCancelledError)):
        return ConnectionFailed(f"{host}: no connection within {patience:g} seconds")
    if isinstance(error, ConnectionRefusedError):
        return ConnectionFailed(f"{host}: connection refused; is the directory running, is the port right?")
    if isinstance(error, DNSLookupError):
        return ConnectionFailed(f"{host}: the name can't be resolved")
    if not isinstance(error, (ConnectError, OSError)):
        _log.failure("{host}: can't connect", failure, host=host)
    return ConnectionFailed(f"{host}: {str(error) or type(error).__name__}")
