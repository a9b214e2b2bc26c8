"""Whether the ports of the servers can be had, or the daemon has them already."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Iterable
from ipaddress import ip_address

from authproxy.config.settings import RadiusServerSettings
from authproxy.radius.clients import Appliances
from authproxy.radius.packet import MAX_LENGTH, STATUS_SERVER, PacketError, encode_request, verify_response
from authproxy.support.findings import Findings

_PATIENCE = 1.0
_ADVICE = {
    errno.EADDRINUSE: "see which process has it: ss -lunpt",
    errno.EACCES: "ports below 1024 need root or CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "this host has no such address; see interface",
}


def probe_radius_port(section: RadiusServerSettings, findings: Findings) -> None:
    """Blocks for a second at most."""
    tried = _named(section.interface, section.port, "udp")
    problem = _bind(socket.SOCK_DGRAM, section.interface, section.port)
    if problem is None:
        findings.info(tried, "can be listened on; the daemon is not there now")
    elif problem.errno != errno.EADDRINUSE:
        _refused(tried, problem, findings)
    else:
        _ask_daemon(section, tried, findings)


def probe_tcp_port(interface: str, port: int, tried: str, is_ours: Callable[[], bool], findings: Findings) -> None:
    """``is_ours``: whether the daemon runs, if the port is taken."""
    problem = _bind(socket.SOCK_STREAM, interface, port)
    where = f"{_named(interface, port, 'tcp')}, {tried}"
    if problem is None:
        findings.info(where, "can be listened on; the daemon is not there now")
    elif problem.errno == errno.EADDRINUSE and is_ours():
        findings.info(where, "is taken, and the daemon is running")
    else:
        _refused(where, problem, findings)


def _ask_daemon(section: RadiusServerSettings, tried: str, findings: Findings) -> None:
    host = _reachable(section.interface)
    client = Appliances(section.appliances).find(host)
    if client is None:
        findings.warn(tried, f"is taken, and no radius_ip_N has {host}: who it is can't be asked",
                      "if the daemon is running, that is how it should be")  # fmt: skip
        return
    since = findings.now()
    if _has_answered(host, section.port, client.secret):
        findings.info(tried, "the daemon is there and answers Status-Server", since)
    else:
        advice = "see who has it (ss -lunp), or whether the daemon runs with another configuration"
        findings.error(
            tried, "is taken, by a process that does not answer with this section's secret", advice, since
        )


def _has_answered(host: str, port: int, secret: bytes) -> bool:
    authenticator = os.urandom(16)
    packet = encode_request(STATUS_SERVER, os.urandom(1)[0], authenticator, (), secret)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    give_up = time.monotonic() + _PATIENCE
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((host, port))
            asking.send(packet)
            while (left := give_up - time.monotonic()) > 0:
                asking.settimeout(left)
                try:
                    verify_response(asking.recv(MAX_LENGTH + 1), authenticator, secret)
                except PacketError:
                    continue
                return True
        except OSError:
            pass
    return False


def _bind(kind: socket.SocketKind, interface: str, port: int) -> OSError | None:
    """What keeps the port from being had."""
    for address in _addresses(interface):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, kind) as probe:
                if kind is socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            if not (address == "::" and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)):
                return error
    return None


def _addresses(interface: str) -> Iterable[str]:
    return (interface,) if interface else ("::", "0.0.0.0")  # noqa: S104


def _reachable(interface: str) -> str:
    if not interface or ip_address(interface).is_unspecified:
        return "127.0.0.1"
    return interface


def _refused(tried: str, problem: OSError, findings: Findings) -> None:
    findings.error(tried, problem.strerror or str(problem), _ADVICE.get(problem.errno or 0, ""))


def _named(interface: str, port: int, protocol: str) -> str:
    where = f"[{interface}]" if ":" in interface else interface or "every address"
    return f"{where} port {port}/{protocol}"
