"""``authproxy top``: what the running daemon is doing, as it does it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping

import click

from authproxy.cli.context import Shell, service_command
from authproxy.errors import AuthproxyError
from authproxy.running.talk import Talk, call
from authproxy.support.top_screen import Figures, Pace, screen

_CLEAR = "\x1b[H\x1b[2J"


@click.command("top")
@click.option("--interval", type=click.FloatRange(0.5, 60), default=2.0, show_default=True,
              help="seconds between two looks")  # fmt: skip
@click.option("--once", is_flag=True, help="one screen of text with the figures since the start, then end")
@service_command
def command(shell: Shell, interval: float, once: bool) -> None:
    """Show pending logins, rates, latencies by stage, refusals, drops and upstream hosts, until Ctrl-C.

    With --json: one object with the figures since the daemon's start.
    """
    talk = call(shell.opened.settings.service.state_dir)
    try:
        if shell.as_json:
            click.echo(json.dumps(_figures(talk), ensure_ascii=False))
        elif once:
            click.echo(screen(Pace(_figures(talk)), _heading(talk)))
        else:
            _watch(talk, interval)
    finally:
        talk.close()


def _watch(talk: Talk, interval: float) -> None:
    """A terminal is drawn anew each time; anything else gets one screen after another."""
    is_terminal = sys.stdout.isatty()
    before: Figures = {}
    try:
        while True:
            now = _figures(talk)
            if is_terminal:
                click.echo(_CLEAR, nl=False)
            click.echo(screen(Pace(now, before), _heading(talk)) + ("" if is_terminal else "\n"))
            before = now
            time.sleep(interval)
    except KeyboardInterrupt:
        return


def _figures(talk: Talk) -> Mapping[str, object]:
    answer = talk.ask("figures")
    figures = answer.get("figures")
    if not isinstance(figures, dict):
        raise AuthproxyError(f"the daemon (process {talk.pid}) gives no figures: {answer.get('text')}")
    return figures


def _heading(talk: Talk) -> str:
    return f"authproxy, process {talk.pid}, {time.strftime('%H:%M:%S')}"
