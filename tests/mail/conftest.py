"""A mail server, and who writes to it. Imports are inside the fixtures: the reactor is chosen later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.mail.mailserver import MailServer
    from tests.mail.posts import Posts


@pytest.fixture
def server() -> Iterator[MailServer]:
    from tests.mail.mailserver import MailServer

    made = MailServer()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def posts(tmp_path: Path, server: MailServer) -> Iterator[Posts]:
    from tests.mail.posts import Posts

    made = Posts(tmp_path, server.settings(tmp_path))
    yield made
    made.stop()
