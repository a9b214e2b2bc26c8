"""What sections mean to each other: who checks whose passwords, and who listens where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from authproxy.config import hints
from authproxy.config.check_directory import check_simple_binds
from authproxy.config.check_relay import check_relay
from authproxy.config.check_web import is_web_wanted
from authproxy.config.ini import Document
from authproxy.config.problems import Findings, printable, quoted
from authproxy.config.schema import Role
from authproxy.config.values import SectionValues

# The types of client that a type of server can use, where not every one will do.
_FITTING = {
    "ldap_server_auto": ("ad_client",),
    "radius_server_eap": ("ad_client", "radius_client"),
}
_CHECKS_PASSWORDS = ("ad_client", "radius_client")
# These check no password, whatever ``client`` says.
_WITHOUT_CLIENT = ("radius_server_duo_only",)


def check_whole(sections: Sequence[SectionValues], document: Document, findings: Findings) -> None:
    clients = [section for section in sections if section.type.role is Role.CLIENT]
    servers = [section for section in sections if section.type.role is Role.SERVER]
    for server in servers:
        _client_of(server, clients, document, findings)
    for section in sections:
        if section.name == "service":
            _portal_client(section, clients, findings)
    if not servers:
        line = sections[0].line if sections else 1
        message = "no server section: nobody can log in through this configuration"
        findings.warning(line, "", "", message, wanted="for instance [radius_server_auto]")
    _clashes(sections, findings)


# ---------------------------------------------------------------- who checks the password


def _client_of(
    server: SectionValues, clients: Sequence[SectionValues], document: Document, findings: Findings
) -> None:
    by_name = {client.name: client for client in clients}
    if server.is_given("client"):
        name = server.text("client").lower()
        client = by_name.get(name)
        if client is None:
            if server.type.name in _WITHOUT_CLIENT and name == "duo_only_client":
                return
            _unknown_client(server, name, list(by_name), document, findings)
            return
        line = server.line_of("client")
    elif server.type.name in _WITHOUT_CLIENT:
        return
    elif len(clients) == 1:
        client, line = clients[0], server.line
    else:
        _no_client(server, list(by_name), findings)
        return
    check_relay(server, client, findings)
    check_simple_binds(server, client, findings)
    fitting = _FITTING.get(server.type.name)
    if fitting and client.type.name not in fitting:
        wanted = " or ".join(f"a section of type [{name}]" for name in fitting)
        message = f"[{client.name}] can't check passwords for this kind of server"
        findings.error(line, server.name, "client", message, wanted=wanted)


def _portal_client(service: SectionValues, clients: Sequence[SectionValues], findings: Findings) -> None:
    """Whoever checks the portal's passwords must check some."""
    name = service.text("portal_client").lower()
    fitting = [client.name for client in clients if client.type.name in _CHECKS_PASSWORDS]
    if name and name not in fitting:
        wanted = f"one of {', '.join(fitting)}" if fitting else "a client section such as [ad_client]"
        message = f"[{printable(name)}] can't check passwords{hints.did_you_mean(hints.closest(name, fitting))}"
        findings.error(
            service.line_of("portal_client"), service.name, "portal_client", message, quoted(name), wanted
        )


def _unknown_client(
    server: SectionValues, name: str, known: list[str], document: Document, findings: Findings
) -> None:
    shown = printable(name)
    commented = next((header for header in document.commented_headers if header.name == name), None)
    if any(section.name == name for section in document.sections):
        message = f"[{shown}] is not a client section: it can't check passwords"
    elif commented:
        message = f"there is no section [{shown}]: its header is commented out on line {commented.line}"
    else:
        message = f"there is no section [{shown}]{hints.did_you_mean(hints.closest(name, known))}"
    wanted = f"one of {', '.join(known)}" if known else "a client section such as [ad_client]"
    findings.error(server.line_of("client"), server.name, "client", message, quoted(name), wanted)


def _no_client(server: SectionValues, known: list[str], findings: Findings) -> None:
    if known:
        message = "missing: there are several client sections, so the server must name one"
        findings.error(server.line, server.name, "client", message, wanted=f"one of {', '.join(known)}")
    else:
        message = "nothing checks the password: there is no client section"
        wanted = "[ad_client], [radius_client] or [duo_only_client]"
        findings.error(server.line, server.name, "client", message, wanted=wanted)


# ---------------------------------------------------------------- who listens where


@dataclass(frozen=True, slots=True)
class Listener:
    section: str
    key: str
    line: int
    protocol: str
    interface: str
    port: int

    def clashes(self, other: Listener) -> bool:
        if (self.protocol, self.port) != (other.protocol, other.port):
            return False
        return _covers(self.interface, other.interface) or _covers(other.interface, self.interface)


def _covers(interface: str, other: str) -> bool:
    if interface in ("", "::") or interface == other:
        return True
    return interface == "0.0.0.0" and bool(other) and ip_address(other).version == 4  # noqa: S104


def listeners(sections: Sequence[SectionValues]) -> list[Listener]:
    """Every port that the configuration asks for, defaults included."""
    found = []
    for section in sections:
        kind = section.type
        if not section.is_served:
            continue
        if kind.role is Role.SERVER:
            found.append(_listener(section, "port", "TCP" if kind.name == "ldap_server_auto" else "UDP"))
            if section.is_given("ssl_cert_path"):
                found.append(_listener(section, "ssl_port", "TCP"))
        elif kind.name in ("http_proxy", "metrics") or (kind.name == "service" and is_web_wanted(section)):
            found.append(_listener(section, "port", "TCP"))
    return found


def _listener(section: SectionValues, key: str, protocol: str) -> Listener:
    line, interface = section.line_of(key), section.text("interface")
    return Listener(section.name, key, line, protocol, interface, section.integer(key))


def _clashes(sections: Sequence[SectionValues], findings: Findings) -> None:
    names: set[str] = set()
    by_port: dict[tuple[str, int], list[Listener]] = {}
    for listener in listeners(sections):
        if listener.key == "port" and listener.section in names:
            continue  # a section that appears twice: reported already
        names.add(listener.section)
        earlier = by_port.setdefault((listener.protocol, listener.port), [])
        clash = next((other for other in earlier if other.clashes(listener)), None)
        if clash:
            message = (
                f"{listener.protocol} port {listener.port} is taken by {clash.key} of [{clash.section}] "
                f"(line {clash.line}) on the same address; choose another port or interface"
            )
            findings.error(listener.line, listener.section, listener.key, message)
        earlier.append(listener)
