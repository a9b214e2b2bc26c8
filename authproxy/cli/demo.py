"""``authproxy demo``: the main job, performed for real on loopback."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click


@click.command("demo")
@click.option("--once", is_flag=True, help="End after the logins instead of staying up.")
def command(once: bool) -> None:
    """Start a sample directory and the daemon on loopback, and log people in over real UDP.

    Prints what was asked, what was answered and why. Stays up until stopped, so that you can try for yourself.
    """
    from twisted.internet import asyncioreactor

    asyncioreactor.install()
    from twisted.internet import reactor

    from authproxy.demo.story import Story
    from authproxy.service import Reactor, run_until_done

    with tempfile.TemporaryDirectory(prefix="authproxy-demo-") as directory:
        story = Story(Path(directory), Reactor(reactor), click.echo, stays_up=not once)
        sys.exit(run_until_done(reactor, story.tell))
