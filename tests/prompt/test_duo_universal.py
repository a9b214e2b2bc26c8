"""An unmodified ``duo_universal`` against the prompt."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from duo_universal.client import DuoException

from authproxy.secondfactor.pushes import PushStatus
from authproxy.secondfactor.users import add_user
from tests.prompt.demo import CALLBACK, Demo, Visitor, quietly
from tests.web.apihost import ApiHost

CHOOSING = "How do you want to log in?"


@pytest.fixture(scope="module")
def demo(host: ApiHost) -> Demo:
    return Demo.make(host, "web", policy={"new_user_policy": "enroll"})


@pytest.fixture(scope="module")
def strict(host: ApiHost) -> Demo:
    return Demo.make(host, "strict web", policy={"new_user_policy": "deny"})


@pytest.fixture(autouse=True)
def unlocked(host: ApiHost) -> None:
    host.unlock()


def approved(demo: Demo, username: str, **more: Any) -> tuple[str, str]:
    """The code and the state that a login by push leads back with."""
    visitor, state = demo.begin(username, **more)
    visitor.choose("push:")
    demo.host.answer_push(PushStatus.APPROVED)
    visitor.wait()
    assert visitor.page.gone.startswith(demo.callback)
    return visitor.page.query.get("duo_code") or visitor.page.query["code"], state


# ---------------------------------------------------------------- health


def test_health_check(demo: Demo) -> None:
    said = quietly(demo.client().health_check)
    assert said["stat"] == "OK"
    assert abs(said["response"]["timestamp"] - time.time()) < 5


def test_an_unknown_client_another_secret_and_another_type_are_told_the_same(demo: Demo) -> None:
    told = []
    auth = demo.host.keys["auth"]
    for changed in (
        {"client_id": "DI" + "X" * 18},
        {"client_secret": "x" * 40},
        {"client_id": auth.ikey, "client_secret": auth.skey},
    ):
        with pytest.raises(DuoException) as failure:
            quietly(demo.client(**changed).health_check)
        said = failure.value.args[0].args[0]
        said.pop("timestamp")
        told.append(said)
    assert told[0] == told[1] == told[2]
    assert (told[0]["stat"], told[0]["code"], told[0]["message"]) == ("FAIL", 40002, "invalid_client")


# ---------------------------------------------------------------- a login


def test_an_approved_push_leads_back_with_a_code_that_is_worth_a_token(demo: Demo) -> None:
    visitor, state = demo.begin("alice")
    assert visitor.page.title == CHOOSING
    visitor.choose("push:")
    assert visitor.page.title == "Look at your phone"
    shown = demo.host.answer_push(PushStatus.APPROVED)
    assert shown["application"] == "web"
    visitor.wait()
    assert visitor.page.status == 302
    assert visitor.page.gone.startswith(f"{CALLBACK}?")
    assert set(visitor.page.query) == {"state", "duo_code"}
    assert visitor.page.query["state"] == state
    token = demo.result(visitor.page.query["duo_code"], "alice")
    assert token["auth_result"] == {"result": "allow", "status": "allow", "status_msg": "Login Successful"}
    assert token["preferred_username"] == token["sub"] == "alice"
    assert token["aud"] == demo.keys.ikey
    assert token["iss"] == f"https://localhost:{demo.host.port}/oauth/v1/token"
    assert {type(token[name]) for name in ("iat", "exp", "auth_time")} == {int}
    context = token["auth_context"]
    assert (context["factor"], context["reason"], context["result"]) == ("duo_push", "user_approved", "success")
    assert context["application"] == {"key": demo.keys.ikey, "name": "web"}
    assert context["user"] == {"name": "alice", "key": demo.host.users["alice"].id, "groups": []}
    assert context["auth_device"]["name"] == "XXX-XXX-0100"
    device = context["access_device"]
    assert (device["ip"], device["browser"], device["os"]) == ("127.0.0.1", "Firefox", "Linux")
    assert type(context["timestamp"]) is int


def test_the_nonce_comes_back(demo: Demo) -> None:
    nonce = "n" * 20
    code, _ = approved(demo, "alice", nonce=nonce)
    assert demo.result(code, "alice", nonce=nonce)["nonce"] == nonce
    code, _ = approved(demo, "alice", nonce=nonce)
    with pytest.raises(DuoException):
        demo.result(code, "alice", nonce="m" * 20)


def test_a_code_counts_once(demo: Demo) -> None:
    code, _ = approved(demo, "alice")
    demo.result(code, "alice")
    with pytest.raises(DuoException, match="invalid_grant"):
        demo.result(code, "alice")


def test_a_code_is_of_one_application_and_one_address(demo: Demo, strict: Demo) -> None:
    code, _ = approved(demo, "alice")
    with pytest.raises(DuoException, match="invalid_grant"):
        strict.result(code, "alice")
    with pytest.raises(DuoException, match="invalid_grant"):
        demo.result(code, "alice")  # it was in other hands
    code, _ = approved(demo, "alice")
    elsewhere = demo.client(redirect_uri="https://app.test/other")
    with pytest.raises(DuoException, match="invalid_grant"):
        quietly(elsewhere.exchange_authorization_code_for_2fa_result, code, "alice")


def test_an_older_client_gets_its_code_under_the_other_name(demo: Demo) -> None:
    visitor, _ = demo.begin("alice", client={"use_duo_code_attribute": False})
    visitor.passcode(demo.host.code("alice"))
    assert set(visitor.page.query) == {"state", "code"}
    assert demo.result(visitor.page.query["code"], "alice")["auth_context"]["factor"] == "passcode"


@pytest.mark.parametrize("spelling", ["CORP\\alice", " Alice ", "alice@example.com", "ALICE"])
def test_the_name_comes_back_letter_by_letter(demo: Demo, spelling: str) -> None:
    visitor, _ = demo.begin(spelling)
    visitor.passcode(demo.host.code("alice"))
    token = demo.result(visitor.page.query["duo_code"], spelling)
    assert token["preferred_username"] == spelling
    assert token["auth_context"]["user"]["name"] == "alice"


def test_names_with_spaces_and_of_other_scripts(demo: Demo) -> None:
    name = "Žofie Nováková 王"
    with demo.host.database.writing() as connection:
        demo.host.users[name] = add_user(connection, name, "simple")
    code = demo.host.bypass_code(name)
    visitor, _ = demo.begin(name)
    visitor.passcode(code)
    token = demo.result(visitor.page.query["duo_code"], name)
    assert token["preferred_username"] == name
    assert token["auth_context"]["factor"] == "bypass_code"


def test_a_user_in_bypass_is_sent_back_at_once(demo: Demo) -> None:
    visitor, _ = demo.begin("carol")
    token = demo.result(visitor.page.query["duo_code"], "carol")
    assert token["auth_context"]["reason"] == "bypass_user"


# ---------------------------------------------------------------- no code without an allow


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (PushStatus.DENIED, "Login request denied."),
        (PushStatus.FRAUD, "Login request reported as fraud."),
        (PushStatus.EXPIRED, "Login timed out."),
    ],
)
def test_a_push_that_is_not_approved_leaves_the_user_in_the_prompt(
    demo: Demo, status: PushStatus, text: str
) -> None:
    visitor, _ = demo.begin("alice")
    visitor.choose("push:")
    demo.host.answer_push(status)
    page = visitor.wait()
    assert page.gone == ""
    assert page.title == CHOOSING
    assert text in page.text
    assert 'role="alert"' in page.html
    visitor.passcode(demo.host.code("alice"))
    assert "duo_code" in visitor.page.query


def test_wrong_codes_lock_the_user_out_and_nothing_leads_back(demo: Demo) -> None:
    visitor, _ = demo.begin("bob")
    for _ in range(2):
        page = visitor.passcode("000000")
        assert "Incorrect passcode" in page.text
    page = visitor.passcode("000000")
    assert (page.title, page.status, page.gone) == ("You can not log in", 403, "")
    assert "locked out" in page.text
    assert visitor.get(visitor.page.url).status == 403
    other, _ = demo.begin("bob")
    assert (other.page.status, other.page.gone) == (403, "")
    demo.host.unlock()


def test_a_disabled_user_and_a_stranger_are_told_the_same(strict: Demo) -> None:
    pages = [strict.begin(name)[0].page for name in ("dave", "nobody")]
    assert [page.status for page in pages] == [403, 403]
    assert [page.gone for page in pages] == ["", ""]
    assert pages[0].text == pages[1].text


def test_a_cancelled_push_can_not_be_approved_any_more(demo: Demo) -> None:
    visitor, _ = demo.begin("alice")
    visitor.choose("push:")
    page = visitor.choose("cancel")
    assert (page.title, page.gone) == (CHOOSING, "")
    visitor.choose("push:")
    assert visitor.page.title == "Look at your phone"
    demo.host.answer_push(PushStatus.APPROVED)
    visitor.wait()
    assert "duo_code" in visitor.page.query


# ---------------------------------------------------------------- dialects of other clients


def signed(demo: Demo, **changed: Any) -> str:
    claims = {
        "response_type": "code",
        "scope": "openid",
        "redirect_uri": demo.callback,
        "client_id": demo.keys.ikey,
        "iss": demo.keys.ikey,
        "aud": f"https://localhost:{demo.host.port}",
        "exp": int(time.time()) + 300,
        "state": "s" * 36,
        "duo_uname": "carol",
        "use_duo_code_attribute": True,
    }
    wanted = {name: value for name, value in {**claims, **changed}.items() if value is not None}
    return str(quietly(jwt.encode, wanted, demo.keys.skey, algorithm="HS512"))


def authorize(demo: Demo, request: str, **more: str) -> Visitor:
    visitor = Visitor(demo.host)
    parameters = {"response_type": "code", "client_id": demo.keys.ikey, "request": request, **more}
    visitor.get(f"{visitor.base}/oauth/v1/authorize", params=parameters)
    return visitor


@pytest.mark.parametrize(
    "changed",
    [
        {"use_duo_code_attribute": "true"},
        {"use_duo_code_attribute": 1},
        {"aud": None, "iss": None},
        {"aud": "https://localhost:{port}/oauth/v1/authorize"},
        {"exp": time.time() + 299.5},
    ],
)
def test_what_other_clients_sign_is_understood(demo: Demo, changed: dict[str, Any]) -> None:
    filled = {
        name: value.format(port=demo.host.port) if isinstance(value, str) else value
        for name, value in changed.items()
    }
    assert set(authorize(demo, signed(demo, **filled)).page.query) == {"state", "duo_code"}


def test_parameters_may_be_repeated_in_the_query_and_posted(demo: Demo) -> None:
    repeated = {"redirect_uri": CALLBACK, "scope": "openid", "state": "s" * 36, "nonce": "n" * 30}
    visitor = authorize(demo, signed(demo), **repeated)
    code = visitor.page.query["duo_code"]
    assert demo.result(code, "carol", nonce="n" * 30)["nonce"] == "n" * 30
    data = {"response_type": "code", "client_id": demo.keys.ikey, "request": signed(demo)}
    posted = Visitor(demo.host)
    posted._follow("POST", f"{posted.base}/oauth/v1/authorize", data=data)
    assert "duo_code" in posted.page.query


def test_the_callbacks_own_query_stays(demo: Demo) -> None:
    visitor = authorize(demo, signed(demo, redirect_uri="https://app.test/cb?tenant=a%20b"))
    assert visitor.page.gone.startswith("https://app.test/cb?tenant=a%20b&state=")


def assertion(demo: Demo, **changed: Any) -> str:
    claims = {
        "iss": demo.keys.ikey,
        "sub": demo.keys.ikey,
        "aud": f"https://localhost:{demo.host.port}/oauth/v1/token",
        "exp": int(time.time()) + 300,
        "jti": f"jti {time.time_ns()}",
    }
    wanted = {name: value for name, value in {**claims, **changed}.items() if value is not None}
    return str(quietly(jwt.encode, wanted, demo.keys.skey, algorithm="HS512"))


def exchange(demo: Demo, place: str = "data", **changed: str) -> tuple[int, dict[str, Any]]:
    """In a form, as most clients do; ``place="params"``: in the query."""
    code = authorize(demo, signed(demo)).page.query["duo_code"]
    fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "client_id": demo.keys.ikey,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion(demo),
        **changed,
    }
    visitor = Visitor(demo.host)
    given = {name: value for name, value in fields.items() if value}
    answer = visitor.session.post(f"{visitor.base}/oauth/v1/token", timeout=60, **{place: given})  # type: ignore[arg-type]
    return answer.status_code, answer.json()


@pytest.mark.parametrize("place", ["data", "params"])
def test_the_token_is_asked_for_in_a_form_or_in_the_query(demo: Demo, place: str) -> None:
    status, said = exchange(demo, place)
    assert status == 200
    assert (said["token_type"], type(said["expires_in"])) == ("Bearer", int)
    assert set(said) == {"id_token", "access_token", "token_type", "expires_in"}


def test_a_client_may_tell_its_id_in_the_assertion_alone(demo: Demo) -> None:
    assert exchange(demo, client_id="")[0] == 200


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"code": "nonsense"}, "invalid_grant"),
        ({"code": "é\ud800".encode("utf-8", "replace").decode()}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_grant"),
        ({"client_assertion": ""}, "invalid_client"),
        ({"client_assertion": "a.b.c"}, "invalid_client"),
        ({"client_assertion_type": "other"}, "invalid_request"),
    ],
)
def test_a_bad_exchange_is_refused(demo: Demo, changed: dict[str, str], error: str) -> None:
    status, said = exchange(demo, **changed)
    assert (status, said["error"]) == (400, error)
    assert said["error_description"]


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://elsewhere.test/oauth/v1/token"},
        {"aud": None},
        {"sub": "DIOTHER"},
        {"iss": "DIOTHER"},
        {"exp": None},
        {"exp": "soon"},
        {"exp": 1_000_000},
        {"exp": 9_000_000_000},
        {"jti": None},
        {"iat": 9_000_000_000},
    ],
)
def test_a_bad_assertion_is_refused(demo: Demo, changed: dict[str, Any]) -> None:
    status, said = exchange(demo, client_assertion=assertion(demo, **changed))
    assert (status, said["error"]) == (400, "invalid_client")


def test_an_assertion_counts_once(demo: Demo) -> None:
    used = assertion(demo)
    assert exchange(demo, client_assertion=used)[0] == 200
    status, said = exchange(demo, client_assertion=used)
    assert (status, said["error"]) == (400, "invalid_client")


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS384"])
def test_other_algorithms_are_refused(demo: Demo, algorithm: str) -> None:
    claims = jwt.decode(signed(demo), options={"verify_signature": False})
    key = None if algorithm == "none" else demo.keys.skey
    request = str(quietly(jwt.encode, claims, key, algorithm=algorithm))
    page = authorize(demo, request).page
    assert (page.status, page.gone, page.title) == (400, "", "This login can not be begun")


# ---------------------------------------------------------------- requests that are refused


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.test/cb",
        "javascript:alert(1)",
        "//app.test/cb",
        "https://",
        "https://app.test/cb#part",
        "https://user@app.test/cb",
        "https://app.test\\@evil.test/",
        "https://app.test/\r\nSet-Cookie:x",
        "x" * 2000,
        "",
    ],
)
def test_nobody_is_sent_where_no_application_can_be(demo: Demo, uri: str) -> None:
    page = authorize(demo, signed(demo, redirect_uri=uri)).page
    assert (page.status, page.gone) == (400, "")


@pytest.mark.parametrize(
    "changed",
    [
        {"client_id": "DIOTHER"},
        {"iss": "DIOTHER"},
        {"aud": "https://elsewhere.test"},
        {"exp": None},
        {"exp": 1_000_000},
        {"exp": 9_000_000_000},
    ],
)
def test_a_request_that_proves_nothing_is_refused(demo: Demo, changed: dict[str, Any]) -> None:
    page = authorize(demo, signed(demo, **changed)).page
    assert (page.status, page.gone) == (400, "")


def test_an_address_beside_the_signed_one_is_refused(demo: Demo) -> None:
    page = authorize(demo, signed(demo), redirect_uri="https://evil.test/cb").page
    assert (page.status, page.gone) == (400, "")


@pytest.mark.parametrize(
    "changed",
    [
        {"state": "short"},
        {"scope": "profile"},
        {"duo_uname": " "},
        {"duo_uname": 7},
        {"duo_uname": "half \ud83d"},
        {"state": "s" * 20 + "\ud800"},
        {"nonce": "n" * 1025},
    ],
)
def test_what_is_wrong_besides_is_told_to_the_application(demo: Demo, changed: dict[str, Any]) -> None:
    query = authorize(demo, signed(demo, **changed)).page.query
    assert query["error"] == "invalid_request"
    assert query["error_description"]
    assert "duo_code" not in query


def test_registered_addresses_are_the_only_ones(host: ApiHost) -> None:
    demo = Demo.make(host, "registered", redirect_uris=[CALLBACK, "http://localhost:3000/cb"])
    for uri in (CALLBACK, "http://localhost:3000/cb"):
        assert "duo_code" in authorize(demo, signed(demo, redirect_uri=uri)).page.query
    for uri in (f"{CALLBACK}/", "https://app.test/cb?x=1", "https://evil.test/cb"):
        page = authorize(demo, signed(demo, redirect_uri=uri)).page
        assert (page.status, page.gone) == (400, "")


@pytest.mark.parametrize(
    "name",
    ["\x00", "a\x00b", "\\", "@", "CORP\\", "\u202egpj", "n" * 1024, "%s{{7*7}}", "'; DROP", "\u3164", "é" * 500],
)
def test_odd_names_get_a_page_or_are_told_to_the_application(demo: Demo, strict: Demo, name: str) -> None:
    for each in (demo, strict):
        page = authorize(each, signed(each, duo_uname=name)).page
        assert page.status in (200, 302, 403)
        assert "code" not in page.query and "duo_code" not in page.query
