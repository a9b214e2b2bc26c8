"""One daemon and one browser for all tests of a file.

Imports are inside the fixtures: this file is read before the reactor is chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.enroll.portal import Site
    from tests.phone.chromium import Chromium


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    from tests.enroll.portal import Site
    from tests.web.apihost import ApiHost

    made = Site(ApiHost.make(tmp_path_factory.mktemp("enroll") / "host"))
    made.host.daemon.start()
    try:
        yield made
        assert made.host.daemon.stop() == 0
    finally:
        made.host.daemon.kill()
        made.host.database.close()
    assert "Traceback" not in made.host.daemon.log()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    from tests.phone.chromium import Chromium

    browser = Chromium()
    yield browser
    browser.stop()
