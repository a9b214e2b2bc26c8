"""A service on loopback and the second factor that speaks to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted

from tests.remote.fake_cloud import FakeCloud, FakeUser
from tests.remote.remote_site import RemoteSite


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    """It knows alice, who has a phone and a code."""
    cloud = FakeCloud()
    cloud.users["alice"] = FakeUser(codes={"123456"})
    pytest_twisted.blockon(cloud.start())
    yield cloud
    pytest_twisted.blockon(cloud.stop())


@pytest.fixture
def site(cloud: FakeCloud, tmp_path: Path) -> Iterator[RemoteSite]:
    site = RemoteSite(cloud, tmp_path)
    yield site
    pytest_twisted.blockon(site.close())
