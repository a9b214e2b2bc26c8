"""One daemon for all tests of a file; imports are inside, for this is read before the reactor is chosen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.phone.chromium import Chromium
    from tests.web.apihost import ApiHost


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHost]:
    from tests.web.apihost import ApiHost

    made = ApiHost.make(tmp_path_factory.mktemp("prompt") / "host", "request_rate=0\npush_limit=0")
    made.daemon.start()
    try:
        yield made
        assert made.daemon.stop() == 0
    finally:
        made.daemon.kill()
        made.database.close()
    assert "Traceback" not in made.daemon.log()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    from tests.phone.chromium import Chromium

    browser = Chromium()
    yield browser
    browser.stop()
