"""A directory in memory for each test, and doors that are closed after it.

Imports are inside the fixtures: this file is read before the reactor is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.ldap_front.directory import Directory
    from tests.ldap_front.door import Door, MakeDoor


@pytest.fixture
def directory() -> Iterator[Directory]:
    import pytest_twisted
    from twisted.internet.defer import Deferred

    from tests.ldap_front.directory import Directory

    opened = Directory().open()
    yield opened
    pytest_twisted.blockon(Deferred.fromCoroutine(opened.shut()))


@pytest.fixture
def make_door(directory: Directory) -> Iterator[MakeDoor]:
    """Makes doors to ``directory``, or to the one whose settings are given; the rest are the section's options."""
    import pytest_twisted
    from twisted.internet.defer import Deferred

    from tests.ldap_front.directory import settings_for
    from tests.ldap_front.door import Door

    made: list[Door] = []

    def make(client: Any = None, **changes: Any) -> Door:
        made.append(Door(client or settings_for(directory.port), **changes))
        return made[-1]

    yield make
    for door in made:
        pytest_twisted.blockon(Deferred.fromCoroutine(door.close()))


@pytest.fixture
def door(make_door: MakeDoor) -> Door:
    return make_door()
