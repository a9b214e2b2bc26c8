"""Directories in the panel, on a real OpenLDAP: set up, tried, synced, refused, removed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from authproxy.secondfactor.directories import Directory, add_directory
from authproxy.secondfactor.roles import Role
from authproxy.store.tables import directories, sync_runs, users
from tests.panel.panelhost import Answer, Browser, PanelHost
from tests.peers.slapd import PEOPLE, VPN, Slapd

HOME = "/admin/directories"
_CLIENT = """request_rate=0
password_rate=1000
[ad_client]
host=localhost
port={port}
transport=ldaps
ssl_ca_certs_file={ca}
auth_type=plain
bind_dn={dn}
service_account_username=svc
service_account_password={password}
search_dn={people}
username_attribute=uid
"""


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd"), users=12) as running:
        yield running


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory, peer: Slapd) -> Iterator[PanelHost]:
    client = _CLIENT.format(
        port=peer.tls_port, ca=peer.ca_file, dn=peer.service_dn, password=peer.service_password, people=PEOPLE
    )
    made = PanelHost.make(tmp_path_factory.mktemp("panel") / "host", client).start()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def _nobody(panel: PanelHost) -> None:
    with panel.writing() as connection:
        connection.execute(users.delete().where(users.c.directory_key.is_not(None)))
        connection.execute(directories.delete())


def filled(**changes: str) -> dict[str, str]:
    values = {
        "name": "Office", "client": "ad_client", "kind": "openldap", "group_dns": VPN, "minutes": "1440",
        "shrink_limit": "20", "is_enabled": "1",
    }  # fmt: skip
    return values | changes


def directory(panel: PanelHost, **values: object) -> str:
    """The path of its page."""
    made = Directory("Office", kind="openldap", group_dns=(VPN,))
    with panel.writing() as connection:
        added = add_directory(connection, made)
        if values:
            connection.execute(directories.update().where(directories.c.id == added.id).values(**values))
    return f"{HOME}/{added.id}"


def ended(browser: Browser, path: str, count: int = 1) -> Answer:
    """The part of the page that a browser loads anew, once so many syncs have ended and nothing is running."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        part = browser.get(f"{path}/runs", {"HX-Request": "true"})
        if "hx-trigger" not in part.html and part.html.count("<tr><th") == count + 1:  # with the heading
            return part
        time.sleep(0.1)
    raise AssertionError(part.text)


def names(panel: PanelHost) -> list[str]:
    with panel.reading() as connection:
        rows = connection.execute(users.select().where(users.c.directory_id.is_not(None)))
        return sorted(row.username for row in rows)


def test_a_directory_is_added_tried_and_synced(panel: PanelHost) -> None:
    browser = panel.browser(Role.ADMINISTRATOR)
    assert "[ad_client]" not in browser.get(HOME).text
    page = browser.submit(f"{HOME}/add", filled(attribute_phone="mobile", attribute_lastname="-"))
    assert "Added. Try it: a dry run changes nothing." in page.text
    path = re.findall(rf"{HOME}/DC[A-Z0-9]+", page.html)[0]
    begun = browser.submit(f"{path}/run", {"mode": "dry"})
    assert "The sync has begun" in begun.text
    assert "10 10 0 0 0" in ended(browser, path).text
    assert names(panel) == []
    run = re.findall(rf"{path}/runs/\d+", browser.get(path).html)[0]
    assert "would add user0001" in browser.get(run).text
    browser.submit(f"{path}/run", {"mode": "incremental"})
    assert "everybody done 10 10 0 0 0" in ended(browser, path, 2).text
    assert len(names(panel)) == 10
    assert panel.last_change("user add").actor == "admin:administrator@example.com"
    assert panel.last_change("directory add").object == "Office"
    listed = browser.get(HOME).text
    assert "Office [ad_client] 10" in listed


def test_settings_are_changed_and_both_states_are_in_the_log(panel: PanelHost) -> None:
    browser, path = panel.browser(Role.ADMINISTRATOR), directory(panel)
    form = browser.get(f"{path}/edit")
    assert VPN in form.text
    saved = browser.fill(f"{path}/edit", filled(name="Head office", shrink_limit="5", attribute_email="-"))
    page = browser.get(saved.location)
    assert "Saved" in page.text
    assert "Directory Head office" in page.text
    told = panel.last_change("directory set").detail
    assert told["before"] == {"name": "Office", "attributes": {}, "shrink_limit": 20}
    assert told["after"] == {"name": "Head office", "attributes": {"email": ""}, "shrink_limit": 5}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"client": "radius_client"}, "no section [radius_client] that is an ad_client"),
        ({"name": ""}, "is no name of a directory"),
        ({"filter": "uid=x"}, "is no LDAP filter"),
        ({"minutes": "x"}, "the interval is 300 seconds or more, or 0 for never"),
        ({"attribute_email": "ma il"}, "'ma il' is no name of an attribute"),
        ({"kind": "x"}, "'x' is no kind of directory"),
    ],
)
def test_what_can_not_be_stored_is_told_and_the_form_keeps_what_was_typed(
    panel: PanelHost, changes: dict[str, str], problem: str
) -> None:
    answer = panel.browser().post(f"{HOME}/add", filled(**changes))
    assert answer.status == 400
    assert problem in answer.text
    assert VPN in answer.html


def test_a_sync_that_disables_too_many_is_refused_until_it_is_accepted(panel: PanelHost) -> None:
    browser, path = panel.browser(Role.USER_MANAGER), directory(panel, group_dns="[]")
    browser.submit(f"{path}/run", {"mode": "full"})
    ended(browser, path)
    with panel.writing() as connection:
        connection.execute(directories.update().values(filter="(uid=user0001)"))
    browser.submit(f"{path}/run", {"mode": "full"})
    part = ended(browser, path, 2)
    assert "13 of 14 users would be disabled, which is more than 20 percent" in part.text
    assert "Run, whoever leaves" in browser.get(path).text
    doubtful = panel.browser(Role.USER_MANAGER, is_confirmed=False)
    assert doubtful.post(f"{path}/run-accepting").location.startswith("/admin/confirm")
    browser.submit(f"{path}/run-accepting")
    assert "done 1 0 0 13 0" in ended(browser, path, 3).text


def test_one_user_is_synced_at_once(panel: PanelHost) -> None:
    browser, path = panel.browser(Role.USER_MANAGER), directory(panel)
    assert "user0004: 1 read, 1 added" in browser.submit(f"{path}/user", {"username": "user0004"}).text
    assert names(panel) == ["user0004"]
    answer = browser.post(f"{path}/user", {"username": "user0011"})
    assert (answer.status, "has no user 'user0011'" in answer.text) == (400, True)


def test_what_a_directory_says_is_shown_as_text(panel: PanelHost) -> None:
    path = directory(panel, name="<b>bold</b>")
    with panel.writing() as connection:
        connection.execute(
            sync_runs.insert().values(
                directory_id=path.rpartition("/")[2], mode="full", started=1.0, ended=2.0, status="failed",
                counts='{"lines": ["<img src=x>"]}', problem="<script>1</script>",
            )
        )  # fmt: skip
    browser = panel.browser()
    run = re.findall(rf"{path}/runs/\d+", browser.get(path).html)[0]
    for page in (HOME, path, f"{path}/edit", f"{path}/delete", run):
        html = browser.get(page).html
        assert "<b>bold" not in html
        assert "<script>1" not in html
        assert "<img src=x" not in html
    assert "&lt;img src=x&gt;" in browser.get(run).html


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.READ_ONLY, {"see"}),
        (Role.HELP_DESK, {"see"}),
        (Role.USER_MANAGER, {"see", "run"}),
        (Role.ADMINISTRATOR, {"see", "run", "edit"}),
        (Role.BILLING, set()),
    ],
)
def test_what_each_role_may(panel: PanelHost, role: Role, allowed: set[str]) -> None:
    browser, path = panel.browser(role), directory(panel)
    tried = {
        "see": browser.get(path).status,
        "run": browser.post(f"{path}/user", {"username": "user0001"}).status,
        "edit": browser.fill(f"{path}/edit", filled()).status,
    }
    assert {what for what, status in tried.items() if status < 400} == allowed
    assert {status for what, status in tried.items() if what not in allowed} <= {403}


def test_removing_it_leaves_its_users(panel: PanelHost) -> None:
    browser, path = panel.browser(Role.ADMINISTRATOR), directory(panel)
    browser.submit(f"{path}/user", {"username": "user0004"})
    assert "Its 1 users stay" in browser.get(f"{path}/delete").text
    assert "Office was removed; its users stay" in browser.submit(f"{path}/delete").text
    assert panel.row(users.select().where(users.c.username == "user0004")).directory_id is None
    assert browser.get(path).status == 404
