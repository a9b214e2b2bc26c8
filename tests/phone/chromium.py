"""Debian's Chromium, driven by Playwright in a thread of its own: it wants no event loop near it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

T = TypeVar("T")
PATIENCE = 60_000  # milliseconds, until what is waited for must be there: a busy machine is no fault of the page
expect.set_options(timeout=PATIENCE)
_FLAGS = ["--no-sandbox", "--ignore-certificate-errors", "--disable-dev-shm-usage"]


def require_chromium() -> str:
    """The binary's path; skips the test without it, or fails it where CI=true."""
    binary = shutil.which("chromium")
    if binary is not None:
        return binary
    message = "no chromium on this host: apt-get install chromium"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def width_of(page: Page) -> int:
    """Of the whole page in CSS pixels, once its styles are there. In the browser's thread."""
    page.wait_for_load_state()
    return int(page.evaluate("document.documentElement.scrollWidth"))


class Chromium:
    def __init__(self) -> None:
        self._binary = require_chromium()
        self._thread = ThreadPoolExecutor(1)
        self._playwright: Playwright
        self._browser: Browser
        self.run(self._start)

    def _start(self) -> None:
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=self._binary, args=_FLAGS)

    @property
    def browser(self) -> Browser:
        return self._browser

    def run(self, work: Callable[[], T]) -> T:
        """In the browser's thread."""
        return self._thread.submit(work).result(300)

    def device(
        self, scheme: str = "light", width: int = 390, height: int = 844, locale: str = "en-US"
    ) -> BrowserContext:
        """A browser that knows nothing yet. In the browser's thread."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            ignore_https_errors=True,
            locale=locale,
            permissions=["notifications"],
        )
        context.set_default_timeout(PATIENCE)
        return context

    def stop(self) -> None:
        def end() -> None:
            self._browser.close()
            self._playwright.stop()

        self.run(end)
        self._thread.shutdown()
