"""``authproxy demo``: the main job, performed for real on loopback."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click


@click.command("demo")
@click.option("--once", is_flag=True, help="end after the logins instead of staying up")
def command(once: bool) -> None:
    """Start a sample directory and the daemon on loopback, and log people in over real UDP.

    Prints what was asked, what was answered and why; then stays up, so that you can try for yourself. Exit status
    1 when a login ended otherwise than it should.
    """
    with tempfile.TemporaryDirectory(prefix="authproxy-demo-") as folder:
        sys.exit(_perform(Path(folder), stays_up=not once))


def _perform(folder: Path, stays_up: bool) -> int:
    from twisted.internet.asyncioreactor import AsyncioSelectorReactor
    from twisted.internet.defer import Deferred
    from twisted.internet.main import installReactor

    reactor = AsyncioSelectorReactor()
    installReactor(reactor)  # type: ignore[no-untyped-call]

    from authproxy.demo.stage import perform

    failures: list[str] = []

    async def play() -> None:
        try:
            staged = await perform(reactor, folder, click.echo)
            stop = staged.service.stop
            reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(stop()))
            if stays_up:
                click.echo(staged.what_next)
                return
        except Exception as error:
            failures.append(f"the demonstration failed: {type(error).__name__}: {error}")
        reactor.stop()  # type: ignore[no-untyped-call]

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(play()))
    reactor.run()  # type: ignore[no-untyped-call]
    for failure in failures:
        click.echo(failure, err=True)
    return 1 if failures else 0
