"""Certificates that are wrong, shown by a real slapd: the error says what is wrong and what to do."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import reactor
from twisted.internet.task import deferLater

from authproxy.config.settings import Transport
from authproxy.errors import ConfigError, PrimaryUnavailable
from authproxy.model import Identity
from authproxy.primary.directory import DirectoryPrimary
from tests.peers.slapd import Slapd
from tests.primary.directories import login, settings_for

SECURE = [Transport.STARTTLS, Transport.LDAPS]


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    peer = Slapd(tmp_path_factory.mktemp("slapd") / "peer", users=5)
    yield peer
    peer.stop()


def self_signed() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem), plain


def show(slapd: Slapd, which: str) -> None:
    slapd.stop()
    past = datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC)
    match which:
        case "good":
            slapd.present(slapd.ca.issue_cert("localhost", "127.0.0.1"))
        case "expired":
            slapd.present(slapd.ca.issue_cert("localhost", not_before=past, not_after=past.replace(month=3)))
        case "other name":
            slapd.present(slapd.ca.issue_cert("dc1.example.test", "dc2.example.test"))
        case "unknown ca":
            slapd.present(trustme.CA(organization_name="Somebody Else").issue_cert("localhost"))
        case "self-signed":
            slapd.present_pem(*self_signed())
    slapd.start()


async def attempt(slapd: Slapd, transport: Transport, **changes: Any) -> Identity:
    port = slapd.tls_port if transport is Transport.LDAPS else slapd.port
    settings = settings_for(slapd, **({"ports": (port,), "transport": transport} | changes))
    primary = DirectoryPrimary(settings, reactor)
    try:
        who = await login(primary, "user0001", b"pw-0001")
        assert isinstance(who, Identity)
        return who
    finally:
        primary.close()
        await deferLater(reactor, 0.02, lambda: None)


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ("expired", r"expired on 2020-03-02.*renew"),
        ("other name", r"is for dc1\.example\.test, dc2\.example\.test, not for 'localhost'"),
        ("unknown ca", r"issued by .*Somebody Else.*not trusted.*ssl_ca_certs_file"),
        ("self-signed", r"'localhost' is self-signed.*ssl_ca_certs_file"),
    ],
)
async def test_a_wrong_certificate_is_refused_and_explained(slapd: Slapd, certificate: str, words: str) -> None:
    show(slapd, certificate)
    for transport in SECURE:
        with pytest.raises(PrimaryUnavailable, match=words):
            await attempt(slapd, transport)


async def test_another_name_is_accepted_when_names_are_not_checked_but_another_issuer_is_not(slapd: Slapd) -> None:
    show(slapd, "other name")
    who = await attempt(slapd, Transport.LDAPS, ssl_verify_hostname=False)
    assert who.username == "user0001"
    show(slapd, "unknown ca")
    with pytest.raises(PrimaryUnavailable, match="not trusted"):
        await attempt(slapd, Transport.LDAPS, ssl_verify_hostname=False)


async def test_good_certificates_by_name_and_by_address_and_with_tls13_only(slapd: Slapd) -> None:
    show(slapd, "good")
    for changes in ({}, {"host": "127.0.0.1"}, {"minimum_tls_version": "tls1.3"}):
        for transport in SECURE:
            assert (await attempt(slapd, transport, **changes)).username == "user0001"


async def test_without_ssl_ca_certs_file_the_systems_store_decides(slapd: Slapd) -> None:
    show(slapd, "good")
    with pytest.raises(PrimaryUnavailable, match="not trusted"):
        await attempt(slapd, Transport.LDAPS, ssl_ca_certs_file=None)


async def test_tls_on_a_clear_port_and_clear_on_a_tls_port_are_explained(slapd: Slapd) -> None:
    show(slapd, "good")
    with pytest.raises(PrimaryUnavailable, match=r"TLS|closed the connection|LDAPS"):
        await attempt(slapd, Transport.LDAPS, ports=(slapd.port,))
    with pytest.raises(PrimaryUnavailable, match=r"closed|no answer|no connection"):
        await attempt(slapd, Transport.CLEAR, ports=(slapd.tls_port,), timeout=1.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ssl_ca_certs_file": Path("/nonexistent.pem")}, "ssl_ca_certs_file: can't read /nonexistent.pem"),
        ({"ssl_ca_certs_file": Path(__file__)}, "holds no PEM certificate"),
        ({"cipher_list": "NO-SUCH"}, "cipher_list"),
    ],
)
def test_unusable_tls_options_are_configuration_errors(slapd: Slapd, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        DirectoryPrimary(settings_for(slapd, transport=Transport.LDAPS, **changes), reactor)
