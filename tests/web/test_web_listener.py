"""The listener itself: certificates of its own and of the site, their replacement, and the end."""

from __future__ import annotations

import socket
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import trustme
from twisted.internet.task import Clock

from authproxy.errors import ConfigError
from authproxy.tcp import open_socket
from authproxy.web import listener
from authproxy.web.certificate import WebCertificate, self_signed
from authproxy.web.source import Sources
from tests.web.twin import ALLOW, TwinWeb, called


def shown(port: int) -> bytes:
    """The certificate that a client sees."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain, context.wrap_socket(plain) as secure:
        return secure.getpeercert(binary_form=True) or b""


def write(pem: Path, ca: trustme.CA) -> bytes:
    """A new certificate for localhost, and what clients will see of it."""
    ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(pem)
    text = pem.read_text()
    start, end = text.index("-----BEGIN CERT"), text.index("-----END CERT")
    return ssl.PEM_cert_to_DER_cert(f"{text[start:end]}-----END CERTIFICATE-----\n")


@pytest_twisted.ensureDeferred
async def test_a_certificate_of_our_own_is_private_stays_and_serves_duo_client(tmp_path: Path) -> None:
    state = tmp_path / "state"
    path, is_new = self_signed(state, ["mfa.example.com", "localhost", "192.0.2.1"])
    assert is_new
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert self_signed(state, ["other"]) == (path, False)
    certificate = WebCertificate(path, path)
    assert len(certificate.fingerprint.split(":")) == 32
    web = await TwinWeb.start(tmp_path, certificate=certificate)
    assert "time" in await called(web.client(ca_certs=str(path)).check)
    await web.listener.stop()


@pytest_twisted.ensureDeferred
async def test_a_new_certificate_is_shown_without_a_restart_and_a_bad_one_is_not(tmp_path: Path) -> None:
    ca, pem, clock = trustme.CA(), tmp_path / "site.pem", Clock()
    first = write(pem, ca)
    web = await TwinWeb.start(tmp_path, certificate=WebCertificate(pem, pem), clock=clock)
    assert await called(shown, web.listener.port) == first
    second = write(pem, ca)
    assert await called(shown, web.listener.port) == first != second
    clock.advance(60)
    assert await called(shown, web.listener.port) == second
    pem.write_text("nonsense")
    clock.advance(60)
    assert await called(shown, web.listener.port) == second
    await web.listener.stop()


def test_a_key_that_does_not_fit_is_refused_and_the_old_pair_stays(tmp_path: Path) -> None:
    ca = trustme.CA()
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    one, other = ca.issue_cert("localhost"), ca.issue_cert("localhost")
    one.cert_chain_pems[0].write_to_path(chain)
    one.private_key_pem.write_to_path(key)
    certificate = WebCertificate(chain, key)
    before = certificate.fingerprint
    other.private_key_pem.write_to_path(key)
    with pytest.raises(ConfigError, match=r"chain.pem can't be used"):
        certificate.reload_if_changed()
    assert certificate.fingerprint == before
    assert not certificate.reload_if_changed()  # said once


@pytest.mark.parametrize(
    "content", [None, "", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_files_that_are_no_certificate_are_said_in_one_line(tmp_path: Path, content: str | None) -> None:
    pem = tmp_path / "bad.pem"
    if content is not None:
        pem.write_text(content)
    with pytest.raises(ConfigError, match=r"the certificate .*bad.pem can't be used") as raised:
        WebCertificate(pem, pem)
    assert "\n" not in str(raised.value)


@pytest_twisted.ensureDeferred
async def test_old_versions_of_tls_are_refused(tmp_path: Path) -> None:
    web = await TwinWeb.start(tmp_path)

    def hello() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning):
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", web.listener.port), timeout=60) as plain:
            context.wrap_socket(plain).close()

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await called(hello)
    await web.listener.stop()


@pytest_twisted.ensureDeferred
async def test_what_is_being_answered_is_answered_before_the_end(tmp_path: Path) -> None:
    web = await TwinWeb.start(tmp_path)
    waiting = called(web.client().auth, "push", username="alice", device="auto")
    while not web.api.calls:
        await called(lambda: None)
    stopping = web.listener.stop()
    web.api.answer(ALLOW)
    assert (await waiting)["result"] == "allow"
    await stopping
    with pytest.raises(OSError, match=r"refused"):
        await called(web.client().ping)


@pytest_twisted.ensureDeferred
async def test_what_cannot_be_answered_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "STOP_SECONDS", 0.1)
    web = await TwinWeb.start(tmp_path)
    waiting: Any = called(web.client().auth, "push", username="alice", device="auto")
    idle = await called(socket.create_connection, ("127.0.0.1", web.listener.port))
    while not web.api.calls:
        await called(lambda: None)
    await web.listener.stop()
    with pytest.raises(Exception, match=r"closed|reset|EOF"):
        await waiting
    idle.close()


@pytest_twisted.ensureDeferred
async def test_a_listener_that_never_started_can_be_stopped(tmp_path: Path) -> None:
    path, _ = self_signed(tmp_path, ["localhost"])
    opened = open_socket("127.0.0.1", 0)
    port = opened.getsockname()[1]

    async def app(*_: object) -> None:
        raise AssertionError

    await listener.WebListener(app, WebCertificate(path, path), opened, Sources([]), Clock()).stop()
    open_socket("127.0.0.1", port).close()
