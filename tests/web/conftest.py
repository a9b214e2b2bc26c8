"""The web side in front of a service in memory.

Imports are inside the fixtures: this file is read before the reactor is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_twisted

if TYPE_CHECKING:
    from tests.web.twin import TwinWeb


@pytest.fixture
def web(tmp_path: Path) -> Iterator[TwinWeb]:
    from twisted.internet.defer import Deferred

    from tests.web.twin import TwinWeb

    started: TwinWeb = pytest_twisted.blockon(Deferred.fromCoroutine(TwinWeb.start(tmp_path)))
    yield started
    pytest_twisted.blockon(started.listener.stop())
