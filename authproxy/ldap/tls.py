"""TLS towards a directory: certificates are checked, and errors say what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from weakref import WeakKeyDictionary

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto
from service_identity import VerificationError
from service_identity.pyopenssl import extract_patterns, verify_hostname, verify_ip_address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from authproxy.errors import AuthproxyError, ConfigError

_EXPIRED, _NOT_YET_VALID, _SELF_SIGNED_LEAF, _SELF_SIGNED_IN_CHAIN = 10, 9, 18, 19
_UNKNOWN_ISSUER = (2, 20, 21)
_WEAK = {66: "its key is too short", 67: "its issuer's key is too short", 68: "its signature hash is too weak"}
_NO_CA = "its issuer is no certificate authority"
_PURPOSE = {24: _NO_CA, 26: "it was not issued for a server", 79: _NO_CA}


class CertificateRefused(AuthproxyError):
    """The server's certificate can't be trusted; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class TlsRules:
    """What is asked of a server. ``ca_file`` None: the operating system's authorities."""

    ca_file: Path | None = None
    check_hostname: bool = True
    minimum_version: str = "tls1.2"
    ciphers: str | None = None


@implementer(IOpenSSLClientConnectionCreator)
class TlsConnections:
    """Makes TLS connections to one host; share it, it holds the loaded authorities."""

    def __init__(self, rules: TlsRules, host: str) -> None:
        """Raises ConfigError when the authorities or ciphers can't be used."""
        try:
            self._sni = None if _is_address(host) else host.encode("idna")
        except UnicodeError as error:
            raise ConfigError(f"{host!r} is no host name") from error
        self._host = host
        self._ca_file = rules.ca_file
        self._check_hostname = rules.check_hostname
        self._context = _context(rules)
        self._refusals: WeakKeyDictionary[SSL.Connection, CertificateRefused] = WeakKeyDictionary()
        self._context.set_verify(SSL.VERIFY_PEER, self._verify)
        self.expires: float | None = None  # of the chain that was seen last, or of what was refused in it

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:  # noqa: N803
        connection = SSL.Connection(self._context, None)
        if self._sni is not None:
            connection.set_tlsext_host_name(self._sni)
        return connection

    def refusal(self, connection: SSL.Connection) -> CertificateRefused | None:
        """What was wrong with the certificate when the handshake failed; None if it wasn't the certificate."""
        return self._refusals.get(connection)

    def _verify(
        self, connection: SSL.Connection, cert: crypto.X509, number: int, depth: int, is_good: int
    ) -> bool:
        if not is_good:
            explained = _explain(cert.to_cryptography(), number, depth, self._ca_file)
            self._refusals.setdefault(connection, CertificateRefused(explained))
            self.expires = earliest_expiry([cert])
        return bool(is_good)

    def check_name(self, connection: SSL.Connection) -> None:
        """Whether the server is who we meant to call. Raises CertificateRefused. Call it when the
        handshake is complete, before anything is sent."""
        self.expires = earliest_expiry(connection.get_peer_cert_chain() or ())
        if not self._check_hostname:
            return
        try:
            if _is_address(self._host):
                verify_ip_address(connection, self._host)
            else:
                verify_hostname(connection, self._host)
        except (VerificationError, ValueError) as error:
            raise CertificateRefused(
                f"the certificate is for {_names(connection)}, not for {self._host!r}: use one of these names as "
                f"host, or have the certificate reissued with {self._host!r} as subjectAltName"
            ) from error


def earliest_expiry(chain: Iterable[crypto.X509]) -> float | None:
    """When the first certificate of a chain expires, in epoch seconds."""
    return min((cert.to_cryptography().not_valid_after_utc.timestamp() for cert in chain), default=None)


def endpoint_binding(connection: SSL.Connection) -> bytes:
    """What ties a login to this very TLS connection: ``tls-server-end-point`` (RFC 5929 4)."""
    certificate = connection.get_peer_certificate()
    assert certificate is not None
    parsed = certificate.to_cryptography()
    used = parsed.signature_hash_algorithm
    weak = used is None or isinstance(used, (hashes.MD5, hashes.SHA1))
    digest = parsed.fingerprint(hashes.SHA256() if weak or used is None else used)
    return b"tls-server-end-point:" + digest


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _context(rules: TlsRules) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    versions = {"tls1.3": SSL.TLS1_3_VERSION}
    context.set_min_proto_version(versions.get(rules.minimum_version, SSL.TLS1_2_VERSION))
    try:
        if rules.ciphers:
            context.set_cipher_list(rules.ciphers.encode("ascii"))
    except (SSL.Error, UnicodeError) as error:
        raise ConfigError(f"cipher_list: OpenSSL knows no cipher in {rules.ciphers!r}") from error
    if rules.ca_file is None:
        context.set_default_verify_paths()
        return context
    try:
        rules.ca_file.read_bytes()
        context.load_verify_locations(str(rules.ca_file))
    except OSError as error:
        raise ConfigError(f"ssl_ca_certs_file: can't read {rules.ca_file}: {error.strerror}") from error
    except SSL.Error as error:
        raise ConfigError(f"ssl_ca_certs_file: {rules.ca_file} holds no PEM certificate") from error
    return context


# ---------------------------------------------------------------- saying what is wrong


def _explain(cert: x509.Certificate, number: int, depth: int, ca_file: Path | None) -> str:
    whose = (
        f"the certificate of {_name(cert.subject)}"
        if depth == 0
        else f"the CA certificate of {_name(cert.subject)}"
    )
    trusted = f"ssl_ca_certs_file ({ca_file})" if ca_file else "a file and name it with ssl_ca_certs_file"
    if number == _EXPIRED:
        return f"{whose} expired on {cert.not_valid_after_utc:%Y-%m-%d %H:%M} UTC: renew it on the server"
    if number == _NOT_YET_VALID:
        return f"{whose} is not valid before {cert.not_valid_before_utc:%Y-%m-%d %H:%M} UTC: check both clocks"
    if number == _SELF_SIGNED_LEAF:
        return f"{whose} is self-signed and not trusted: put it, or the right CA's certificate, into {trusted}"
    if number == _SELF_SIGNED_IN_CHAIN:
        return f"{whose} ends the server's chain and is not trusted: put it into {trusted}"
    if number in _UNKNOWN_ISSUER:
        issuer = _name(cert.issuer)
        return f"{whose} was issued by {issuer}, who is not trusted: put that CA's certificate into {trusted}"
    why = _WEAK.get(number) or _PURPOSE.get(number)
    if why:
        return f"{whose} can't be accepted: {why}; have it reissued"
    words = crypto.X509StoreContextError("", [number], crypto.X509.from_cryptography(cert)).errors[0]
    return f"{whose} was refused by OpenSSL (verify error {words})"


def _name(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = str(common[0].value) if common else name.rfc4514_string()
    return repr(text[:200])


def _names(connection: SSL.Connection) -> str:
    """The names in the server's certificate that count."""
    cert = connection.get_peer_certificate()
    if cert is None:
        return "nobody"
    try:
        extract_patterns(cert)
        extension = cert.to_cryptography().extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError, VerificationError):
        return f"{_name(cert.to_cryptography().subject)} (in its subject only, which does not count)"
    names = [str(name.value) for name in extension.value if not isinstance(name, x509.OtherName)]
    return ", ".join(names[:10]) or "no name at all"
