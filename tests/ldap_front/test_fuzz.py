"""Broken messages, from clients and from the directory: no crash, no flood in the log, nobody let in."""

from __future__ import annotations

from tests.ldap_front.soak import PER_SECOND, Soak
from tests.radius.door import Lines

COUNT = 15_000


def test_broken_messages_break_nothing() -> None:
    soak = Soak(1)
    with Lines() as lines:
        soak.batch(COUNT)
    assert soak.finish() == []
    assert soak.front.judge.logins > COUNT / 20 and soak.front.directory.heard > COUNT / 10
    assert soak.answers > COUNT / 10
    minutes = 1 + COUNT / PER_SECOND / 60
    assert len(lines.having("was disconnected")) < 250 * minutes
