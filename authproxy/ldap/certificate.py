"""The certificate that LDAP clients are shown."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from authproxy.errors import ConfigError


@implementer(IOpenSSLServerConnectionCreator)
class ServerCertificate:
    """Certificate chain, key, and what is asked of clients' TLS. Each handshake uses what was loaded last;
    ``expires`` is when the first certificate of its chain does, in epoch seconds."""

    def __init__(
        self, chain: Path, key: Path, minimum_version: str = "tls1.2", ciphers: str | None = None
    ) -> None:
        """PEM files. Raises ConfigError when they or the ciphers can't be used."""
        self._chain = chain
        self._key = key
        self._minimum_version = minimum_version
        self._ciphers = ciphers
        self._context = self._load()
        self.expires = _expiry(chain)

    def reload(self) -> None:
        """Reads the files anew. Raises ConfigError that says what is wrong; what was loaded before stays then."""
        self._context = self._load()
        self.expires = _expiry(self._chain)

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:  # noqa: N803
        return SSL.Connection(self._context, None)

    def _load(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_session_id(b"authproxy")
        context.set_min_proto_version(
            SSL.TLS1_3_VERSION if self._minimum_version == "tls1.3" else SSL.TLS1_2_VERSION
        )
        try:
            if self._ciphers:
                context.set_cipher_list(self._ciphers.encode("ascii"))
        except (SSL.Error, UnicodeError) as error:
            raise ConfigError(f"cipher_list: OpenSSL knows no cipher in {self._ciphers!r}") from error
        for path, option in ((self._chain, "ssl_cert_path"), (self._key, "ssl_key_path")):
            try:
                path.read_bytes()
            except OSError as error:
                raise ConfigError(f"{option}: can't read {path}: {error.strerror}") from error
        try:
            context.use_certificate_chain_file(str(self._chain))
        except SSL.Error as error:
            raise ConfigError(f"ssl_cert_path: {self._chain} holds no PEM certificate that can be used") from error
        try:
            context.use_privatekey_file(str(self._key))
            context.check_privatekey()
        except SSL.Error as error:
            raise ConfigError(
                f"ssl_key_path: {self._key} holds no PEM private key without a passphrase that belongs to the"
                f" certificate in {self._chain}"
            ) from error
        return context


def _expiry(chain: Path) -> float:
    certificates = x509.load_pem_x509_certificates(chain.read_bytes())
    return min(certificate.not_valid_after_utc.timestamp() for certificate in certificates)
