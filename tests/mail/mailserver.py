"""A mail server that really receives: STARTTLS or TLS with a certificate of its own authority, and logging in."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from authproxy.config.settings_mail import MailSettings
from authproxy.secret import Secret
from tests.peers.ports import free_port

USER, PASSWORD = "mfa", "open sesame"


class Links(HTMLParser):
    """What a reader of the mail could click, and which pictures it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.pictures: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "a":
            self.links.append(found.get("href") or "")
        if tag == "img":
            self.pictures.append(found.get("src") or "")


@dataclass(frozen=True)
class Mail:
    """One that arrived."""

    sender: str
    recipients: list[str]
    content: bytes
    is_encrypted: bool
    login: str

    @property
    def message(self) -> EmailMessage:
        read = message_from_bytes(self.content, policy=default)
        assert isinstance(read, EmailMessage)
        return read

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def html(self) -> str:
        return self._body("html")

    def _body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content())

    @property
    def link(self) -> str:
        """The same in text and HTML."""
        read = Links()
        read.feed(self.html)
        written = re.findall(r"https://\S+", self.text)
        links = [link for link in read.links if link.startswith("https://")]
        assert set(links) == set(written)
        return links[0]

    def pictures(self) -> dict[str, bytes]:
        """By their Content-ID, those that the HTML shows."""
        read = Links()
        read.feed(self.html)
        inside = {part["Content-ID"]: part for part in self.message.walk() if part["Content-ID"]}
        return {name: inside[f"<{name.removeprefix('cid:')}>"].get_content() for name in read.pictures}


@dataclass
class MailServer:
    """``refuses``: what is answered for a recipient."""

    tls: str = "starttls"
    mails: list[Mail] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    answers_data: str = "250 taken"
    connections: int = 0
    port: int = 0
    _ca: trustme.CA = field(default_factory=trustme.CA)
    _controller: Any = None

    def __post_init__(self) -> None:
        self.port = free_port()

    def start(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert("localhost").configure_cert(context)
        server = self

        class Listening(Controller):
            def factory(self) -> SMTP:
                server.connections += 1
                return SMTP(
                    server,
                    hostname="localhost",
                    tls_context=context if server.tls == "starttls" else None,
                    require_starttls=server.tls == "starttls",
                    auth_required=server.tls == "starttls",
                    auth_require_tls=server.tls == "starttls",
                    authenticator=_authenticate,
                    enable_SMTPUTF8=True,
                )

        over = context if self.tls == "tls" else None
        self._controller = Listening(self, hostname="127.0.0.1", port=self.port, ssl_context=over)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def settings(self, directory: Path, **changed: Any) -> MailSettings:
        self._ca.cert_pem.write_to_path(directory / "mail-ca.pem")
        values: dict[str, Any] = {
            "host": "localhost",
            "port": self.port,
            "sender": "mfa@firm.example",
            "sender_name": "The Firm",
            "reply_to": "help@firm.example",
            "tls": self.tls,
            "ssl_ca_certs_file": directory / "mail-ca.pem",
            "timeout": 5.0,
        }
        if self.tls == "starttls":
            values |= {"username": USER, "password": Secret(PASSWORD)}
        return MailSettings(**(values | changed))

    # ------------------------------------------------------------ as aiosmtpd calls it

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Envelope, to: str, options: Any) -> str:
        if to in self.refuses:
            return self.refuses[to]
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:
        if not self.answers_data.startswith("2"):
            return self.answers_data
        content = envelope.content
        assert isinstance(content, bytes)
        login = (session.auth_data or LoginPassword(b"", b"")).login.decode()
        assert envelope.mail_from is not None
        encrypted = session.ssl is not None or self.tls == "tls"
        self.mails.append(Mail(envelope.mail_from, list(envelope.rcpt_tos), content, encrypted, login))
        return self.answers_data


def _authenticate(server: SMTP, session: Any, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    assert isinstance(data, LoginPassword)
    is_right = data == LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False, auth_data=data)
