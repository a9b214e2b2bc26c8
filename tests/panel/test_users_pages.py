"""Users in the panel, over HTTP: the list, adding, editing by two, several at once, files."""

from __future__ import annotations

import csv
import io

import pytest

from authproxy.secondfactor.account_settings import PREFIX
from authproxy.secondfactor.roles import Role
from authproxy.secondfactor.users import user_by_id
from authproxy.store.tables import settings
from tests.panel.panelhost import Browser, PanelHost


def edited(browser: Browser, user_id: str, **changed: str) -> dict[str, str]:
    """The edit form as it is shown, with changes."""
    page = browser.get(f"/admin/users/{user_id}/edit")
    assert page.status == 200
    return {"shown": page.inputs()["shown"], "status": "active", **changed}


def test_users_are_found_by_what_a_help_desk_is_told(panel: PanelHost) -> None:
    user = panel.user("findme", email="find.me@example.com")
    browser = panel.browser(Role.READ_ONLY)
    for text in ("findme", "FIND.ME@", user.id):
        assert user.id in browser.get(f"/admin/users?text={text}").html
    assert user.id not in browser.get("/admin/users?text=findme&status=disabled").html
    assert user.id not in browser.get("/admin/users?text=findme&enrolled=yes").html
    assert "No user is like that." in browser.get("/admin/users?text=nobodyatall").text


def test_an_added_user_has_a_page_and_is_on_record(panel: PanelHost) -> None:
    fields = {
        "name": "EXAMPLE\\Added",
        "email": "added@example.com",
        "status": "bypass",
        "notes": "for <b>now</b>",
    }
    page = panel.browser(Role.USER_MANAGER).submit("/admin/users/add", fields)
    assert "User EXAMPLE\\Added" in page.text
    assert "for <b>now</b>" in page.text
    row = panel.last_change("user add")
    assert (row.actor, row.object, row.address) == ("admin:user-manager@example.com", "added", "127.0.0.1")
    assert row.detail["email"] == "added@example.com"


@pytest.mark.parametrize(
    "fields", [{"name": ""}, {"name": "x", "email": "no mail"}, {"name": "x", "status": "odd"}, {"name": "alice"}]
)
def test_a_user_that_cannot_be_is_refused_with_the_reason(panel: PanelHost, fields: dict[str, str]) -> None:
    answer = panel.browser().post("/admin/users/add", fields)
    assert answer.status == 400
    assert "That was not done" in answer.text


@pytest.mark.parametrize("path", ["", "/edit", "/delete", "/bypass"])
def test_a_user_that_is_not_there_has_no_page(panel: PanelHost, path: str) -> None:
    assert panel.browser().get(f"/admin/users/DUNOBODY{path}").status == 404


def test_editing_keeps_what_was_and_what_is(panel: PanelHost) -> None:
    user, browser = panel.user("edit1", email="old@example.com"), panel.browser()
    panel.browser().submit("/admin/groups/add", {"name": "editors", "status": "active"})
    fields = edited(browser, user.id, name="edit1", email="new@example.com", aliases="e1\r\nE.One", join="editors")
    page = browser.submit(f"/admin/users/{user.id}/edit", fields)
    assert "new@example.com" in page.text
    assert "e1, e.one" in page.text
    detail = panel.last_change("user set").detail
    assert detail["before"] == {"email": "old@example.com", "aliases": [], "groups": []}
    assert detail["after"] == {"email": "new@example.com", "aliases": ["e1", "e.one"], "groups": ["editors"]}


def test_the_second_of_two_editors_is_told_what_the_first_has_changed(panel: PanelHost) -> None:
    user, first, second = panel.user("twice"), panel.browser(), panel.browser(Role.USER_MANAGER)
    one = edited(first, user.id, name="twice", email="first@example.com")
    two = edited(second, user.id, name="twice", notes="of the second")
    assert first.post(f"/admin/users/{user.id}/edit", one).status == 303
    told = second.post(f"/admin/users/{user.id}/edit", two)
    assert told.status == 409
    assert "email: was “”, is now “first@example.com”" in told.text
    with panel.reading() as connection:
        kept = user_by_id(connection, user.id)
    assert (kept.email, kept.notes) == ("first@example.com", "")
    again = {**two, "shown": told.inputs()["shown"], "email": "first@example.com"}
    assert second.post(f"/admin/users/{user.id}/edit", again).status == 303
    with panel.reading() as connection:
        kept = user_by_id(connection, user.id)
    assert (kept.email, kept.notes) == ("first@example.com", "of the second")


def test_a_damaged_form_changes_nothing(panel: PanelHost) -> None:
    user = panel.user("damaged")
    answer = panel.browser().post(f"/admin/users/{user.id}/edit", {"shown": "{}", "name": "other"})
    assert answer.status == 400


def test_a_locked_out_user_may_try_again(panel: PanelHost) -> None:
    user, browser = panel.user("locked"), panel.browser(Role.USER_MANAGER)
    with panel.writing() as connection:
        connection.exec_driver_sql("UPDATE users SET failures = 9, locked_until = 9e9 WHERE id = ?", (user.id,))
    assert "locked out" in browser.get("/admin/users?status=locked+out&text=locked").text
    assert "The user may try again" in browser.submit(f"/admin/users/{user.id}/unlock").text
    with panel.reading() as connection:
        assert user_by_id(connection, user.id).locked_until is None
    assert panel.last_change("user unlock").detail["before"] == {"failures": 9, "locked_until": 9e9}


def test_who_is_in_the_trash_is_found_there_and_comes_back_as_before(panel: PanelHost) -> None:
    user, browser = panel.user("trashed1"), panel.browser(Role.USER_MANAGER)
    with panel.writing() as connection:
        connection.exec_driver_sql("UPDATE users SET status = 'bypass' WHERE id = ?", (user.id,))
    page = browser.submit(f"/admin/users/{user.id}/trash")
    assert "The user is in the trash" in page.text
    assert "Bring back from the trash" in page.text
    assert user.id in browser.get("/admin/users?text=trashed1&status=pending+deletion").html
    assert user.id not in browser.get("/admin/users?text=trashed1&status=disabled").html
    edit = edited(browser, user.id, name="trashed1", status="active")
    assert browser.post(f"/admin/users/{user.id}/edit", edit).status == 400
    assert "The user is back" in browser.submit(f"/admin/users/{user.id}/restore").text
    with panel.reading() as connection:
        assert user_by_id(connection, user.id).status == "bypass"
    ids = [user.id, panel.user("trashed2").id]
    for action in ("trash", "restore"):
        page = browser.submit("/admin/users/bulk", {"user": ids, "action": action})
        assert "Users changed: 2" in page.text
    assert panel.last_change("user restore").detail["before"] == {"status": "pending deletion"}


def test_who_may_not_exempt_users_brings_none_back_who_would_be(panel: PanelHost) -> None:
    user, browser = panel.user("trashed3"), panel.browser(Role.USER_MANAGER)
    with panel.writing() as connection:
        connection.exec_driver_sql("UPDATE users SET status = 'bypass' WHERE id = ?", (user.id,))
        connection.execute(
            settings.insert().values(key=f"{PREFIX}user_managers_can_put_users_in_bypass", value="false")
        )
    try:
        browser.submit(f"/admin/users/{user.id}/trash")
        assert browser.post(f"/admin/users/{user.id}/restore").status == 400
        with panel.reading() as connection:
            assert user_by_id(connection, user.id).trashed
    finally:
        with panel.writing() as connection:
            connection.execute(settings.delete().where(settings.c.key.startswith(PREFIX)))


def test_several_at_once_change_status_and_group_and_are_deleted_after_a_question(panel: PanelHost) -> None:
    browser, ids = panel.browser(), [panel.user(f"bulk{number}").id for number in range(3)]
    assert (
        "Users changed: 3"
        in browser.submit("/admin/users/bulk", {"user": ids, "action": "status", "status": "disabled"}).text
    )
    page = browser.submit("/admin/groups/add", {"name": "bulky", "status": "active"})
    assert "Group bulky" in page.text
    fields = {"user": ids[:2], "action": "join", "group": "bulky"}
    assert "Users changed: 2" in browser.submit("/admin/users/bulk", fields).text
    assert "Users changed: 0" in browser.submit("/admin/users/bulk", fields).text
    asked = browser.post("/admin/users/bulk", {"user": ids, "action": "delete"})
    assert (asked.status, "Delete users?" in asked.text) == (200, True)
    with panel.reading() as connection:
        assert user_by_id(connection, ids[0]).groups == ("bulky",)
    fields = {"user": ids, "action": "delete", "confirmed": "1"}
    assert "Users changed: 3" in browser.submit("/admin/users/bulk", fields).text
    assert browser.get(f"/admin/users/{ids[0]}").status == 404


@pytest.mark.parametrize(
    "fields", [{"action": "status"}, {"user": "DUNOBODY", "action": "status", "status": "active"}, {"user": "x"}]
)
def test_what_cannot_be_done_with_several_is_refused(panel: PanelHost, fields: dict[str, str]) -> None:
    assert panel.browser().post("/admin/users/bulk", fields).status in (400, 404)


def test_one_bad_row_of_a_file_keeps_all_out(panel: PanelHost) -> None:
    browser = panel.browser()
    bad = b"username,email,status\nfile1,f@example.com,active\nfile2,no mail,active\nalice,,\nfile1,,\n"
    answer = browser.post("/admin/users/import", files={"file": bad})
    assert answer.status == 400
    assert all(f" {line} " in answer.text for line in (3, 4, 5))
    assert "file1" not in browser.get("/admin/users?text=file1").html.split('id="list"')[1]
    good = b"\xef\xbb\xbfusername;email\r\nfile1;f@example.com\r\nfile2;\r\n"
    browser.cookies.pop("__Host-told", None)
    assert browser.post("/admin/users/import", files={"file": good}).status == 303
    assert "Imported users: 2" in browser.get("/admin/users").text
    assert panel.last_change("user import").detail == {"users": 2}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"name\nx\n"])
def test_a_file_that_is_none_is_refused(panel: PanelHost, content: bytes) -> None:
    assert panel.browser().post("/admin/users/import", files={"file": content}).status == 400


def test_the_list_is_exported_and_no_cell_is_a_formula(panel: PanelHost) -> None:
    panel.user("formula", notes="=HYPERLINK(1)")
    browser = panel.browser(Role.READ_ONLY)
    answer = browser.get("/admin/users/export.csv?text=formula")
    assert answer.headers["content-disposition"] == 'attachment; filename="users.csv"'
    (row,) = csv.DictReader(io.StringIO(answer.html))
    assert (row["username"], row["notes"]) == ("formula", "'=HYPERLINK(1)")
    (told,) = browser.get("/admin/users/export.json?text=formula").json()
    assert (told["username"], told["notes"], told["groups"]) == ("formula", "=HYPERLINK(1)", [])
    assert browser.get("/admin/users/export.json?text=nobodyatall").json() == []
    assert browser.get("/admin/users/export.pdf").status == 404


def test_a_long_export_has_every_row_once(panel: PanelHost) -> None:
    with panel.writing() as connection:
        for number in range(1100):
            connection.exec_driver_sql(
                "INSERT INTO users (id, username, display_name, created) VALUES (?, ?, ?, 0)",
                (f"DULONG{number}", f"long{number:04d}", "x"),
            )
    browser = panel.browser()
    told = browser.get("/admin/users/export.json?text=long").json()
    assert [row["username"] for row in told] == [f"long{number:04d}" for number in range(1100)]
    page = browser.get("/admin/users?text=long&page=22")
    assert "1051 to 1100 of 1100" in page.text
    assert "Previous page" in page.text
    assert "Next page" not in page.text


def test_user_managers_put_nobody_in_bypass_unless_the_settings_let_them(panel: PanelHost) -> None:
    user, manager = panel.user("bound"), panel.browser(Role.USER_MANAGER)
    key = f"{PREFIX}user_managers_can_put_users_in_bypass"
    with panel.writing() as connection:
        connection.execute(settings.insert().values(key=key, value="false"))
    for status in ("bypass", "Bypass", "BYPASS"):
        ticked = {"user": user.id, "action": "status", "status": status}
        answers = (
            manager.post("/admin/users/add", {"name": f"free-{status}", "status": status}),
            manager.post("/admin/users/bulk", ticked),
            manager.post("/admin/groups/add", {"name": f"free-{status}", "status": status}),
        )
        assert [answer.status for answer in answers] == [400, 400, 400], status
    assert panel.browser().post("/admin/groups/add", {"name": "exempt", "status": "bypass"}).status == 303
    joins = (
        manager.post("/admin/users/bulk", {"user": user.id, "action": "join", "group": "exempt"}),
        manager.post("/admin/users/import", files={"file": b"username,groups\nsmuggled,exempt\n"}),
    )
    assert [answer.status for answer in joins] == [400, 400]
    with panel.writing() as connection:
        connection.execute(settings.delete().where(settings.c.key == key))
        after = user_by_id(connection, user.id)
        assert (after.status, after.groups) == ("active", ())


def test_an_edited_user_of_any_depth_is_a_damaged_form(panel: PanelHost) -> None:
    path = f"/admin/users/{panel.user('deep').id}/edit"
    assert panel.browser().post(path, {"name": "deep", "shown": "[" * 20_000}).status == 400
