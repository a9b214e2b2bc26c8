"""Fixtures for every test. The first one fails a test on anything that was logged as a failure or dropped."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from twisted.logger import LogEvent, LogLevel, globalLogPublisher

settings.register_profile("busy machine", deadline=None)  # how long an example takes says nothing of us
settings.load_profile("busy machine")


class LoggedFailures:
    """What was logged at ``critical`` level, or with a failure, during a test."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        if event.get("log_failure") is not None or event.get("log_level") is LogLevel.critical:
            self.events.append(event)

    def flush(self) -> list[LogEvent]:
        """For a test that expects a failure to be logged: takes the events away and returns them."""
        gc.collect()
        taken, self.events = self.events, []
        return taken


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Several processes share the tests by file; Samba has one address on a host, so all of its are one's."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "samba" if _needs_samba(config.rootpath / file) else file

    return ByFile(config, log)


@cache
def _needs_samba(file: Path) -> bool:
    return "from tests.peers.samba import" in file.read_text(encoding="utf-8")


@pytest.fixture(autouse=True, scope="session")
def _settled_memory() -> None:
    """What is loaded already need not be looked at by every test's collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def logged_failures() -> Iterator[LoggedFailures]:
    """Fails the test if a failure was logged, or a Deferred was dropped with one."""
    observer = LoggedFailures()
    globalLogPublisher.addObserver(observer)
    try:
        yield observer
        gc.collect()  # a dropped Deferred logs its failure when it is collected
    finally:
        globalLogPublisher.removeObserver(observer)
    if observer.events:
        lines = [
            str(event["log_failure"].getTraceback()) if event.get("log_failure") else str(event)
            for event in observer.events
        ]
        pytest.fail("logged during the test:\n" + "\n".join(lines))
