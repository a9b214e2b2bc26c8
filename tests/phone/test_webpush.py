"""Web Push: encrypted as the RFC says, signed, sent to push services alone, and given up in time."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import http_ece
import pytest
import pytest_twisted
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from authproxy.messaging.webpush import GuardedResolver, RefusedAddress, WebPush
from authproxy.messaging.webpush_cipher import Recipient, encrypt
from authproxy.messaging.webpush_hosts import PushHosts, is_public
from authproxy.messaging.webpush_vapid import Vapid, new_key
from tests.phone.desks import Desks
from tests.phone.phonehost import PhoneHost
from tests.phone.pushservice import PushService, base64url, octets, push_service, verified_token

# RFC 8291, Appendix A
_PLAINTEXT = b"When I grow up, I want to be a watermelon"
_SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
_POINT = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
_AUTH, _SALT = "BTBZMqHH6r4Tts7J_aSIgg", "DGv6ra1nlYgDCS1FRnbzlw"
_MESSAGE = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95b"
    "Qpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_the_message_of_the_rfc() -> None:
    key = ec.derive_private_key(int.from_bytes(octets(_SENDER)), ec.SECP256R1())
    sealed = encrypt(_PLAINTEXT, Recipient.read(_POINT, _AUTH), key, octets(_SALT))
    assert base64url(sealed) == _MESSAGE


@given(st.binary(max_size=2048))
def test_http_ece_opens_what_we_seal(payload: bytes) -> None:
    service = PushService()
    keys = PushHosts(("localhost",)).read(service.subscription).recipient
    assert service.open(encrypt(payload, keys)) == payload


def test_payloads_over_2_kb_are_refused() -> None:
    with pytest.raises(ValueError, match="2048"):
        encrypt(bytes(2049), Recipient.read(_POINT, _AUTH))


def test_a_message_opened_with_another_secret_is_nothing() -> None:
    service = PushService()
    sealed = encrypt(b"secret", PushHosts(("localhost",)).read(service.subscription).recipient)
    service.auth = bytes(16)
    with pytest.raises((http_ece.ECEException, ValueError)):
        service.open(sealed)


def test_tokens_name_the_service_with_its_port_and_are_used_again() -> None:
    vapid, now = Vapid(new_key(), "https://mfa.example"), time.time()
    header = vapid.authorization("https://push.example:8443/send/x?y", now)
    claims = verified_token(header)
    assert claims["aud"] == "https://push.example:8443"
    assert claims["sub"] == "https://mfa.example"
    assert now < claims["exp"] <= now + 86_400
    assert vapid.authorization("https://push.example:8443/z", now + 3600) == header
    later = vapid.authorization("https://push.example:8443/z", now + 7 * 3600)
    assert verified_token(later)["exp"] > claims["exp"]


# ---------------------------------------------------------------- where it may be sent


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("172.16.9.9", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", True),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a9fe:a9fe", False),
    ],
)
def test_which_addresses_are_public(address: str, answer: bool) -> None:
    assert is_public(ip_address(address)) is answer


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://push.example.com/x",
        "https://user@push.example.com/x",
        "https://push.example.com:0/x",
        "https:///x",
        "https://localhost/x",
        "https://intranet/x",
        "https://169.254.169.254/latest",
        "https://[::ffff:10.0.0.1]/x",
        "https://push.example.com/\u00e9",
        "https://push.example.com/" + "x" * 1000,
        "https://[::1/x",
        "ftp://push.example.com/x",
    ],
)
def test_addresses_that_are_no_push_service_are_refused(endpoint: str) -> None:
    text = PushService().subscription.replace("https://localhost:1/send/abc", endpoint)
    with pytest.raises(ValueError, match=r"\w"):
        PushHosts().check(text)


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"endpoint":1,"keys":{"p256dh":"x","auth":"y"}}'])
def test_what_is_no_subscription_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no subscription"):
        PushHosts().check(text)


def test_a_list_of_hosts_is_exact_and_opens_what_is_inside() -> None:
    hosts = PushHosts(("push.corp.example", ".apple.com"))
    assert hosts.is_allowed("PUSH.corp.example")
    assert hosts.is_allowed("web.push.apple.com")
    assert not hosts.is_allowed("apple.com.evil.example")
    assert not hosts.is_allowed("evilapple.com")
    assert not hosts.is_allowed("fcm.googleapis.com")
    assert hosts.may_connect("push.corp.example", "10.0.0.5")
    assert not hosts.may_connect("fcm.googleapis.com", "8.8.8.8")


class Names:
    """A resolver that gives these addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[dict[str, object]]:
        return [
            {"hostname": host, "host": each, "port": port, "family": 2, "proto": 0, "flags": 0}
            for each in self.addresses
        ]

    async def close(self) -> None:
        pass


@pytest_twisted.ensureDeferred
async def test_a_name_that_leads_inside_is_not_connected_to() -> None:
    mixed = GuardedResolver(PushHosts(), Names("10.0.0.1", "8.8.8.8"))  # type: ignore[arg-type]
    assert [each["host"] for each in await mixed.resolve("push.example.com", 443)] == ["8.8.8.8"]
    inside = GuardedResolver(PushHosts(), Names("10.0.0.1", "fe80::1%eth0"))  # type: ignore[arg-type]
    with pytest.raises(RefusedAddress):
        await inside.resolve("push.example.com", 443)


# ---------------------------------------------------------------- sending


@pytest.fixture
def service(tmp_path: Path) -> Iterator[PushService]:
    with push_service(tmp_path) as made:
        yield made


async def sent(service: PushService, hosts: PushHosts | None = None, seconds: float = 30.0) -> int:
    vapid = Vapid(new_key(), "https://mfa.example")

    async def key() -> Vapid:
        return vapid

    tls = ssl.create_default_context(cafile=str(service.ca))
    sender = WebPush(hosts or PushHosts(("localhost",)), key, time.time, tls, waits=(0.01, 0.01))
    try:
        return await sender.send(service.subscription, b'{"push":"X"}', seconds)
    finally:
        await sender.close()


@pytest_twisted.ensureDeferred
async def test_a_message_arrives_and_can_be_opened(service: PushService) -> None:
    assert await sent(service) == 201
    ((headers, payload),) = service.received
    assert payload == b'{"push":"X"}'
    assert (headers["ttl"], headers["urgency"], headers["content-encoding"]) in (
        ("29", "high", "aes128gcm"),
        ("30", "high", "aes128gcm"),
    )
    assert verified_token(headers["authorization"])["aud"] == f"https://localhost:{service.port}"


@pytest.mark.parametrize(
    ("statuses", "status", "tries"),
    [
        ([503, 429], 201, 3),
        ([500, 500, 500, 500], 500, 3),
        ([410], 410, 1),
        ([404], 404, 1),
        ([400], 400, 1),
        ([307], 307, 1),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_the_push_service_says_is_minded(
    service: PushService, statuses: list[int], status: int, tries: int
) -> None:
    service.statuses = list(statuses)
    assert await sent(service) == status
    assert len(service.received) == tries


@pytest_twisted.ensureDeferred
async def test_nothing_is_sent_after_the_end_or_to_where_it_must_not(service: PushService) -> None:
    assert await sent(service, seconds=0) == 0
    assert await sent(service, PushHosts()) == 0
    assert service.received == []


@pytest_twisted.ensureDeferred
async def test_the_key_is_made_once_and_kept_sealed(tmp_path: Path) -> None:
    desks = Desks(tmp_path)
    first = await desks.key.public()
    kept = desks.value("SELECT value FROM settings WHERE key = 'web_push_key'")
    again = type(desks.key)(desks.writer, desks.seeds, "https://mfa.example")
    assert await again.public() == first
    assert first.encode() not in octets(kept.translate({43: "-", 47: "_"}))
    await desks.writer.stop()
    desks.database.close()


def test_a_login_reaches_a_phone_that_is_closed(tmp_path: Path) -> None:
    with push_service(tmp_path) as service:
        host = PhoneHost.make(tmp_path / "host", service="webpush_hosts=localhost")
        host.daemon.environment["SSL_CERT_FILE"] = str(service.ca)
        host.daemon.start()
        try:
            phone = host.web_phone("wanda")
            fields = {
                "clock": int(time.time() * 1000),
                "permission": "granted",
                "subscription": service.subscription,
            }
            key = host.post(phone, "contact", fields)["push_key"]
            with host.login("wanda") as replies:
                host.wait_for(lambda: service.received)
                push = host.pending(phone)
                answer = {"push": push["id"], "nonce": push["nonce"], "decision": "approve"}
                assert host.post(phone, "answer", answer)["status"] == "approved"
            assert replies[0].code == "Access-Accept"
            headers, payload = service.received[0]
            assert payload == f'{{"push":"{push["id"]}"}}'.encode()
            assert f"k={key}" in headers["authorization"]
            assert host.value("SELECT sent_at FROM pushes") is not None
        finally:
            host.daemon.stop()
            host.database.close()
