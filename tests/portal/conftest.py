"""One daemon and one browser for all tests of a file.

Imports are inside the fixtures: this file is read before the reactor is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.phone.chromium import Chromium
    from tests.portal.people import Portal


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    from tests.portal.people import Portal

    with Portal.running(tmp_path_factory.mktemp("portal") / "host") as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    from tests.phone.chromium import Chromium

    browser = Chromium()
    yield browser
    browser.stop()
