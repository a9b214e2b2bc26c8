"""Two administrators at one record: the second is told what the first has changed, and overwrites nothing.

The forms of users and policies, which keep what was typed, are in test_users_pages and test_policy_pages.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from authproxy.secondfactor.applications import add_application
from authproxy.secondfactor.directories import Directory, add_directory
from authproxy.secondfactor.groups import add_group
from authproxy.secondfactor.lost_update import ChangedMeanwhile, Difference, check_unchanged, seal
from authproxy.secondfactor.phones import add_phone
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.roles import Role
from tests.panel.panelhost import PanelHost

_CLIENT = """
[ad_client]
host=192.0.2.1
transport=ldaps
service_account_username=svc
service_account_password=secret
search_dn=dc=example,dc=com
"""


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelHost]:
    made = PanelHost.make(tmp_path_factory.mktemp("panel") / "host", "request_rate=0" + _CLIENT).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def records(panel: PanelHost) -> dict[str, str]:
    """What stands in paths."""
    user = panel.user("edited")
    with panel.writing() as connection:
        keys = [add_application(connection, panel.api.seeds, name, kind) for name, kind in
                (("edited", "websdk"), ("api", "adminapi"))]  # fmt: skip
        return {
            "group": add_group(connection, "edited").id,
            "phone": add_phone(connection, user, "+15555550100").id,
            "application": keys[0].ikey,
            "api": keys[1].ikey,
            "directory": add_directory(connection, Directory("Office")).id,
            "admin": panel.admins[Role.READ_ONLY].id,
        }


DIRECTORY = {"name": "Head office", "client": "ad_client", "kind": "active directory", "minutes": "1440",
             "shrink_limit": "20", "is_enabled": "1"}  # fmt: skip
FORMS = {
    "/admin/groups/{group}": (
        "", {"name": "edited", "status": "disabled"}, "status: was “active”, is now “disabled”",
    ),
    "/admin/phones/{phone}": (
        "", {"number": "+15555550100", "type": "mobile", "name": "red"}, "name: was “”, is now “red”",
    ),
    "/admin/applications/{application}": ("", {"name": "wiki"}, "name: was “edited”, is now “wiki”"),
    "/admin/applications/{api}/permissions": (
        "/admin/applications/{api}", {"permission": ["adminapi_info"]},
        "permissions: was “”, is now “adminapi_info”",
    ),
    "/admin/directories/{directory}/edit": ("", DIRECTORY, "name: was “Office”, is now “Head office”"),
    "/admin/administrators/{admin}": (
        "", {"name": "Renamed", "email": "read-only@example.com", "role": "Read-only"}, "is now “Renamed”",
    ),
    "/admin/settings": (
        "", {"name": "Firm", "language": "EN", "log_retention_days": "180",
             "message_retention_days": "180", "telephony_retention_days": "400", "audit_retention_days": "365",
             "lockout_threshold": "10", "lockout_expire_duration": "15", "sms_batch": "3", "sms_expiration": "0",
             "sms_message": "{codes}", "fraud_email_enabled": "1", "telephony_warning_min": "0",
             "user_telephony_cost_max": "0", "telephony_at_zero": "send", "helpdesk_bypass": "allow",
             "helpdesk_bypass_expiration": "0", "user_managers_can_put_users_in_bypass": "1",
             "minimum_password_length": "12", "inactive_user_expiration": "0", "pending_deletion_days": "7",
             "push_enabled": "1", "voice_enabled": "1", "sms_enabled": "1", "mobile_otp_enabled": "1"},
        "audit retention days: was “1826”, is now “365”",
    ),
    "/admin/billing/settings": (
        "/admin/billing", {"telephony_at_zero": "stop"}, "telephony at zero: was “send”, is now “stop”",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_second_is_told_and_saves_nothing(panel: PanelHost, records: dict[str, str], form: str) -> None:
    page, fields, told = FORMS[form]
    path, page = form.format(**records), (page or form).format(**records)
    first, second = panel.browser(), panel.browser()
    shown = second.get(page).inputs(path)["shown"]
    assert first.fill(path, fields, page).status == 303
    saved = second.get(page).inputs(path)["shown"]
    answer = second.post(path, {**fields, "shown": shown})
    assert answer.status == 409
    assert "Nothing of yours was saved" in answer.text
    assert told in answer.text
    assert f'href="{page}"' in answer.html
    assert second.get(page).inputs(path)["shown"] == saved
    assert second.post(path, {**fields, "shown": saved}).status == 303


@pytest.mark.parametrize("sealed", ["", "[]", "null", "{", "[" * 20_000])
def test_a_form_without_what_was_shown_is_damaged(sealed: str) -> None:
    with pytest.raises(BadValue, match="damaged"):
        check_unchanged(sealed, {"name": "x"})


def test_what_has_changed_is_told_field_by_field() -> None:
    shown = seal({"same": [1, "é"], "list": ["a"], "flag": False, "gone": {"key": 1}})
    check_unchanged(shown, {"gone": {"key": 1}, "flag": False, "list": ["a"], "same": [1, "é"]})
    with pytest.raises(ChangedMeanwhile) as raised:
        check_unchanged(shown, {"same": [1, "é"], "list": ["a", "b"], "flag": True, "new": None})
    assert raised.value.differences == [
        Difference("list", "a", "a, b"), Difference("flag", "no", "yes"), Difference("gone", "key: 1", ""),
    ]  # fmt: skip
