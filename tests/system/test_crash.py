"""The daemon is killed under load, again and again: what it accepted once is used up, and recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyotp
import pytest

from authproxy.cli.opening import open_configuration
from authproxy.secondfactor.bypass import create_codes
from authproxy.secondfactor.devices import add_hotp, add_totp
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.users import add_user
from tests.system.sites import Site

USERS = 360
KILLED_AFTER = (1, 25, 60, 40)  # accepts that the appliance has seen
_SERVICE = "lockout_after=0\ntotp_window=20"  # codes stay good for ten minutes, unless they are used up


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site.without_directory(tmp_path / "site", service=_SERVICE)
    yield made
    made.daemon.kill()


def enroll_many(site: Site) -> dict[str, str]:
    """A code for each of many users: of an authenticator app, of a counter-based generator, or a bypass code."""
    codes: dict[str, str] = {}
    seeds = SeedBox(open_configuration(site.daemon.config).seed_key)
    with site.database.writing() as connection:
        for number in range(USERS):
            user = add_user(connection, f"user{number:03d}", "simple")
            match number % 3:
                case 0:
                    code = pyotp.TOTP(add_totp(connection, user, seeds).secret).now()
                case 1:
                    code = pyotp.HOTP(add_hotp(connection, user, seeds).secret).at(0)
                case _:
                    code = create_codes(connection, user, seeds, 1, 1, 3600)[0][0]
            codes[user.username] = code
    return codes


def kill_under_load(site: Site, logins: list[tuple[str, str]], after: int) -> dict[str, str]:
    """The answers that the appliance had when ``after`` of them were accepts, and the daemon was killed."""
    seen: dict[str, str] = {}
    with closing(site.appliance("only").answers(logins)) as answers:
        for number, code in answers:
            seen[logins[number][0]] = code
            if list(seen.values()).count("Access-Accept") == after:
                site.daemon.kill()
                return seen
    raise AssertionError(f"only {seen} were answered")


def test_what_was_accepted_before_a_crash_is_recorded_and_never_accepted_again(site: Site) -> None:
    codes = enroll_many(site)
    accepted: dict[str, str] = {}
    rejected: set[str] = set()
    for after in KILLED_AFTER:
        site.daemon.start()
        fresh = [(name, code) for name, code in codes.items() if name not in accepted and name not in rejected]
        seen = kill_under_load(site, fresh, after)
        assert len(seen) < len(fresh), "the daemon was killed too late to prove anything"
        accepted |= {name: codes[name] for name, code in seen.items() if code == "Access-Accept"}
        rejected |= {name for name, code in seen.items() if code == "Access-Reject"}
        site.daemon.start()
        assert_used_up(site, accepted)
        site.daemon.kill()
    assert len(accepted) == sum(KILLED_AFTER)
    recorded = Counter(record.username for record in site.records() if record.result == "accept")
    assert accepted.keys() <= recorded.keys()
    assert set(recorded.values()) == {1}
    # Killed between the code's use and the answer: the code is lost, which is the safe side.
    assert {site.why(name) for name in rejected} <= {"passcode was already used"}


def assert_used_up(site: Site, accepted: dict[str, str]) -> None:
    tally = site.appliance("only").many(accepted.items())
    assert (tally.accepted, tally.rejected, tally.lost) == (0, len(accepted), 0)


def test_a_code_that_was_not_used_before_a_crash_is_accepted_after_it(site: Site) -> None:
    """So that the other test's rejects are due to the use, and to nothing else that a restart does."""
    codes = enroll_many(site)
    used, kept = list(codes.items())[:30], list(codes.items())[30:60]
    site.daemon.start()
    assert site.appliance("only").many(used).accepted == len(used)
    site.daemon.kill()
    site.daemon.start()
    assert site.appliance("only").many(kept).accepted == len(kept)
    assert {site.why(name) for name, _ in kept} == {""}
