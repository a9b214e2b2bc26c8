"""Enrollment links: they name a user, can't be made by others, and end."""

from __future__ import annotations

import pytest

from authproxy.secondfactor.enroll_links import VALID_SECONDS, EnrollLinks
from authproxy.secondfactor.seeds import SeedBox
from tests.secondfactor.local_service import NOW, Moment


def links(now: Moment, key: bytes = bytes(32)) -> EnrollLinks:
    return EnrollLinks(SeedBox(key), "https://mfa.example", now)


@pytest.mark.parametrize("name", ["alice", "émile", "a" * 253])
def test_a_link_names_its_user_for_an_hour(name: str) -> None:
    now = Moment()
    made = links(now)
    link = made.link(name)
    assert link == f"https://mfa.example/enroll/{made.ticket(name)}"
    ticket = link.rpartition("/")[2]
    now.now = NOW + VALID_SECONDS - 1
    read = made.read(ticket)
    assert read is not None
    assert (read.username, read.expires) == (name, NOW + VALID_SECONDS)
    now.now = NOW + VALID_SECONDS
    assert made.read(ticket) is None


def test_a_changed_or_foreign_link_names_nobody() -> None:
    now = Moment()
    made = links(now)
    ticket = made.ticket("alice")
    assert links(now, b"x" * 32).read(ticket) is None
    for at, letter in enumerate(ticket[:-1]):  # the last one's low bits may mean nothing
        other = "A" if letter != "A" else "B"
        assert made.read(ticket[:at] + other + ticket[at + 1 :]) is None


@pytest.mark.parametrize("ticket", ["", "A", "====", "é", "\udc80", "A" * 5000, "/", "+"])
def test_nonsense_names_nobody(ticket: str) -> None:
    assert links(Moment()).read(ticket) is None


def test_what_activates_a_phone_follows_from_the_link_and_the_key() -> None:
    now = Moment()
    made, foreign = links(now), links(now, b"x" * 32)
    read, again = made.read(made.ticket("alice")), made.read(made.ticket("alice"))
    others = [made.read(made.ticket("bob")), foreign.read(foreign.ticket("alice"))]
    now.now = NOW + 1
    others.append(made.read(made.ticket("alice")))
    assert read == again is not None
    codes = {each.code for each in [read, *others] if each} | {each.credential for each in [read, *others] if each}
    assert len(codes) == 8
    assert read is not None
    assert (len(read.code), len(bytes.fromhex(read.credential))) == (20, 20)
