"""What ``debug`` shows of requests and answers: attributes by name, secrets masked; and names that mean none."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.logger import Logger

from authproxy.model import AuthRequest
from authproxy.radius.attributes import Dictionary, split_vendor
from authproxy.radius.packet import Packet

_log = Logger()


class PacketLog:
    """Costly: for one section's ``debug``, and for logins that are watched."""

    def __init__(self, section: str, dictionary: Dictionary) -> None:
        self._section = section
        self._dictionary = dictionary

    def request(self, request: AuthRequest, packet: Packet, is_answer: bool) -> None:
        _log.debug(
            "{section}: {kind} for username {username} from {nas}, client address {client_ip}, identifier {id}",
            kind="answer to a challenge" if is_answer else "login attempt",
            log_watched=True,
            section=self._section,
            login=request.login_id,
            username=request.username,
            nas=request.nas,
            client_ip=request.client_ip,
            id=packet.identifier,
        )
        self.attributes("request", packet.attributes, request.login_id)

    def attributes(self, what: str, attributes: Iterable[bytes], login_id: str) -> None:
        for whole in attributes:
            for raw in split_vendor(whole):
                name, value = self._dictionary.describe(raw)
                _log.debug(
                    "{section}: {what}: {attribute} = {value}",
                    log_watched=True,
                    section=self._section,
                    login=login_id,
                    what=what,
                    attribute=name,
                    value=value,
                )


def warn_of_unknown_names(section: str, names: Iterable[str]) -> None:
    for name in names:
        _log.warn(
            "{section}: no dictionary has an attribute named {attribute}: it is left out;"
            " see [main] dictionary_dir",
            section=section,
            attribute=name,
        )
