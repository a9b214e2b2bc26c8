"""Opening the UDP port of a server section."""

from __future__ import annotations

import errno
import socket
from typing import Final, Protocol

from twisted.internet.interfaces import IListeningPort, IReactorSocket
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from authproxy.errors import ConfigError
from authproxy.radius.packet import MAX_LENGTH

RECEIVE_BUFFER: Final = 4 * 1024 * 1024  # about 6,500 requests; the usual default holds 166
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)

_log = Logger()


def open_port(reactor: IReactorSocket, interface: str, port: int, protocol: DatagramProtocol) -> IListeningPort:
    """Binds ``protocol`` to a UDP port. ``interface`` is an IPv4 or IPv6 address; empty: every address of both.

    ``port`` 0 takes any free one. Raises ConfigError when the port can't be had.
    """
    return adopt(reactor, bind(interface, port), protocol)


def adopt(reactor: IReactorSocket, bound: socket.socket, protocol: DatagramProtocol) -> IListeningPort:
    """The same with a socket that is bound."""
    try:
        bound.setblocking(False)
        _enlarge_buffer(bound)
        return reactor.adoptDatagramPort(bound.fileno(), bound.family, protocol, MAX_LENGTH)  # of a duplicate
    finally:
        bound.close()


def bind(interface: str, port: int) -> socket.socket:
    """Raises ConfigError when the port can't be had."""
    if interface:
        return _bind_to(socket.AF_INET6 if ":" in interface else socket.AF_INET, interface, port)
    try:
        return _bind_to(socket.AF_INET6, "::", port)
    except _NoIPv6:
        return _bind_to(socket.AF_INET, "0.0.0.0", port)  # noqa: S104


class _NoIPv6(ConfigError):
    """This host has no IPv6, or not that address."""


def _bind_to(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    opened = None
    try:
        opened = socket.socket(family, socket.SOCK_DGRAM)
        if family is socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")
        opened.bind((address, port))
    except OSError as error:
        if opened is not None:
            opened.close()
        kind = _NoIPv6 if family is socket.AF_INET6 and error.errno in _NO_IPV6 else ConfigError
        raise kind(f"can't listen on {address} port {port}/udp: {_explained(error)}") from error
    return opened


def _explained(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "the port is in use; is another RADIUS server, or another authproxy, running?"
        case errno.EACCES | errno.EPERM:
            return "not permitted; ports below 1024 need root or CAP_NET_BIND_SERVICE"
        case errno.EADDRNOTAVAIL:
            return "this host has no such address; see interface="
    return error.strerror or str(error)


class _HasBuffer(Protocol):
    def setsockopt(self, level: int, name: int, value: int, /) -> None: ...
    def getsockopt(self, level: int, name: int, /) -> int: ...


def _enlarge_buffer(opened: _HasBuffer, wanted: int = RECEIVE_BUFFER) -> None:
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
    granted = opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # Linux reports twice what it gives
    if granted < wanted:
        _log.info(
            "the receive buffer is {granted} bytes, {wanted} were wanted: raise it with"
            " sysctl net.core.rmem_max={wanted}, so that no request is lost under load",
            granted=granted,
            wanted=wanted,
        )
