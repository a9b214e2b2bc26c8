"""The real daemon with its portal, and browsers in which somebody is logged in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from playwright.sync_api import BrowserContext, Page

from authproxy.secondfactor.own_devices import OwnDevices, own_devices
from authproxy.secondfactor.portal_sessions import COOKIE, open_portal
from authproxy.store import tables
from tests.phone.chromium import Chromium
from tests.web.apihost import ApiHost


@dataclass
class Portal:
    host: ApiHost

    @classmethod
    @contextmanager
    def running(cls, directory: Path, more: str = "") -> Iterator[Portal]:
        """``more``: lines for ``[service]``."""
        made = cls(ApiHost.make(directory, more))
        made.host.daemon.start()
        try:
            yield made
            assert made.host.daemon.stop() == 0
        finally:
            made.host.daemon.kill()
            made.host.database.close()
        assert "Traceback" not in made.host.daemon.log()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.host.port}"

    def cookie(self, name: str) -> str:
        """Of a user who has just given a second factor."""
        with self.host.database.writing() as connection:
            opened = open_portal(connection, self.host.users[name].id, "192.0.2.1", "test", time.time())
        return opened.cookie

    def own(self, name: str) -> OwnDevices:
        with self.host.database.reading() as connection:
            return own_devices(connection, self.host.users[name].id)

    def audit(self, action: str) -> list[dict[str, Any]]:
        query = sa.select(tables.audit).where(tables.audit.c.action == action)
        with self.host.database.reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    @contextmanager
    def opened(self, chromium: Chromium, name: str, width: int = 390, scheme: str = "light") -> Iterator[Page]:
        """The portal in a browser of its own, in the browser's thread."""
        context = chromium.device(scheme, width)
        try:
            page = self._at_home(context, name)
            yield page
        finally:
            context.close()

    def _at_home(self, context: BrowserContext, name: str) -> Page:
        context.add_cookies(
            [{"name": COOKIE, "value": self.cookie(name), "url": self.url, "secure": True, "httpOnly": True}]
        )
        page = context.new_page()
        page.goto(f"{self.url}/portal/")
        return page
