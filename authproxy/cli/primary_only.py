"""``authproxy primary-only``: for a while, passwords alone are enough."""

from __future__ import annotations

import time
from collections.abc import Mapping

import click

from authproxy.cli.amounts import counted
from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.errors import AuthproxyError
from authproxy.running.talk import NotRunning, call
from authproxy.secondfactor.audit import note, shell_actor
from authproxy.support.primary_only_file import (
    DEFAULT_MINUTES,
    MOST_MINUTES,
    PrimaryOnlyState,
    StateUnusable,
    read_state,
    remove_state,
    write_state,
)

_NOBODY = "no daemon is running here; one that starts in that time reads it"


@click.group("primary-only")
def command() -> None:
    """Let right passwords in without a second factor, in every server section, for a while.

    For an outage of the second factor. It ends by itself, and the log tells of it every five minutes.
    """


def entry_point() -> None:
    """The script ``authproxy_primary_only``."""
    command(prog_name="authproxy_primary_only")


@command.command("start")
@click.argument("minutes", type=click.IntRange(1, MOST_MINUTES), default=DEFAULT_MINUTES)
@service_command
def start(shell: Shell, minutes: int) -> None:
    """Begin, for MINUTES (60; at most 240). Started again, it lasts so long from now."""
    state_dir = shell.opened.settings.service.state_dir
    now = time.time()
    state = PrimaryOnlyState(now, now + minutes * 60, shell_actor())
    with shell.writing() as connection:  # what is not recorded is not begun
        note(connection, state.by, "primary-only start", "", {"minutes": minutes, "until": iso(state.until)})
    write_state(state_dir, state)
    answer = _tell(shell)
    if answer is not None and not answer.get("on"):
        raise StateUnusable("the daemon did not take it: see its log")
    _show(shell, state, answer)


@command.command("stop")
@service_command
def stop(shell: Shell) -> None:
    """End it now. What was let in stays in."""
    was_there = remove_state(shell.opened.settings.service.state_dir)
    answer = _tell(shell)
    if was_there:
        with shell.writing() as connection:
            note(connection, shell_actor(), "primary-only stop", "")
    if answer is not None and answer.get("on"):
        raise StateUnusable("the daemon goes on with it: see its log")
    _show(shell, None, answer)


@command.command("status")
@service_command
def status(shell: Shell) -> None:
    """Tell whether it is on, until when, and who started it."""
    state = read_state(shell.opened.settings.service.state_dir)
    if state is not None and state.left(time.time()) <= 0:
        state = None
    _show(shell, state, _tell(shell))


def _tell(shell: Shell) -> Mapping[str, object] | None:
    """Has the daemon read the file at once. None: there is no daemon."""
    try:
        talk = call(shell.opened.settings.service.state_dir)
    except NotRunning:
        return None
    try:
        answer = talk.ask("primary-only")
    finally:
        talk.close()
    if not answer.get("done"):
        raise AuthproxyError(f"the daemon (process {talk.pid}) can't do that: {answer.get('text')}")
    return answer


def _show(shell: Shell, state: PrimaryOnlyState | None, answer: Mapping[str, object] | None) -> None:
    left = state.left(time.time()) if state else 0.0
    shown: Shown = {
        "on": state is not None,
        "until": iso(state.until) if state else None,
        "minutes_left": round(left / 60, 1),
        "by": state.by if state else None,
        "daemon": None if answer is None else bool(answer.get("on")),
    }
    if state is None:
        text = "primary-only mode is off: second factors are asked"
    else:
        text = (
            f"PRIMARY-ONLY MODE IS ON until {iso(state.until)} ({counted(round(left / 60), 'minute')}),"
            f" started by {state.by}: passwords alone are enough"
        )
    if answer is None:
        text += f" ({_NOBODY})" if state else " (no daemon is running here)"
    shell.show(shown, text)
