"""How duo_client and its like may connect and sign: trust, hosts, dates, paths, queries."""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import time
from email.utils import formatdate
from typing import Any

import pytest
import pytest_twisted

from tests.web.signing import authorization
from tests.web.twin import TwinWeb, called, error

pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # duo_client leaves some open


def send(web: TwinWeb, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> tuple[int, Any]:
    context = ssl.create_default_context(cafile=str(web.ca))
    connection = http.client.HTTPSConnection("localhost", web.listener.port, context=context, timeout=60)
    try:
        connection.request(method, target, body or None, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def signed(date: str, method: str, host: str, path: str, parameters: str) -> str:
    """Version 2, SHA-512."""
    return authorization("\n".join((date, method, host, path, parameters)).encode(), "auth", "sha512")


@pytest_twisted.ensureDeferred
async def test_the_client_trusts_a_file_the_system_or_anybody(web: TwinWeb, monkeypatch: Any) -> None:
    assert await called(web.client(ca_certs="DISABLE").check)
    monkeypatch.setenv("SSL_CERT_FILE", str(web.ca))
    assert await called(web.client(ca_certs=None, disable_ca_pinning=True).check)
    with pytest.raises(Exception, match=r"[Cc]ertificate|CERTIFICATE"):
        await called(web.client(ca_certs=None).check)  # Duo's own authorities


@pytest.mark.parametrize("host", ["localhost", "localhost:{port}", "LOCALHOST"])
@pytest_twisted.ensureDeferred
async def test_clients_sign_the_host_with_or_without_its_port(web: TwinWeb, host: str) -> None:
    signed_host = host.format(port=web.listener.port).lower()
    date = formatdate()
    headers = {"Date": date, "Authorization": signed(date, "GET", signed_host, "/auth/v2/check", "")}
    assert (await called(send, web, "GET", "/auth/v2/check", headers))[0] == 200


@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S -0000", "%a, %d %b %Y %H:%M:%S GMT"])
@pytest_twisted.ensureDeferred
async def test_clients_write_their_date_in_several_ways(web: TwinWeb, form: str) -> None:
    date = time.strftime(form, time.gmtime())
    text = signed(date, "GET", "localhost", "/auth/v2/check", "")
    for name in ("Date", "X-Duo-Date"):
        answer = await called(send, web, "GET", "/auth/v2/check?", {name: date, "Authorization": text})
        assert answer[0] == 200


@pytest_twisted.ensureDeferred
async def test_a_signature_covers_the_path_as_it_was_sent(web: TwinWeb) -> None:
    """Before it is decoded: names in paths are quoted by clients, and signed so."""
    assert "time" in await called(web.client().json_api_call, "GET", "/auth/v2/%63heck", {})
    for path in ("/admin/v1/users/a+b%2Fc", "/auth/v2/check/"):
        assert (await error(web.client().json_api_call, "GET", path, {}))[1]["code"] == 40401


@pytest_twisted.ensureDeferred
async def test_parameters_of_a_post_may_be_in_its_query(web: TwinWeb) -> None:
    date = formatdate()
    text = signed(date, "POST", "localhost", "/auth/v2/preauth", "username=alice")
    headers = {"Date": date, "Authorization": text, "Content-Type": "application/x-www-form-urlencoded"}
    status, said = await called(send, web, "POST", "/auth/v2/preauth?username=alice", headers)
    assert (status, said["response"]["result"]) == (200, "auth")
    status, said = await called(send, web, "POST", "/auth/v2/preauth?username=carol", headers)
    assert (status, said["code"]) == (401, 40103)


@pytest.mark.parametrize("digest", ["sha1", "sha512"])
@pytest_twisted.ensureDeferred
async def test_version_2_signs_with_either_hash_and_what_is_not_ascii(web: TwinWeb, digest: str) -> None:
    auth = web.client(sig_version=2, digestmod=getattr(hashlib, digest))
    assert (await called(auth.preauth, username="ál ice/~*+&="))["status_msg"] == "Enroll ál ice/~*+&="
