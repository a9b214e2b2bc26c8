"""Imports are inside the fixtures: this file is read before the reactor is chosen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from authproxy.store.engine import Database

if TYPE_CHECKING:
    from tests.panel.panelhost import PanelHost
    from tests.phone.chromium import Chromium


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'authproxy.db'}")
    yield database
    database.close()


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelHost]:
    """One daemon for all tests of a file: each test adds people of its own."""
    from tests.panel.panelhost import PanelHost

    made = PanelHost.make(tmp_path_factory.mktemp("panel") / "host", "request_rate=0").start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    from tests.phone.chromium import Chromium

    browser = Chromium()
    yield browser
    browser.stop()
