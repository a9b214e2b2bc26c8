"""Opening TCP ports."""

from __future__ import annotations

import errno
import socket
from typing import Final

from authproxy.errors import ConfigError

BACKLOG: Final = 1024
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


def open_socket(interface: str, port: int) -> socket.socket:
    """A listening TCP socket. ``interface`` is an address; empty: every address, of IPv4 and IPv6. ``port`` 0
    takes any free one. Raises ConfigError when the port can't be had."""
    try:
        if interface:
            return _listening(socket.AF_INET6 if ":" in interface else socket.AF_INET, interface, port)
        try:
            return _listening(socket.AF_INET6, "::", port)
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
            return _listening(socket.AF_INET, "0.0.0.0", port)  # noqa: S104
    except OSError as error:
        raise ConfigError(
            f"can't listen on {interface or 'every address'} port {port}/tcp: {_explained(error)}"
        ) from error


def _listening(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    both = family is socket.AF_INET6 and address == "::"
    opened = socket.create_server((address, port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    opened.setblocking(False)
    return opened


def _explained(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "the port is in use; is another server running?"
        case errno.EACCES | errno.EPERM:
            return "not permitted; ports below 1024 need root or CAP_NET_BIND_SERVICE"
        case errno.EADDRNOTAVAIL:
            return "this host has no such address; see interface="
    return error.strerror or str(error)
