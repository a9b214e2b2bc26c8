"""Takes the README's pictures: ``.venv/bin/python -m docs.screenshots.make`` writes PNGs beside this file.

A real daemon with sample people, logins of a day, and Debian's Chromium; nothing in the pictures is drawn.
With a folder as argument every page is also taken there at 320, 768 and 1440 pixels, to be looked at.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page

from authproxy.secondfactor import admin_passwords, administrators
from authproxy.secondfactor.activations import activate_phone
from authproxy.secondfactor.phones import add_phone
from authproxy.secondfactor.roles import Role
from authproxy.secondfactor.users import change_user
from authproxy.store import tables
from tests.enroll.portal import Site
from tests.panel import people
from tests.panel.panelhost import COOKIE, PanelHost
from tests.phone.chromium import Chromium
from tests.portal.people import Portal
from tests.prompt.demo import Demo, quietly

HERE = Path(__file__).parent
SCHEMES = ("light", "dark")
WIDTHS = (320, 768, 1440)
_DAY = 24 * 3600
_NAMES = {"alice": "Alice Example", "bob": "Bob Example", "carol": "Carol Example", "erin": "Erin Example"}


@dataclass
class Camera:
    """``album``: where the pictures of all widths go; None: nowhere."""

    host: PanelHost
    chromium: Chromium
    album: Path | None = None
    demo: Demo = field(init=False)

    def __post_init__(self) -> None:
        self.demo = Demo.make(self.host.api, "Web mail", policy={"new_user_policy": "enroll"})

    def take_all(self, scheme: str) -> None:
        """In the browser's thread."""
        self._panel(scheme)
        self._enrollment(scheme)
        self._portal(scheme)
        self._prompt_and_phone(scheme)

    def _panel(self, scheme: str) -> None:
        user = self.host.api.users["alice"].id
        with self._browser(scheme, 1200, 900) as context:
            opened = self.host.open_session(Role.OWNER)
            context.add_cookies([self._cookie(COOKIE, opened.cookie)])
            page = context.new_page()
            page.goto(f"{self.host.url}/admin/")
            self._shoot(page, "dashboard", scheme, 1100)
            page.goto(f"{self.host.url}/admin/users/{user}")
            self._shoot(page, "user", scheme, 1000)
            page.goto(f"{self.host.url}/admin/users")
            self._widths(page, "users", scheme)

    def _enrollment(self, scheme: str) -> None:
        with self._browser(scheme, 760, 740) as context:
            page = context.new_page()
            page.goto(Site(self.host.api).portal("erin"))
            self._widths(page, "enroll-begin", scheme)
            page.get_by_role("button", name="Begin", exact=True).click()
            page.locator(".code-picture").wait_for()
            self._shoot(page, "enrollment", scheme)

    def _portal(self, scheme: str) -> None:
        portal = Portal(self.host.api)
        with portal.opened(self.chromium, "alice", 760, scheme) as page:
            self._shoot(page, "portal", scheme, 1000)

    def _prompt_and_phone(self, scheme: str) -> None:
        api = self.host.api
        with self._browser(scheme, 390, 700) as of_phone, self._browser(scheme, 760, 640) as of_laptop:
            with api.database.writing() as connection:
                link = activate_phone(connection, api.users["alice"].id, api.phone, self.host.url).url
            phone, laptop = of_phone.new_page(), of_laptop.new_page()
            phone.goto(link)
            phone.locator(".line.open").wait_for()
            laptop.goto(quietly(self.demo.client().create_auth_url, "alice", "s" * 36))
            self._shoot(laptop, "prompt", scheme)
            laptop.get_by_role("button", name="Send a push").first.click()
            phone.locator(".request").wait_for()
            self._shoot(phone, "phone", scheme)
            self._widths(laptop, "prompt-waiting", scheme)
            phone.get_by_role("button", name="Deny", exact=True).click()
            phone.get_by_role("button", name="Deny", exact=True).wait_for(state="detached")

    # ------------------------------------------------------------ the camera itself

    @contextmanager
    def _browser(self, scheme: str, width: int, height: int) -> Iterator[BrowserContext]:
        context = self.chromium.device(scheme, width, height)
        try:
            yield context
        finally:
            context.close()

    def _cookie(self, name: str, value: str) -> Any:
        return {"name": name, "value": value, "url": self.host.url, "secure": True, "httpOnly": True}

    def _shoot(self, page: Page, name: str, scheme: str, height: int = 0) -> None:
        """``height``: in pixels; 0: what the window shows."""
        size = page.viewport_size
        assert size is not None
        if height:
            page.set_viewport_size({"width": size["width"], "height": height})
        page.screenshot(path=HERE / f"{name}-{scheme}.png", animations="disabled")
        self._widths(page, name, scheme)

    def _widths(self, page: Page, name: str, scheme: str) -> None:
        if self.album is None:
            return
        before = page.viewport_size
        assert before is not None
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=self.album / f"{name}-{width}-{scheme}.png", full_page=True)
        page.set_viewport_size(before)


def populate(host: PanelHost) -> None:
    """Names, a second phone, and a day of logins."""
    chance, now = random.Random(7), time.time()  # noqa: S311 (samples)
    with host.writing() as connection:
        for name, full in _NAMES.items():
            change_user(connection, host.api.users[name], {"realname": full, "email": f"{name}@example.com"})
        second = administrators.add_administrator(connection, "olivia@example.com", "Olivia Example", Role.OWNER)
        admin_passwords.set_password(connection, second, people.hashed(people.PASSWORD), now)
        second = administrators.find_administrator(connection, second.id)
        administrators.change_administrator(connection, second, {"status": "active"})
        add_phone(connection, host.api.users["alice"], "+15555550101", "Desk", "landline")
        connection.execute(tables.logins.insert(), [_login(chance, now, number) for number in range(900)])


def _login(chance: random.Random, now: float, number: int) -> dict[str, Any]:
    """Fewer by night; one in twelve is rejected."""
    ago = min(chance.uniform(0, _DAY), chance.uniform(0, _DAY))
    factor = chance.choices(("push", "passcode", "phone", "bypass_code"), (70, 20, 6, 4))[0]
    is_rejected = chance.random() < 1 / 12
    reasons = ("wrong password", "push denied", "no answer in time", "passcode is wrong")
    return {
        "login_id": f"SAMPLE{number:04}",
        "at": now - ago,
        "section": "radius_server_auto",
        "username": (name := chance.choice(list(_NAMES))),
        "name": name,
        "nas": "vpn",
        "client_ip": f"198.51.100.{chance.randrange(1, 200)}",
        "result": "reject" if is_rejected else "accept",
        "reason": chance.choice(reasons) if is_rejected else "",
        "factor": factor,
        "device": "",
        "elapsed": chance.lognormvariate(1.6, 0.5),
        "steps": json.dumps([]),
    }


def main(album: Path | None) -> None:
    if album is not None:
        album.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        host = PanelHost.make(Path(folder) / "host")
        populate(host)
        host.start()
        chromium = Chromium()
        try:
            camera = Camera(host, chromium, album)
            for scheme in SCHEMES:
                chromium.run(partial(camera.take_all, scheme))
        finally:
            chromium.stop()
            host.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
