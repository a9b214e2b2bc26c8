"""The daemon's log on its way to a syslog server, through a change of the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.logger import Logger

from authproxy.config.settings import MainSettings, SyslogSettings
from authproxy.errors import ConfigError
from authproxy.log import Logging
from tests.syslog.receiver import Receiver


def main_settings(receiver: Receiver, **changes: object) -> MainSettings:
    settings = SyslogSettings("127.0.0.1", receiver.port, "tcp", None)
    return MainSettings(log_file=False, syslog=settings, **changes)  # type: ignore[arg-type]


def test_a_reload_goes_on_with_the_same_connection_or_turns_to_the_new_server() -> None:
    first, second = Receiver(), Receiver()
    logs = Logging()
    log = Logger(namespace="authproxy.test", observer=logs)
    logs.change(main_settings(first), is_debug=False)
    log.info("{section}: one", section="radius_server_auto")
    logs.change(main_settings(first), is_debug=True)
    log.debug("two")
    told = [first.next(), first.next()]
    assert [(one.text, one.severity) for one in told] == [("radius_server_auto: one", 6), ("two", 7)]
    assert told[0].data == {"section": "radius_server_auto"}
    assert len(first.connections) == 1
    logs.change(main_settings(second), is_debug=False)
    log.warn("three")
    log.debug("four is not wanted")
    assert second.next().text == "three"
    assert logs.state().lines == {"debug": 1, "info": 1, "warn": 1, "error": 0, "critical": 0}
    logs.change(MainSettings(log_file=False), is_debug=False)
    log.info("five goes nowhere")
    assert logs.state().lost == {"file": 0, "syslog": 0}
    logs.close()
    for receiver in (first, second):
        receiver.close()
        assert receiver.messages.empty()


def test_authorities_that_can_not_be_read_change_nothing(tmp_path: Path) -> None:
    receiver = Receiver()
    logs = Logging()
    log = Logger(namespace="authproxy.test", observer=logs)
    logs.change(main_settings(receiver), is_debug=False)
    broken = SyslogSettings("localhost", 6514, "tls", tmp_path / "none.pem")
    with pytest.raises(ConfigError, match="syslog_ca_certs_file"):
        logs.change(MainSettings(log_file=False, syslog=broken), is_debug=False)
    log.info("still here")
    assert receiver.next().text == "still here"
    logs.close()
    receiver.close()
