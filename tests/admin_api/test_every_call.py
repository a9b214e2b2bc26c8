"""Every call that ``duo_client.Admin`` offers has an operation here; what is not offered is refused plainly."""

from __future__ import annotations

import inspect
from typing import Any

import duo_client
import pytest
from duo_client.admin import AccountAdmin

from authproxy.web.api.admin.operations import find
from tests.web.apihost import ApiHost, error

LATELY = 1_700_000_000
GIVEN: dict[str, Any] = {
    "logo": b"x",
    "mintime": LATELY,
    "maxtime": LATELY + 1,
    "usernames": ["x"],
    "user_ids": ["x"],
    "group_ids": ["x"],
    "new_policy_names_list": ["x"],
    "json_request": {},
    "edit_list": [],
}
"""Parameters that are no text."""
OPTIONAL = {
    "update_settings": {"helpdesk_message": "x"},
    "update_integration": {"notes": "x"},
    "add_user_bypass_codes": {"count": 1},
}
"""What calls want that say it is not needed."""


def calls() -> list[str]:
    """Of the API, as the client has them: those for child accounts too."""
    inherited = {*dir(duo_client.client.Client), "get_child_api_host"}
    methods = inspect.getmembers(AccountAdmin, inspect.isfunction)
    return sorted(name for name, _ in methods if not name.startswith("_") and name not in inherited)


class Sent(Exception):
    """Ends a call where it would have been sent."""


class Sender(duo_client.Admin):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(ikey="DI", skey="x", host="localhost")

    def api_call(self, method: str, path: str, params: Any) -> Any:
        raise Sent(method, path)


def sent_by(name: str) -> tuple[str, str]:
    """Method and path of the call's request."""
    method = getattr(AccountAdmin, name)
    _self, *parameters = inspect.signature(method).parameters.values()
    needed = [
        each for each in parameters if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    given = {each.name: GIVEN.get(each.name, "x") for each in needed} | OPTIONAL.get(name, {})
    with pytest.raises(Sent) as sent:
        answered = method(Sender(), **given)
        next(answered)  # of those that ask only when their answers are wanted
    return sent.value.args[0], sent.value.args[1]


@pytest.mark.parametrize("name", calls())
def test_it_is_found(name: str) -> None:
    operation, _ids = find(*sent_by(name))
    assert operation.about


def test_the_client_offers_what_it_did() -> None:
    assert len(calls()) > 140


@pytest.mark.parametrize(
    ("name", "given", "code", "detail"),
    [
        ("add_desktoptoken", ["win"], 40301, "There are no desktop tokens here."),
        ("update_desktoptoken", ["x", "win"], 40401, "there is no such thing"),
        ("activate_desktoptoken", ["x"], 40401, "there is no such thing"),
        ("get_desktoptoken_by_id", ["x"], 40401, "there is no such thing"),
        ("get_endpoint", ["x"], 40401, "there is no such thing"),
        ("get_registered_device_by_id", ["x"], 40401, "there is no such thing"),
        ("get_u2ftoken_by_id", ["x"], 40401, "there is no such thing"),
        ("update_passport_config", ["enabled"], 40301, "There is no passport here: it stays disabled."),
        ("start_idv", ["x"], 40401, "there is no user 'x'"),
    ],
)
def test_what_is_not_offered_is_refused(adm: Any, name: str, given: list[str], code: int, detail: str) -> None:
    assert error(getattr(adm, name), *given) == (code // 100, code, detail)


def test_nobodys_identity_is_verified(adm: Any, host: ApiHost) -> None:
    alice = host.users["alice"].id
    for refused in (
        error(adm.start_idv, alice),
        error(adm.cancel_idv, alice, "x"),
        error(adm.get_idv_status, alice),
    ):
        assert refused[:2] == (403, 40301)
        assert "send_verification_push" in refused[2]


def test_a_passport_stays_disabled(adm: Any) -> None:
    off = {"enabled_status": "disabled", "enabled_groups": [], "disabled_groups": []}
    assert adm.get_passport_config() == adm.update_passport_config("disabled") == off


def test_nothing_is_billed(host: ApiHost) -> None:
    account = host.client(AccountAdmin, "admin", account_id="DA1", child_api_host="localhost")
    assert account.get_edition() == {"edition": "authproxy"}
    assert account.get_telephony_credits() == {"credits": 0}
    for refused in (error(account.set_edition, "BEYOND"), error(account.set_telephony_credits, 5)):
        assert refused[:2] == (403, 40301)
