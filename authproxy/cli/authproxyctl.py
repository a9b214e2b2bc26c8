"""``authproxyctl``: start, stop, restart, reload and look after the daemon of one configuration."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import NoReturn

import click

import authproxy
from authproxy.config.build import key_places
from authproxy.config.locate import SYSTEM_WIDE, find
from authproxy.errors import AuthproxyError
from authproxy.running.control import NAME
from authproxy.running.talk import NoAnswer, NotRunning, Talk, call, is_alive

# What `status` ends with, as the Linux Standard Base has it for init scripts.
RUNNING, DEAD, NOT_RUNNING, UNKNOWN = 0, 1, 3, 4
_STATE = Path("/var/lib")  # where the units' state is
_START_SECONDS = 120.0
_RELOAD_SECONDS = 120.0
_STOP_SECONDS = 30.0

Shown = Mapping[str, object]


class Instance:
    """The daemon of one configuration file."""

    def __init__(self, config: Path | None, as_json: bool) -> None:
        self._config = config
        self._as_json = as_json

    @property
    def path(self) -> Path:
        return find(self._config).absolute()

    def call(self) -> Talk:
        """Raises NotRunning."""
        path = self.path
        try:
            return call(key_places(path).state_dir)
        except NotRunning:
            of_unit = _STATE / ("authproxy" if path.stem == "authproxy" else f"authproxy-{path.stem}")
            if path.parent != SYSTEM_WIDE.parent or not (of_unit / NAME).exists():
                raise
            return call(of_unit)  # systemd has told the daemon, but not us, where that is

    def show(self, shown: Shown) -> None:
        click.echo(json.dumps(shown, ensure_ascii=False) if self._as_json else str(shown["text"]))

    def end(self, status: int, text: str) -> NoReturn:
        """Not done."""
        if self._as_json:
            click.echo(json.dumps({"error": text}, ensure_ascii=False))
        click.echo(text, err=True)
        sys.exit(status)


def _subcommand(function: Callable[[Instance], None]) -> click.Command:
    @wraps(function)
    def run(config: Path | None, as_json: bool) -> None:
        instance = Instance(config, as_json)
        try:
            function(instance)
        except AuthproxyError as error:
            instance.end(1, f"authproxy: {error}")

    with_json = click.option("--json", "as_json", is_flag=True, help="print JSON")(run)
    with_config = click.option("--config", type=click.Path(path_type=Path), help="the configuration file")(
        with_json
    )
    return command.command(function.__name__)(with_config)


@click.group("authproxyctl", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(authproxy.__version__, prog_name="authproxy")
def command() -> None:
    """Start, stop, restart, reload and look after the daemon; under systemd, start and stop it with systemctl."""


def entry_point() -> None:
    """The script ``authproxyctl``."""
    command(prog_name="authproxyctl")


@_subcommand
def start(instance: Instance) -> None:
    """Start the daemon in the background; returns when it serves logins, or says why it does not."""
    try:
        talk = instance.call()
    except NotRunning:
        pid = _start(instance)
        instance.show({"text": f"authproxy is running (process {pid})", "pid": pid})
    else:
        talk.close()
        instance.show({"text": f"authproxy is running already (process {talk.pid})", "pid": talk.pid})


@_subcommand
def stop(instance: Instance) -> None:
    """Stop the daemon; what is being answered has some seconds. One that does not answer is killed."""
    try:
        talk = instance.call()
    except NotRunning:
        instance.show({"text": "authproxy is not running"})
        return
    try:
        talk.ask("stop")
        has_ended = talk.wait_for_end(_STOP_SECONDS)
    except NoAnswer:
        has_ended = False
    if not has_ended:
        os.kill(talk.pid, signal.SIGKILL)
    _wait_until(lambda: not is_alive(talk.pid), _STOP_SECONDS)
    instance.show({"text": "authproxy has stopped" if has_ended else "authproxy did not answer and was killed"})


@_subcommand
def restart(instance: Instance) -> None:
    """Replace the running process by a new one; no login is lost. If that can't start, the old one goes on."""
    try:
        talk = instance.call()
    except NotRunning:
        pid = _start(instance)
        instance.show({"text": f"authproxy was not running; it is now (process {pid})"})
        return
    _do(instance, talk, "restart", _START_SECONDS)


@_subcommand
def reload(instance: Instance) -> None:
    """Read the configuration anew, say what has changed. If it can't be used, nothing changes: exit status 1."""
    _do(instance, instance.call(), "reload", _RELOAD_SECONDS)


@_subcommand
def status(instance: Instance) -> None:
    """Exit status 0: it runs; 1: it ended by accident; 3: it does not run; 4: it does not answer."""
    try:
        answer = instance.call().ask("status")
    except NotRunning as error:
        instance.end(DEAD if error.was_there else NOT_RUNNING, "authproxy is not running")
    except NoAnswer as error:
        instance.end(UNKNOWN, str(error))
    lines = [f"authproxy {answer['version']} is running (process {answer['pid']}): {answer['text']}"]
    listening = answer["listeners"]
    assert isinstance(listening, list)
    text = "\n".join([*lines, *(f"  {place}" for place in listening)])
    instance.show({**answer, "text": answer["text"]} if instance._as_json else {"text": text})


@_subcommand
def version(instance: Instance) -> None:
    """The version that is installed."""
    instance.show({"text": f"authproxy {authproxy.__version__}", "version": authproxy.__version__})


def _do(instance: Instance, talk: Talk, what: str, seconds: float) -> None:
    answer = talk.ask(what, seconds)
    if not answer["done"]:
        instance.end(1, str(answer["text"]))
    instance.show(answer)


# ---------------------------------------------------------------- in the background


def _start(instance: Instance) -> int:
    """The process number, once it serves. Raises AuthproxyError with its own words."""
    with tempfile.TemporaryFile() as complaints, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind("")  # an abstract name of the kernel's choice
        name = ready.getsockname()
        process = subprocess.Popen(
            [sys.executable, "-m", "authproxy", "run", "--config", str(instance.path)],
            env={**os.environ, "NOTIFY_SOCKET": f"@{os.fsdecode(name[1:])}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            start_new_session=True,
        )
        ready.settimeout(0.2)
        give_up = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < give_up:
            try:
                if b"READY=1" in ready.recv(4096).split(b"\n"):
                    return process.pid
            except TimeoutError:
                continue
        process.kill()
        complaints.seek(0)
        said = complaints.read().decode("utf-8", "replace").strip()
        raise AuthproxyError(said or f"it was not ready within {_START_SECONDS:g} seconds")


def _wait_until(is_so: Callable[[], bool], seconds: float) -> None:
    give_up = time.monotonic() + seconds
    while not is_so() and time.monotonic() < give_up:
        time.sleep(0.05)
