"""Policies, settings and billing in the panel, and what they do to logins through the Auth API at once."""

from __future__ import annotations

import re
from html import unescape

import pytest

from authproxy.secondfactor.groups import add_group, add_member, find_group
from authproxy.secondfactor.roles import Role
from tests.panel.panelhost import Browser, PanelHost

POLICIES = "/admin/policies"


def ticked(**sections: dict[str, str | list[str]]) -> list[tuple[str, str]]:
    """The fields of the form, for these sections."""
    fields = [("has." + name, "1") for name in sections]
    for name, section in sections.items():
        for key, value in section.items():
            fields += [(f"{name}.{key}", each) for each in (value if isinstance(value, list) else [value])]
    return fields


def add(browser: Browser, name: str) -> str:
    """A policy that decides nothing: its page."""
    answer = browser.post(f"{POLICIES}/add", {"name": name})
    assert answer.status == 303, answer.text
    return answer.location


def save(browser: Browser, path: str, name: str, **sections: dict[str, str | list[str]]) -> None:
    shown = browser.get(path).inputs()["shown"]
    page = browser.submit(path, [("name", name), ("shown", shown), *ticked(**sections)])
    assert "counts from the next login" in page.text


def preauth(panel: PanelHost, user: str, application: str = "auth") -> str:
    return str(panel.api.client(app=application).preauth(username=user)["result"])


def test_a_policy_that_is_assigned_decides_the_very_next_login(panel: PanelHost) -> None:
    owner = panel.browser()
    assert preauth(panel, "alice") == "auth"
    path = add(owner, "Nobody")
    save(owner, path, "Nobody", authentication={"behavior": "deny"})
    assert preauth(panel, "alice") == "auth"  # it is assigned nowhere
    owner.submit(f"{POLICIES}/assigned", {"application": "auth", "policy": path.rpartition("/")[2]})
    assert preauth(panel, "alice") == "deny"
    save(owner, path, "Nobody", authentication={"behavior": "bypass"})
    assert preauth(panel, "alice") == "allow"
    owner.submit(f"{path}/delete")
    assert preauth(panel, "alice") == "auth"
    change = panel.last_change("policy delete")
    assert change.object == "Nobody"


def test_an_applications_policy_outranks_its_own_settings(panel: PanelHost) -> None:
    owner = panel.browser()
    path = add(owner, "Welcome")
    save(owner, path, "Welcome", new_user={"behavior": "allow"})
    assert preauth(panel, "nobody-yet") == "enroll"  # as its own settings have it
    owner.submit(f"{POLICIES}/assigned", {"application": "auth", "policy": path.rpartition("/")[2]})
    assert preauth(panel, "nobody-yet") == "allow"
    owner.submit(f"{path}/delete")


def test_the_page_of_what_applies_tells_values_deciders_and_why(panel: PanelHost) -> None:
    owner = panel.browser()
    path = add(owner, "Few factors")
    save(owner, path, "Few factors", factors={"allowed": ["push", "passcode"]})
    owner.submit(f"{POLICIES}/assigned", {"application": "auth", "policy": path.rpartition("/")[2]})
    page = panel.browser(Role.READ_ONLY).get(f"{POLICIES}/effective?application=auth&user=alice")
    assert "Factors push, passcode Few factors application auth Decided nowhere else." in page.text
    assert "No policy decides it." in page.text
    assert "there is no user" in owner.get(f"{POLICIES}/effective?application=auth&user=nosuch").text
    owner.submit(f"{path}/delete")


def test_what_can_not_be_is_told_and_what_was_typed_stays(panel: PanelHost) -> None:
    owner = panel.browser()
    path = add(owner, "Office")
    shown = owner.get(path).inputs()["shown"]
    fields = ticked(trusted_networks={"networks": "the office"}, lockout={"threshold": "7", "minutes": "15"})
    answer = owner.post(path, [("name", "Office"), ("shown", shown), *fields])
    assert answer.status == 400
    assert "trusted_networks.networks" in answer.text
    assert "the office" in answer.html
    assert 'value="7"' in answer.html
    assert "decides nothing" not in owner.get(path).text
    owner.submit(f"{path}/delete")


def test_what_a_section_is_by_default_is_ticked_already(panel: PanelHost) -> None:
    owner = panel.browser()
    path = add(owner, "Fresh")
    html = owner.get(path).html
    assert re.search(r'name="trusted_networks\.require_enrollment"[^>]* checked[ >]', html)
    assert not re.search(r'name="has\.trusted_networks"[^>]* checked', html)
    owner.submit(f"{path}/delete")


def test_two_administrators_at_one_policy_do_not_overwrite_each_other(panel: PanelHost) -> None:
    one, other = panel.browser(), panel.browser(Role.ADMINISTRATOR)
    path = add(one, "Shared")
    shown = one.get(path).inputs()["shown"]
    save(other, path, "Shared", lockout={"threshold": "3", "minutes": "15"})
    answer = one.post(path, [("name", "Shared"), ("shown", shown), *ticked(new_user={"behavior": "deny"})])
    assert answer.status == 400
    assert "Somebody else has changed this policy" in answer.text
    one.submit(f"{path}/delete")


def test_groups_move_up_and_are_taken_away(panel: PanelHost) -> None:
    gail = panel.user("gail")
    with panel.writing() as connection:
        for name in ("uppers", "lowers"):
            add_member(connection, add_group(connection, name), gail)
    owner = panel.browser()
    path = add(owner, "For groups")
    policy = path.rpartition("/")[2]
    here = f"{POLICIES}/assigned?application=auth"
    for group in ("uppers", "lowers"):
        fields = {"application": "auth", "policy": policy, "group": group, "is_group": "1"}
        page = owner.submit(f"{POLICIES}/assigned", fields)
    assert page.text.index("uppers") < page.text.index("lowers")
    with panel.reading() as connection:
        lowers = find_group(connection, "lowers").id
    owner.submit(f"{POLICIES}/order", {"application": "auth", "group": lowers})
    rows = owner.get(here).html.split('<th scope="row">')
    assert [row.partition("<")[0] for row in rows[1:]] == ["lowers", "uppers"]
    owner.submit(f"{POLICIES}/assigned", {"application": "auth", "policy": "", "group": "lowers"})
    assert len(owner.get(here).html.split('<th scope="row">')) == 2
    owner.submit(f"{path}/delete")


@pytest.mark.parametrize("role", [Role.APPLICATION_MANAGER, Role.READ_ONLY, Role.HELP_DESK])
def test_who_may_look_sees_no_button_to_save(panel: PanelHost, role: Role) -> None:
    path = add(panel.browser(), f"Seen by {role}")
    page = panel.browser(role).get(path)
    assert page.status == 200
    assert "Save" not in page.text
    panel.browser().submit(f"{path}/delete")


# ---------------------------------------------------------------- settings


def fields_of(html: str) -> dict[str, str]:
    """The values of a page's form that is sent as it is."""
    found: dict[str, str] = {}
    form = html.partition('action="/admin/settings"')[2]
    for tag in re.findall(r"<input [^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        is_box = 'type="checkbox"' in tag
        if name and value and name[1] != "csrf" and (not is_box or "checked" in tag):
            found[name[1]] = unescape(value[1])
    for name_, body in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', body)
        found[name_] = chosen[1] if chosen else ""
    for name_, body in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        found[name_] = unescape(body)
    return found


def test_a_form_that_is_sent_as_it_was_shown_changes_nothing(panel: PanelHost) -> None:
    owner = panel.browser()
    before = fields_of(owner.get("/admin/settings").html)
    assert "Saved" in owner.submit("/admin/settings", before).text
    with panel.reading() as connection:
        stored = connection.exec_driver_sql("SELECT count(*) FROM settings WHERE key LIKE 'account.%'").scalar()
    assert stored == 0


def test_a_setting_is_changed_and_goes_back_to_the_configuration(panel: PanelHost) -> None:
    owner = panel.browser(Role.ADMINISTRATOR)
    page = owner.get("/admin/settings")
    assert "Account ID: DA" in page.text
    fields = fields_of(page.html)
    changed = owner.submit("/admin/settings", {**fields, "lockout_threshold": "1"})
    assert "Saved" in changed.text
    auth = panel.api.client()
    assert "locked" in auth.auth(username="bob", factor="passcode", passcode="000000")["status_msg"]
    owner.submit("/admin/settings", {**fields_of(changed.html), "reset.lockout_threshold": "1"})
    change = panel.last_change("settings change")
    assert "lockout_threshold" in str(change.detail)
    bad = owner.post("/admin/settings", {**fields, "sms_batch": "40", "helpdesk_message": "typed already"})
    assert bad.status == 400
    assert "sms_batch" in bad.text
    assert "typed already" in bad.html


# ---------------------------------------------------------------- billing


def test_credits_are_bought_and_limits_are_set_by_the_role_billing_alone(panel: PanelHost) -> None:
    billing = panel.browser(Role.BILLING)
    assert "none were bought yet" in billing.get("/admin/billing").text
    page = billing.submit("/admin/billing/enter", {"kind": "purchase", "amount": "250", "note": "invoice <7>"})
    assert "Credits left 250" in page.text
    assert "invoice &lt;7&gt;" in page.html
    assert (
        "Credits left 240" in billing.submit("/admin/billing/enter", {"kind": "correction", "amount": "-10"}).text
    )
    bad = billing.post("/admin/billing/enter", {"kind": "purchase", "amount": "lots"})
    assert (bad.status, "the amount is a number" in bad.text) == (400, True)
    fields = {"telephony_warning_min": "500", "telephony_at_zero": "stop", "user_telephony_cost_max": "100"}
    page = billing.get(billing.fill("/admin/billing/settings", fields, "/admin/billing").location)
    assert "Credits left 240 low" in page.text
    assert panel.last_change("settings change").actor == "admin:billing@example.com"
    assert billing.get("/admin/billing?month=2020-02").status == 200
    assert billing.get("/admin/billing?month=nonsense").status == 400
    assert panel.browser(Role.ADMINISTRATOR).get("/admin/billing").status == 403
