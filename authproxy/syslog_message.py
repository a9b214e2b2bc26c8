"""Log events as syslog messages (RFC 5424), with what a SIEM looks for in structured data. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Final

LARGEST: Final = 8192  # octets; RFC 5424 6.1 has receivers take 2048
LARGEST_DATAGRAM: Final = 2048  # RFC 5426 3.2
_BOM: Final = b"\xef\xbb\xbf"
_NOT_PRINTABLE = re.compile(r"[^!-~]")
_SPECIAL = re.compile(r'(["\\\]])')

FACILITIES: Final = {
    **{f"LOG_{name}": number for number, name in enumerate(
        ("KERN", "USER", "MAIL", "DAEMON", "AUTH", "SYSLOG", "LPR", "NEWS", "UUCP", "CRON", "AUTHPRIV", "FTP")
    )},
    **{f"LOG_LOCAL{number}": 16 + number for number in range(8)},
}  # fmt: skip
SEVERITIES: Final = {"debug": 7, "info": 6, "warn": 4, "error": 3, "critical": 2}

# An SD-ID of one's own needs an enterprise number: this one is set aside for those who have none (RFC 5612).
SD_ID: Final = "authproxy@32473"
# What is told of an event, and by which name.
FIELDS: Final = {
    "login": "login_id",
    "section": "section",
    "username": "user",
    "nas": "nas",
    "client_ip": "client_ip",
    "result": "result",
    "reason": "reason",
    "factor": "factor",
}


class SyslogForm:
    """Messages of one process. ``facility``: as ``LOG_AUTH``."""

    def __init__(self, facility: str, hostname: str, process_id: int) -> None:
        self._facility = FACILITIES[facility] * 8
        self._host = _name(hostname, 255)
        self._process = str(process_id)

    def __call__(self, at: float, level: str, text: str, fields: Mapping[str, object]) -> bytes:
        """``at``: epoch seconds. A decided login has the MSGID ``login``."""
        priority = self._facility + SEVERITIES[level]
        kind = "login" if fields.get("result") else "-"
        head = f"<{priority}>1 {_stamp(at)} {self._host} authproxy {self._process} {kind} {_structured(fields)} "
        bom = b"" if text.isascii() else _BOM  # RFC 5424 6.4: UTF-8 is announced
        return shortened(head.encode() + bom + text.encode("utf-8", "backslashreplace"), LARGEST)


def shortened(message: bytes, most: int) -> bytes:
    """At most ``most`` octets, without half a character at the end."""
    return message if len(message) <= most else message[:most].decode("utf-8", "ignore").encode()


def framed(message: bytes) -> bytes:
    """With its length before it: RFC 5425 4.3, RFC 6587 3.4.1."""
    return b"%d %b" % (len(message), message)


def _stamp(at: float) -> str:
    milliseconds = int(at * 1000)
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return f"{seconds}.{milliseconds % 1000:03d}Z"


def _structured(fields: Mapping[str, object]) -> str:
    told = [
        f'{name}="{_SPECIAL.sub(_escaped, _one_line(str(fields[key])))}"'
        for key, name in FIELDS.items()
        if fields.get(key)
    ]
    return f"[{SD_ID} {' '.join(told)}]" if told else "-"


def _escaped(match: re.Match[str]) -> str:
    return f"\\{match[0]}"


def _one_line(text: str) -> str:
    """Bounded, and without control characters: what is in it may come from anybody."""
    return "".join(char if char.isprintable() else "?" for char in text[:256])


def _name(text: str, most: int) -> str:
    return _NOT_PRINTABLE.sub("", text)[:most] or "-"
