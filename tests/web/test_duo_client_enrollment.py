"""duo_client enrolls somebody: the picture, the phone that claims it, and what became of the rest."""

from __future__ import annotations

import base64
import hmac
import re
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
import segno
from duo_client.auth_v1 import AuthV1

from tests.enroll.portal import Site
from tests.peers.zbar import read_qr
from tests.phone.webphone import WebPhone, totp
from tests.web.apihost import ApiHost, error


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    host = ApiHost.make(tmp_path_factory.mktemp("enrollment") / "host")
    host.daemon.start()
    try:
        yield Site(host)
        assert host.daemon.stop() == 0
    finally:
        host.daemon.kill()
        host.database.close()
    assert "Traceback" not in host.daemon.log()


def test_the_logo_is_missing_and_then_the_bytes_that_were_kept(site: Site, tmp_path: Path) -> None:
    auth, old, picture = site.host.client(), site.host.client(AuthV1, "unix"), tmp_path / "logo.png"
    assert error(auth.logo)[:2] == error(old.logo)[:2] == (404, 40401)
    segno.make("a logo").save(str(picture))
    site.host.daemon.command("application", "logo", "set", str(picture))
    assert auth.logo() == old.logo() == picture.read_bytes()
    response, _ = auth.api_call("GET", "/auth/v2/logo", {})
    assert response.getheader("Content-Type") == "image/png"
    site.host.daemon.command("application", "logo", "delete")
    assert error(auth.logo)[:2] == (404, 40401)


def test_a_phone_scans_the_picture_and_the_enrollment_is_a_success(site: Site) -> None:
    auth = site.host.client()
    enrolled = auth.enroll(username="henry", valid_secs=60)
    watched = enrolled["user_id"], enrolled["activation_code"]
    assert auth.enroll_status(*watched) == "waiting"
    status, kind, png = site.content(enrolled["activation_barcode"])
    assert (status, kind) == (200, "image/png")
    scanned = read_qr(png)
    assert scanned == enrolled["activation_url"]
    assert site.get(scanned.partition("#")[0]).status == 200
    assert auth.enroll_status(*watched) == "waiting"  # looking is not claiming
    site.activate(scanned)
    assert auth.enroll_status(*watched) == "success"
    assert site.refuses(scanned)
    (phone,) = auth.preauth(username="henry")["devices"]
    assert set(phone["capabilities"]) == {"auto", "push", "mobile_otp"}


def test_the_codes_of_an_enrolled_phone_are_good_once(site: Site) -> None:
    auth = site.host.client()
    enrolled, phone = auth.enroll(username="hanna"), WebPhone()
    said = site.phones.post(phone, "claim", phone.claim_body(enrolled["activation_code"]))
    code = totp(bytes.fromhex(said["secret"]), time.time())
    results = [auth.auth("passcode", username="hanna", passcode=code)["result"] for _ in range(2)]
    assert results == ["allow", "deny"]


def test_an_enrollment_that_nobody_claims_in_time_is_invalid(site: Site) -> None:
    auth = site.host.client()
    enrolled = auth.enroll(username="hugo", valid_secs=1)
    watched = enrolled["user_id"], enrolled["activation_code"]
    deadline = time.monotonic() + 60
    while auth.enroll_status(*watched) == "waiting":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert auth.enroll_status(*watched) == "invalid"
    assert site.refuses(enrolled["activation_url"])


def test_without_a_name_one_is_made_up(site: Site) -> None:
    enrolled = site.host.client().enroll()
    assert re.fullmatch("[0-9a-f]{32}", enrolled["username"])
    assert enrolled["expiration"] - time.time() == pytest.approx(86_400, abs=60)
    code, _, host = enrolled["activation_code"].partition("-")
    assert re.fullmatch("duo://[A-Za-z0-9]{20}", code)
    assert base64.b64decode(host + "=" * (-len(host) % 4)).decode() == f"localhost:{site.host.port}"


@pytest.mark.parametrize("name", ["alice", "ALICE", "al", "CORP\\alice"])
def test_a_name_or_alias_that_is_taken_is_said(site: Site, name: str) -> None:
    assert error(site.host.client().enroll, username=name) == (400, 40002, "username already exists")


def test_a_status_of_somebody_else_or_of_nothing_is_invalid(site: Site) -> None:
    auth = site.host.client()
    one, other = auth.enroll(), auth.enroll()
    assert auth.enroll_status(one["user_id"], other["activation_code"]) == "invalid"
    assert auth.enroll_status("DU" + "0" * 18, one["activation_code"]) == "invalid"
    assert auth.enroll_status(one["user_id"], "duo://x") == "invalid"


def test_enroll_status_takes_its_parameters_from_the_query_of_a_post(site: Site) -> None:
    """As Duo's collection for Postman sends them."""
    enrolled, keys = site.host.client().enroll(), site.host.keys["auth"]
    given = {"activation_code": enrolled["activation_code"], "user_id": enrolled["user_id"]}
    path, query, date = "/auth/v2/enroll_status", urlencode(given, quote_via=quote, safe="~"), formatdate()
    text = "\n".join((date, "POST", "localhost", path, query)).encode()
    signature = hmac.digest(keys.skey.encode(), text, "sha512").hex()
    credentials = base64.b64encode(f"{keys.ikey}:{signature}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "Date": date, "Content-Type": "text/plain"}
    said = site.phones.request(f"{path}?{query}", b"", headers)
    assert (said["http"], said["response"]) == (200, "waiting")
