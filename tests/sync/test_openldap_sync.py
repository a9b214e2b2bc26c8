"""Users of a real OpenLDAP: read, changed, renamed, gone and back; groups in circles; odd entries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ldap3
import pytest

from authproxy.secondfactor.roster import NOBODY
from authproxy.secondfactor.sync_runs import Mode
from tests.peers.slapd import BASE, PEOPLE, POSIX, UNIQUE, VPN, Slapd
from tests.primary.directories import settings_for
from tests.sync.desk import Desk, numbers

USERS = 12
EVERYBODY = USERS + 2  # jörg and comma


class Admin:
    """Changes the directory as its administrator does."""

    def __init__(self, peer: Slapd) -> None:
        server = ldap3.Server("127.0.0.1", peer.port, get_info=ldap3.NONE)
        self._connection = ldap3.Connection(
            server, f"cn=admin,{BASE}", "admin-secret", auto_bind=True, check_names=False
        )

    def add(self, uid: str, **values: Any) -> str:
        dn = values.pop("dn", f"uid={uid},{PEOPLE}")
        values = {"uid": uid, "cn": uid, "sn": "Test"} | values
        self._connection.add(dn, values.pop("objectClass", "inetOrgPerson"), values)
        self._done()
        return str(dn)

    def group(self, name: str, *members: str, kind: str = "groupOfNames", attribute: str = "member") -> str:
        dn = f"cn={name},ou=Groups,{BASE}"
        more = {"gidNumber": "20000"} if kind == "posixGroup" else {}
        self._connection.add(dn, kind, {"cn": name, attribute: list(members)} | more)
        self._done()
        return dn

    def set(self, dn: str, **values: Any) -> None:
        self._connection.modify(
            dn, {name: [(ldap3.MODIFY_REPLACE, value if isinstance(value, list) else [value])]
                 for name, value in values.items()}
        )  # fmt: skip
        self._done()

    def rename(self, dn: str, rdn: str) -> str:
        self._connection.modify_dn(dn, rdn)
        self._done()
        return f"{rdn},{dn.partition(',')[2]}"

    def delete(self, *dns: str) -> None:
        for dn in dns:
            self._connection.delete(dn)
            self._done()

    def _done(self) -> None:
        assert self._connection.result["result"] == 0, self._connection.result


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with Slapd(tmp_path_factory.mktemp("slapd"), users=USERS) as running:
        yield running


@pytest.fixture
def admin(peer: Slapd) -> Iterator[Admin]:
    """What it adds below the people is gone afterwards."""
    yield (admin := Admin(peer))
    connection = admin._connection
    connection.search(BASE, "(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))", attributes=["1.1"])
    own = {f"uid=user{number:04d},{PEOPLE}".lower() for number in range(1, USERS + 1)} | {VPN.lower()}
    for found in connection.response:
        dn = found["dn"]
        is_own = dn.lower() in own or "jörg" in dn or "Comma" in dn
        if not is_own:
            connection.delete(dn)
    connection.unbind()


@pytest.fixture
def desk(tmp_path: Path, peer: Slapd) -> Desk:
    return Desk.make(tmp_path, settings_for(peer))


def add(desk: Desk, **more: Any) -> None:
    desk.add(name="example", kind="openldap", **{"base_dn": PEOPLE, **more})


def test_everybody_becomes_a_user_once(desk: Desk) -> None:
    add(desk)
    first = desk.sync()
    assert (first.status, first.problem) == ("done", "")
    assert numbers(first) == {"read": EVERYBODY, "added": EVERYBODY}
    row = desk.rows("SELECT username, display_name, email, realname, lastname, status FROM users "
                    "WHERE username = 'user0001'")  # fmt: skip
    assert row == [("user0001", "user0001", "user0001@example.test", "User 1", "1", "active")]
    assert "jörg" in desk.names()
    before = desk.everything()
    again = desk.sync()
    assert numbers(again) == {"read": EVERYBODY, "unchanged": EVERYBODY}
    assert [[row[0] for row in table] for table in desk.everything()] == [[row[0] for row in t] for t in before]


def test_each_change_and_the_run_are_in_the_audit_log(desk: Desk, admin: Admin) -> None:
    add(desk)
    admin.add("anna", mail="anna@example.test")
    desk.sync()
    admin.set(f"uid=anna,{PEOPLE}", mail="anna.b@example.test")
    desk.sync()
    audit = desk.audit()
    assert ("user add", "anna", {"email": "anna@example.test", "directory": "example"}) in audit
    assert ("user set", "anna", {
        "before": {"email": "anna@example.test"},
        "after": {"email": "anna.b@example.test", "directory": "example"},
    }) in audit  # fmt: skip
    action, about, detail = audit[-1]
    assert (action, about, detail["status"], detail["changed"]) == ("directory sync", "example", "done", 1)
    assert desk.rows("SELECT DISTINCT actor FROM audit") == [("shell:test",)]


def test_a_renamed_entry_stays_the_same_user(desk: Desk, admin: Admin) -> None:
    add(desk)
    dn = admin.add("maiden")
    desk.sync()
    user_id = desk.value("SELECT id FROM users WHERE username = 'maiden'")
    admin.rename(dn, "uid=married")
    run = desk.sync()
    assert numbers(run)["changed"] == 1
    assert desk.value("SELECT id FROM users WHERE username = 'married'") == user_id
    assert "maiden" not in desk.names()


def test_two_who_are_renamed_in_a_row_both_get_their_new_names(desk: Desk, admin: Admin) -> None:
    """The first wants the name of the second, who is read later."""
    add(desk)
    first, second = admin.add("aa"), admin.add("bb")
    desk.sync()
    ids = dict(desk.rows("SELECT username, id FROM users"))
    admin.rename(second, "uid=cc")
    admin.rename(first, "uid=bb")
    run = desk.sync()
    assert (numbers(run)["changed"], run.counts.conflicts) == (2, 0)
    after = dict(desk.rows("SELECT username, id FROM users"))
    assert (after["bb"], after["cc"]) == (ids["aa"], ids["bb"])


def test_who_is_deleted_there_is_disabled_here_and_active_when_back_in_the_group(desk: Desk, admin: Admin) -> None:
    group = admin.group("staff", admin.add("stays"), leaver := admin.add("leaves"))
    add(desk, group_dns=(group,), shrink_limit=50)
    desk.sync()
    assert desk.names() == ["leaves", "stays"]
    admin.set(group, member=[f"uid=stays,{PEOPLE}"])
    run = desk.sync()
    assert numbers(run) == {"read": 1, "unchanged": 1, "disabled": 1}
    assert (desk.status("leaves"), desk.status("stays"), desk.groups("leaves")) == ("disabled", "active", [])
    desk.change("UPDATE users SET trashed = 1, restores_to = 'disabled' WHERE username = 'leaves'")
    assert numbers(desk.sync()) == {"read": 1, "unchanged": 1}
    admin.set(group, member=[f"uid=stays,{PEOPLE}", leaver])
    assert numbers(desk.sync()) == {"read": 2, "unchanged": 1, "changed": 1, "enabled": 1}
    assert (desk.status("leaves"), desk.groups("leaves")) == ("active", ["staff"])
    assert desk.rows("SELECT trashed, restores_to FROM users WHERE username = 'leaves'") == [(None, None)]


def test_whom_an_administrator_has_disabled_stays_so(desk: Desk, admin: Admin) -> None:
    add(desk)
    admin.add("suspended", mail="old@example.test")
    desk.sync()
    desk.change("UPDATE users SET status = 'disabled', trashed = 1 WHERE username = 'suspended'")
    admin.set(f"uid=suspended,{PEOPLE}", mail="new@example.test")
    assert numbers(desk.sync())["changed"] == 1
    assert desk.rows("SELECT status, trashed FROM users WHERE username = 'suspended'") == [("disabled", 1.0)]


def test_a_directory_that_shrinks_is_refused_and_nothing_changed(desk: Desk, admin: Admin) -> None:
    add(desk)
    extra = [admin.add(f"extra{number}") for number in range(6)]
    desk.sync()
    admin.delete(*extra)
    admin.set(f"uid=user0002,{PEOPLE}", description="this is read, and not applied")
    before = desk.everything()
    run = desk.sync()
    assert (run.status, run.problem) == (
        "refused", f"6 of {EVERYBODY + 6} users would be disabled, which is more than 20 percent"
    )  # fmt: skip
    assert desk.everything() == before
    assert numbers(desk.sync(accepts_shrink=True))["disabled"] == 6


def test_a_directory_that_shows_nobody_is_refused_even_if_shrinking_is_accepted(desk: Desk, admin: Admin) -> None:
    add(desk, base_dn=f"ou=Service,{BASE}", shrink_limit=100)
    admin.add("guest", dn=f"uid=guest,ou=Service,{BASE}")
    desk.sync()
    admin.delete(f"uid=guest,ou=Service,{BASE}")
    run = desk.sync(accepts_shrink=True)
    assert (run.status, run.problem) == ("refused", "the directory shows nobody, and 1 users came from it")
    assert desk.status("guest") == "active"


def test_a_directory_of_another_kind_is_told_and_disables_nobody(desk: Desk) -> None:
    add(desk)
    desk.sync()
    before = desk.everything()
    desk.change("UPDATE directories SET kind = 'active directory', shrink_limit = 100")
    for mode in (Mode.FULL, Mode.INCREMENTAL, Mode.DRY):
        run = desk.sync(mode, accepts_shrink=True)
        assert (run.status, numbers(run)) == ("failed", {})
        assert run.problem.startswith("its kind is set to 'active directory', but the server says nothing of")
    assert desk.sync(Mode.USER, username="user0001").status == "failed"
    assert desk.everything() == before


def test_a_first_sync_that_reads_nobody_says_where_to_look(desk: Desk) -> None:
    add(desk, filter="(title=nobody has this one)")
    run = desk.sync()
    assert (run.status, numbers(run)) == ("done", {})
    assert run.counts.lines == [NOBODY]
    assert "look at where people are to be, at groups and filter" in NOBODY


def test_who_is_missing_where_nobody_is_shown_is_not_disabled(desk: Desk) -> None:
    """As when the service account may not read people any more."""
    add(desk)
    desk.sync()
    desk.change("UPDATE directories SET filter = '(title=nobody has this one)'")
    run = desk.sync(Mode.USER, username="user0001")
    assert (run.status, run.problem.partition(":")[0]) == ("failed", "the directory shows nobody")
    assert desk.status("user0001") == "active"


def test_who_moves_to_another_directory_of_the_same_servers_stays_the_same_user(desk: Desk, admin: Admin) -> None:
    here, there = (
        admin.group("here", mover := admin.add("mover", mobile="+15555550123")),
        admin.group("there", VPN),
    )
    add(desk, group_dns=(here,), attributes={"phone": "mobile"}, shrink_limit=100)
    desk.add(name="second", kind="openldap", base_dn=PEOPLE, group_dns=(there,), attributes={"phone": "mobile"})
    desk.sync()
    user_id = desk.value("SELECT id FROM users WHERE username = 'mover'")
    admin.set(there, member=[mover])
    run = desk.sync(directory="second")
    assert run.counts.lines == [
        "mover comes from another directory, and stays with it: groups of both belong into one"
    ]
    admin.set(here, member=[f"uid=user0001,{PEOPLE}"])
    assert numbers(desk.sync())["disabled"] == 1
    run = desk.sync(directory="second")
    assert numbers(run) == {"read": 1, "changed": 1, "enabled": 1, "adopted": 1}
    assert desk.rows(
        "SELECT u.id, u.status, d.name FROM users u JOIN directories d ON d.id = u.directory_id "
        "WHERE u.username = 'mover'"
    ) == [(user_id, "active", "second")]
    assert (desk.groups("mover"), desk.phones("mover")) == (["there"], ["+15555550123"])
    admin.set(mover, mobile="+15555550199")
    desk.sync(directory="second")
    assert desk.phones("mover") == ["+15555550199"]
    assert numbers(desk.sync(directory="second")) == {"read": 1, "unchanged": 1}


def test_whom_an_administrator_has_disabled_moves_to_no_other_directory(desk: Desk, admin: Admin) -> None:
    here, there = admin.group("here", mover := admin.add("mover")), admin.group("there", VPN)
    add(desk, group_dns=(here,), shrink_limit=100)
    desk.add(name="second", kind="openldap", base_dn=PEOPLE, group_dns=(there,))
    desk.sync()
    desk.change("UPDATE users SET status = 'disabled' WHERE username = 'mover'")
    admin.set(here, member=[f"uid=user0001,{PEOPLE}"])
    admin.set(there, member=[mover])
    desk.sync()
    run = desk.sync(directory="second")
    assert (run.counts.conflicts, desk.status("mover")) == (1, "disabled")


def test_groups_in_circles_in_every_form_give_their_members(desk: Desk, admin: Admin) -> None:
    """posixGroup names users, groupOfUniqueNames has another attribute, and two groups contain each other."""
    inner = admin.group("inner", f"uid=USER0003,ou=people,{BASE.upper()}", f"cn=outer,ou=Groups,{BASE}")
    outer = admin.group("outer", inner, f"uid=user0004,{PEOPLE}", UNIQUE)
    add(desk, group_dns=(outer, POSIX, VPN))
    run = desk.sync()
    assert run.status == "done"
    assert desk.groups("user0003") == ["outer", "vpn"]
    assert desk.groups("user0001") == ["outer", "posix", "vpn"]
    assert desk.groups("user0010") == ["vpn"]
    assert "user0011" not in desk.names()


def test_a_chosen_group_that_is_gone_changes_nothing(desk: Desk, admin: Admin) -> None:
    group = admin.group("gone", admin.add("member"))
    add(desk, group_dns=(VPN, group))
    desk.sync()
    admin.delete(group)
    before = desk.everything()
    run = desk.sync()
    assert run.status == "failed"
    assert run.problem == f"there is no group {group!r}: was it renamed, moved or deleted?"
    assert desk.everything() == before


def test_an_incremental_sync_reads_what_has_changed_only(desk: Desk, admin: Admin) -> None:
    add(desk)
    admin.add("newest")
    assert desk.sync(Mode.INCREMENTAL).mode == "full"  # nothing has been read before
    desk.change('UPDATE directories SET cursor = \'{"stamp": "20900101000000Z"}\'')
    nothing = desk.sync(Mode.INCREMENTAL)
    assert (nothing.mode, numbers(nothing)) == ("incremental", {})
    assert desk.value("SELECT cursor FROM directories") == '{"stamp": "20900101000000Z"}'
    desk.sync()
    admin.set(f"uid=newest,{PEOPLE}", mail="n@example.test")
    run = desk.sync(Mode.INCREMENTAL)
    assert (run.mode, run.counts.changed, run.counts.added) == ("incremental", 1, 0)
    assert desk.value("SELECT email FROM users WHERE username = 'newest'") == "n@example.test"


def test_an_incremental_sync_reads_everybody_when_a_group_has_changed(desk: Desk, admin: Admin) -> None:
    group = admin.group("crew", f"uid=user0001,{PEOPLE}")
    add(desk, group_dns=(group,))
    desk.sync()
    desk.change('UPDATE directories SET cursor = \'{"stamp": "20200101000000Z"}\'')
    admin.set(group, member=[f"uid=user0001,{PEOPLE}", f"uid=user0011,{PEOPLE}"])
    run = desk.sync(Mode.INCREMENTAL)
    assert (run.mode, numbers(run)) == ("full", {"read": 2, "added": 1, "unchanged": 1})


def test_a_dry_run_tells_what_it_would_do_and_does_not(desk: Desk, admin: Admin) -> None:
    group = admin.group("dry", admin.add("one", mail="1@example.test"), two := admin.add("two"))
    add(desk, group_dns=(group,), shrink_limit=100)
    desk.sync()
    admin.set(f"uid=one,{PEOPLE}", mail="2@example.test")
    admin.set(group, member=[f"uid=one,{PEOPLE}", admin.add("three")])
    before, cursor = desk.everything(), desk.value("SELECT cursor FROM directories")
    run = desk.sync(Mode.DRY)
    assert (run.status, numbers(run)) == ("done", {"read": 2, "added": 1, "changed": 1, "disabled": 1})
    assert sorted(run.counts.lines) == ["would add three", "would change one: email", "would disable two"]
    assert (desk.everything(), desk.value("SELECT cursor FROM directories")) == (before, cursor)
    assert two


def test_a_user_who_was_here_before_is_told_and_adopted_only_if_asked(desk: Desk, admin: Admin) -> None:
    admin.add("local", mail="theirs@example.test")
    desk.change("INSERT INTO users (id, username, display_name, email, created) "
                "VALUES ('DU1', 'local', 'local', 'mine@example.test', 1)")  # fmt: skip
    add(desk)
    run = desk.sync()
    assert (run.counts.conflicts, run.counts.adopted) == (1, 0)
    assert run.counts.lines == ["there is a user local already, who was not taken from a directory"]
    assert desk.rows("SELECT email, directory_id FROM users WHERE id = 'DU1'") == [("mine@example.test", None)]
    desk.change("UPDATE directories SET adopts = 1")
    run = desk.sync()
    assert (run.counts.conflicts, run.counts.adopted) == (0, 1)
    assert desk.value("SELECT email FROM users WHERE id = 'DU1'") == "theirs@example.test"


def test_the_name_of_somebody_who_left_is_not_given_to_who_comes_after(desk: Desk, admin: Admin) -> None:
    """Else the new person would log in with the old one's phone."""
    add(desk)
    dn = admin.add("smith")
    desk.sync()
    user_id = desk.value("SELECT id FROM users WHERE username = 'smith'")
    admin.delete(dn)
    desk.sync()
    admin.add("smith", mail="another@example.test")
    run = desk.sync()
    assert run.counts.lines == [
        "smith is another of its people, who has left the directory: rename or delete that user first"
    ]
    assert desk.rows("SELECT id, status, email FROM users WHERE username = 'smith'") == [(user_id, "disabled", "")]


def test_odd_entries_are_told_and_the_others_become_users(desk: Desk, admin: Admin) -> None:
    admin.add("  ", dn=f"cn=blank,{PEOPLE}", cn="blank")
    admin.add("many", mail=["first@example.test", "second@example.test"], jpegPhoto=b"\xff\xfe")
    admin.add("phone", mobile="not a number", mail="broken")
    admin.add("nameless", dn=f"cn=nameless,{PEOPLE}", cn="nameless")
    admin._connection.modify(f"cn=nameless,{PEOPLE}", {"uid": [(ldap3.MODIFY_DELETE, [])]})
    add(desk, attributes={"phone": "mobile", "firstname": "jpegPhoto"})
    run = desk.sync()
    assert run.status == "done"
    assert run.counts.added == EVERYBODY + 2
    assert sorted(run.counts.lines) == [
        f"cn=blank,{PEOPLE}: it has no uid",
        f"cn=nameless,{PEOPLE}: it has no uid",
        "many: jpegPhoto is not UTF-8",
        "phone: 'broken' is no mail address",
        "phone: 'not a number' is no telephone number without a country",
    ]
    assert run.counts.skipped == 2
    assert desk.value("SELECT email FROM users WHERE username = 'many'") == "first@example.test"


def test_numbers_become_phones_that_follow_the_directory(desk: Desk, admin: Admin) -> None:
    dn = admin.add("caller", mobile=["030 901820", "+15555550100"])
    add(desk, attributes={"phone": "mobile, telephoneNumber"}, region="DE")
    desk.sync()
    assert desk.phones("caller") == ["+4930901820", "+15555550100"]
    assert numbers(desk.sync())["unchanged"] == EVERYBODY + 1
    phone_id = desk.value("SELECT id FROM phones WHERE number = '+15555550100'")
    desk.change("INSERT INTO phones (id, number, created) VALUES ('DPown', '+15555550199', 1)")
    desk.change("INSERT INTO phone_users SELECT id, 'DPown', 9 FROM users WHERE username = 'caller'")
    admin.set(dn, mobile=["+15555550101", "+4930901820"])
    desk.sync()
    assert desk.value("SELECT number FROM phones WHERE id = :id", id=phone_id) == "+15555550101"
    admin.set(dn, mobile=["+15555550101"])
    desk.sync()
    assert desk.phones("caller") == ["+15555550101", "+15555550199"]  # an administrator's own stays


def test_aliases_are_the_directorys_where_it_has_a_say(desk: Desk, admin: Admin) -> None:
    dn = admin.add("main", employeeNumber="4711", mail="user0001@example.test")
    add(desk, attributes={"aliases": "employeeNumber,mail"})
    run = desk.sync()
    assert desk.rows("SELECT name FROM aliases ORDER BY position") == [("4711",)]
    assert "main: the alias user0001 is another user's" in run.counts.lines
    admin.set(dn, employeeNumber="4712")
    desk.sync()
    assert desk.rows("SELECT name FROM aliases") == [("4712",)]


def test_one_user_is_synced_on_demand_renamed_too(desk: Desk, admin: Admin) -> None:
    add(desk)
    dn = admin.add("single")
    run = desk.sync(Mode.USER, username="single")
    assert (run.status, numbers(run), desk.names()) == ("done", {"read": 1, "added": 1}, ["single"])
    dn = admin.rename(dn, "uid=couple")
    desk.sync(Mode.USER, username="single")
    assert desk.names() == ["couple"]
    admin.delete(dn)
    assert numbers(desk.sync(Mode.USER, username="couple")) == {"disabled": 1}
    unknown = desk.sync(Mode.USER, username="*")
    assert unknown.status == "failed"
    assert "has no user '*'" in unknown.problem


def test_new_users_with_mail_are_invited_if_wanted(desk: Desk, admin: Admin) -> None:
    group = admin.group("invited", admin.add("mail", mail="m@example.test"), admin.add("none"))
    add(desk, group_dns=(group,), sends_invitations=True)
    assert desk.sync().counts.lines == ["none is not invited: no mail address"]
    assert desk.sync().counts.lines == []
    assert desk.invited == ["mail"]


def test_a_filter_leaves_people_out(desk: Desk) -> None:
    add(desk, filter="(!(uid=user0001))")
    desk.sync()
    assert "user0001" not in desk.names()
    assert len(desk.names()) == EVERYBODY - 1


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"bind_dn": "cn=wrong,dc=example,dc=test"}, "is refused: result 49 (invalidCredentials)"),
        ({"search_dn": "ou=nowhere,dc=example,dc=test"}, "result 32 (noSuchObject)"),
        ({"ports": (1,)}, "onnection refused"),
    ],
)
def test_why_a_directory_can_not_be_read_is_told(
    tmp_path: Path, peer: Slapd, changes: dict[str, Any], problem: str
) -> None:
    desk = Desk.make(tmp_path, settings_for(peer, **changes))
    add(desk, base_dn="")
    run = desk.sync()
    assert run.status == "failed"
    assert problem in run.problem
    assert desk.names() == []


def test_an_unknown_section_is_told(desk: Desk) -> None:
    add(desk, client="ad_client7")
    assert desk.sync().problem == "the configuration has no [ad_client7] that is an ad_client"


def test_a_directory_that_is_removed_and_added_again_finds_its_users(desk: Desk) -> None:
    add(desk)
    desk.sync()
    ids = desk.rows("SELECT id FROM users ORDER BY id")
    desk.change("DELETE FROM directories")
    assert desk.value("SELECT count(*) FROM users WHERE directory_id IS NULL") == EVERYBODY
    add(desk)
    assert numbers(desk.sync()) == {"read": EVERYBODY, "changed": EVERYBODY, "adopted": EVERYBODY}
    assert desk.rows("SELECT id FROM users ORDER BY id") == ids
    assert numbers(desk.sync()) == {"read": EVERYBODY, "unchanged": EVERYBODY}
