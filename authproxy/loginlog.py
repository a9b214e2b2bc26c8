"""Decided logins on their way to the log, ``authevents.log``, the metrics and the traces."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass

from authproxy.log_text import Stamp
from authproxy.login_logger import LoginLogger
from authproxy.metrics import Metrics
from authproxy.model import SUCCESS, LoginRecord, Step, Watches, watches_nobody

_log = LoginLogger()
_PRIMARY, _SECONDARY = "Primary authentication", "Secondary authentication"
_STATUS = {
    **dict.fromkeys(("ok", "allowed", "exempt", "failmode safe", "primary-only"), "Allow"),
    "unavailable": "Error",
}


@dataclass(frozen=True, slots=True)
class SectionNames:
    """What ``authevents.log`` says of the section a login came through."""

    section: str
    client: str | None
    ikey: str = ""


class AuthEvents:
    """``authevents.log``: one JSON object for each stage of a login, with the field names that parsers know."""

    def __init__(self, write: Callable[[str], None], hostname: str | None = None) -> None:
        self._write = write
        self._hostname = hostname or socket.gethostname()
        self._stamp = Stamp()

    def note(self, login: LoginRecord, names: SectionNames) -> None:
        for step in login.steps:
            stage = _stage_of(step)
            if stage is not None:
                self._write(json.dumps(self._event(login, names, step, stage), ensure_ascii=False))

    def _event(self, login: LoginRecord, names: SectionNames, step: Step, stage: str) -> dict[str, object]:
        status = _STATUS.get(step.result, "Challenge" if step.result == "challenge" else "Reject")
        event: dict[str, object] = {
            "timestamp": self._stamp(login.at),
            "username": login.username,
            "auth_stage": stage,
            "status": status,
            "msg": SUCCESS if stage == _SECONDARY and status == "Allow" else step.detail or step.result,
            "factor": (login.factor or None) if stage == _SECONDARY else None,
            "client_ip": login.client_ip or "None",
            "hostname": self._hostname,
            "server_section": names.section,
            "server_section_ikey": names.ikey,
            "client_section": names.client,
            "login_id": login.login_id,
            "nas_ip": login.nas,
            "reason": login.reason,
            "log_namespace": "authproxy.authevents",
            "log_level": {"name": "info"},
        }
        if login.dn:
            event["dn"] = login.dn
        return event


def _stage_of(step: Step) -> str | None:
    if step.stage == "primary":
        return _PRIMARY
    if step.stage in ("second factor", "challenge") or step.result in ("exempt", "failmode safe", "primary-only"):
        return _SECONDARY
    return None


class LoginLog:
    """Announces the decided logins of one section."""

    def __init__(
        self,
        names: SectionNames,
        metrics: Metrics,
        events: AuthEvents | None,
        is_debug: bool = False,
        watches: Watches = watches_nobody,
        trace: Callable[[LoginRecord], None] | None = None,
    ) -> None:
        self._names = names
        self._metrics = metrics
        self._events = events
        self._is_debug = is_debug
        self._watches = watches
        self._trace = trace
        self._seconds = metrics.login_seconds.labels(names.section)

    def __call__(self, login: LoginRecord) -> None:
        self._measure(login)
        if self._is_debug or self._watches(login.section, login.username, login.nas, login.client_ip):
            self._explain(login)
        if login.result == "accept":
            text = "{section}: {username} from {where}: {msg} ({how}, {elapsed:.0f} ms)"
        else:
            text = "{section}: {username} from {where}: {result}: {msg} ({elapsed:.0f} ms)"
        _log.info(
            text,
            login=login.login_id,
            section=login.section,
            username=login.username,
            nas=login.nas,
            where=login.nas or login.client_ip or "an unknown address",  # browsers come through no appliance
            client_ip=login.client_ip or "",
            result=login.result,
            reason=login.reason,
            factor=login.factor,
            msg=SUCCESS if login.result == "accept" else _why(login),
            how=f"{login.factor}, {login.device}" if login.device else login.factor,
            elapsed=login.elapsed * 1000,
        )
        if self._events is not None:
            self._events.note(login, self._names)
        if self._trace is not None:
            self._trace(login)

    def _measure(self, login: LoginRecord) -> None:
        self._metrics.count_login(login.section, login.result, login.reason, login.factor)
        self._seconds.observe(login.elapsed)
        began = 0.0
        for step in login.steps:
            self._metrics.note_stage(self._names.section, step.stage, step.at - began)
            began = step.at

    def _explain(self, login: LoginRecord) -> None:
        for step in login.steps:
            _log.debug(
                "{section}: {at:.1f} ms: {stage}: {result} {detail}",
                log_watched=True,
                login=login.login_id,
                section=login.section,
                at=step.at * 1000,
                stage=step.stage,
                result=step.result,
                detail=step.detail,
            )


def _why(login: LoginRecord) -> str:
    last = login.steps[-1] if login.steps else None
    if last is None or not last.detail or last.detail.startswith(login.reason):
        return last.detail if last is not None and last.detail else login.reason
    return f"{login.reason}: {last.detail}" if login.reason else last.detail
