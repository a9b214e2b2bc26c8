"""The certificate that the web side shows: the site's or one of our making; replaced while the daemon runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import ssl
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from authproxy.errors import ConfigError

OWN_FILE: Final = "web.pem"
_YEARS: Final = 10


class WebCertificate:
    """``context`` is one for all connections; each handshake uses what was loaded last. ``fingerprint``: SHA-256,
    as browsers show it. ``expires``: when the first certificate of the chain does, in epoch seconds."""

    def __init__(self, chain: Path, key: Path) -> None:
        """PEM files; one may hold both. Raises ConfigError when they can't be used."""
        self._chain = chain
        self._key = key
        self.context = _new_context()
        self._seen = self._state()
        self.reload()

    def reload(self) -> None:
        """Reads the files anew. Raises ConfigError; what was loaded before stays then."""
        try:
            _new_context().load_cert_chain(self._chain, self._key)  # a key that does not fit must not get in
            self.context.load_cert_chain(self._chain, self._key)
            self.fingerprint, self.expires = _told(self._chain)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigError(f"the certificate {self._chain} can't be used: {reason}") from None

    def reload_if_changed(self) -> bool:
        """Whether there was something new. Raises ConfigError, once for each change."""
        state = self._state()
        if state == self._seen:
            return False
        self._seen = state
        self.reload()
        return True

    def _state(self) -> list[tuple[int, int]]:
        found = []
        for path in (self._chain, self._key):
            with contextlib.suppress(OSError):
                at = path.stat()
                found.append((at.st_ino, at.st_mtime_ns))
        return found


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _told(chain: Path) -> tuple[str, float]:
    """The fingerprint of the first certificate, and when one of them expires."""
    certificates = x509.load_pem_x509_certificates(chain.read_bytes())
    fingerprint = hashlib.sha256(certificates[0].public_bytes(Encoding.DER)).digest().hex(":").upper()
    return fingerprint, min(one.not_valid_after_utc.timestamp() for one in certificates)


def self_signed(state_dir: Path, hosts: Sequence[str]) -> tuple[Path, bool]:
    """The file with certificate and key for ``hosts``, and whether it was made just now. Raises ConfigError."""
    path = state_dir / OWN_FILE
    if path.exists():
        return path, False
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Private to us from its first byte on: mode 0600.
        with tempfile.NamedTemporaryFile("wb", dir=state_dir, prefix=".web", delete=False) as file:
            file.write(_make(hosts))
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except OSError as error:
        raise ConfigError(f"the certificate {path} can't be written: {error.strerror}") from None
    return path, True


def _make(hosts: Sequence[str]) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    now = datetime.now(UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in dict.fromkeys(hosts)]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(identifier, False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
