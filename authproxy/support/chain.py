"""The certificates that a server showed, in words: whose, by whom, for how many days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from OpenSSL import SSL, crypto

from authproxy.ldap.tls import TlsConnections, TlsRules
from authproxy.support.findings import Findings

_SOON = 30  # days


class WatchedTls(TlsConnections):
    """The run-time TLS of a directory, which also remembers what it was shown, trusted or not."""

    def __init__(self, rules: TlsRules, host: str) -> None:
        super().__init__(rules, host)
        self._shown: dict[int, x509.Certificate] = {}

    @property
    def shown(self) -> list[x509.Certificate]:
        """The server's own first."""
        return [self._shown[depth] for depth in sorted(self._shown)]

    def _verify(
        self, connection: SSL.Connection, cert: crypto.X509, number: int, depth: int, is_good: int
    ) -> bool:
        self._shown[depth] = cert.to_cryptography()
        return super()._verify(connection, cert, number, depth, is_good)


def note_chain(findings: Findings, tried: str, chain: Iterable[x509.Certificate]) -> None:
    """A line for each certificate; a warning for what ends soon."""
    for number, certificate in enumerate(chain):
        what = f"{tried}, certificate {number}"
        days = days_left(certificate)
        if days < 0:
            findings.error(what, described(certificate), "renew it on the server")
        elif days < _SOON:
            findings.warn(what, described(certificate), "renew it in time: logins fail the day it ends")
        else:
            findings.info(what, described(certificate))


def described(certificate: x509.Certificate) -> str:
    days = days_left(certificate)
    left = f"{days} days left" if days >= 0 else f"expired {-days} days ago"
    return (
        f"subject {certificate.subject.rfc4514_string() or '(empty)'!r},"
        f" issuer {certificate.issuer.rfc4514_string()!r},"
        f" valid until {certificate.not_valid_after_utc:%Y-%m-%d} ({left})"
    )


def days_left(certificate: x509.Certificate) -> int:
    return (certificate.not_valid_after_utc - datetime.now(UTC)).days


def certificates_in(path: Path) -> Iterator[x509.Certificate]:
    """Of a PEM file; what else is in it, a key perhaps, is not looked at. Raises OSError, ValueError."""
    yield from x509.load_pem_x509_certificates(path.read_bytes())
