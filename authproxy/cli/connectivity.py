"""``authproxy connectivity``: checks the configuration, then reaches every peer that it names."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from authproxy.config import ini, locate
from authproxy.config.build import examine
from authproxy.config.places import Places
from authproxy.config.values import Checked, writes_log_files
from authproxy.errors import AuthproxyError
from authproxy.running.talk import NotRunning, call
from authproxy.support import connectivity_report as report
from authproxy.support.findings import Level

if TYPE_CHECKING:
    from authproxy.config.settings import Settings
    from authproxy.support.findings import Findings

_LOG = "connectivity_tool.log"


@click.command("connectivity")
@click.option("--config", type=click.Path(path_type=Path), help="the configuration file")
@click.option("--user", default="", help="look this user up in the directories, too")
@click.option("--syntax-only", is_flag=True, help="check the file alone, and reach nobody")
@click.option("--no-explicit-connectivity-check", "only_check", is_flag=True, help="check only, and reach nobody")
@click.option("--json", "as_json", is_flag=True, help="print one JSON object")
def command(config: Path | None, user: str, syntax_only: bool, only_check: bool, as_json: bool) -> None:
    """Check the configuration, then reach every peer: directories, RADIUS servers, second factor, ports, clock.

    Exit status 0: no problem; 1: the configuration can't be used; 2: a peer can't be reached or refuses.
    """
    output = Output(as_json)
    try:
        path = locate.find(config)
        checked = examine(path, syntax_only=syntax_only)
        text, _ = ini.decode(path.read_bytes(), str(path))
    except (AuthproxyError, OSError) as error:
        output.stop(str(config or ""), str(error))
    if not syntax_only and writes_log_files(checked.main):
        output.log_dir = Places.of(path).log_dir(checked.main, checked.service)
    output.say(report.FIRST)
    output.lines(report.configuration_lines(ini.parse(text, str(path)), checked))
    sections: list[Findings] = []
    if checked.usable and not (syntax_only or only_check):
        try:
            sections = _reach(path, user, output)
        except AuthproxyError as error:
            explained = getattr(error, "report", None)
            output.stop(str(path), explained() if callable(explained) else str(error))
    output.lines(report.summary_lines(checked, sections))
    output.end(checked, sections)
    sys.exit(report.exit_status(checked, sections))


def entry_point() -> None:
    """The script ``authproxy_connectivity_tool``."""
    command(prog_name="authproxy_connectivity_tool")


class Output:
    """Lines for people as they come, or one object at the end; and a log file unless ``log_dir`` is None."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._told: list[str] = []
        self.log_dir: Path | None = None

    def say(self, text: str) -> None:
        self._told.append(text)
        if not self._as_json:
            click.echo(text)

    def lines(self, lines: Iterable[str]) -> None:
        for each in lines:
            self.say(each)

    def section(self, findings: Findings) -> None:
        self.lines(report.section_lines(findings))

    def end(self, checked: Checked, sections: list[Findings]) -> None:
        if self._as_json:
            click.echo(json.dumps(report.as_json(checked, sections), ensure_ascii=False))
        with suppress(OSError):  # it has been shown; the file is for later
            if self.log_dir is not None:
                file = self._write(self.log_dir)
                if not self._as_json:
                    click.echo(f"The results have also been logged in {file}")

    def stop(self, file: str, why: str) -> None:
        if self._as_json:
            click.echo(json.dumps({"file": file, "result": "configuration", "error": why}, ensure_ascii=False))
        else:
            for each in (report.INVALID, *why.splitlines()):
                click.echo(report.line(Level.ERROR, each))
        sys.exit(1)

    def _write(self, log_dir: Path) -> Path:
        log_dir.mkdir(parents=True, exist_ok=True, mode=0o750)
        file = log_dir / _LOG
        file.write_text("\n".join((*self._dated(), "")), encoding="utf-8", errors="backslashreplace")
        file.chmod(0o640)
        return file

    def _dated(self) -> Iterator[str]:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        return (f"{stamp} {told}" for told in self._told)


def _reach(path: Path, user: str, output: Output) -> list[Findings]:
    """Raises AuthproxyError where the secrets of the configuration can't be had."""
    from authproxy.cli.opening import open_configuration

    opened = open_configuration(path)
    return _until_done(opened.settings, opened.seed_key, user, output)


def is_running(state_dir: Path) -> bool:
    """Whether a daemon is at work there; one that this user may not talk to counts as well."""
    try:
        call(state_dir).close()
    except NotRunning:
        return False
    except AuthproxyError:
        return True
    return True


def _until_done(settings: Settings, seed_key: bytes, user: str, output: Output) -> list[Findings]:
    from twisted.internet import asyncioreactor
    from twisted.internet.defer import Deferred
    from twisted.internet.main import installReactor

    from authproxy.support.connectivity import Connectivity

    reactor = asyncioreactor.AsyncioSelectorReactor()
    installReactor(reactor)  # type: ignore[no-untyped-call]
    state_dir = settings.service.state_dir
    connectivity = Connectivity(settings, seed_key, reactor, lambda: is_running(state_dir), user)
    found: list[Findings] = []

    async def run() -> None:
        try:
            found.extend(await connectivity.run(output.section))
        finally:
            reactor.stop()  # type: ignore[no-untyped-call]

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(run()))
    reactor.run()  # type: ignore[no-untyped-call]
    return found
