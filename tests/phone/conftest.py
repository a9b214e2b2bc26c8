"""One daemon and one browser for all tests of a file.

Imports are inside the fixtures: this file is read before the reactor is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.phone.chromium import Chromium
    from tests.phone.phonehost import PhoneHost


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhoneHost]:
    from tests.phone.phonehost import PhoneHost

    made = PhoneHost.make(tmp_path_factory.mktemp("phones"))
    made.daemon.start()
    yield made
    made.daemon.stop()
    made.database.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    from tests.phone.chromium import Chromium

    browser = Chromium()
    yield browser
    browser.stop()
