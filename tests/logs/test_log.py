import io
import json
from pathlib import Path

import pytest
from twisted.logger import Logger, LogLevel

from authproxy.config.settings import MainSettings
from authproxy.errors import ConfigError
from authproxy.linefile import LineFile
from authproxy.log import Lines, Wanted, start_logging
from authproxy.log_text import JsonLine, Stamp, TextLine
from authproxy.login_logger import LoginLogger


def logged(form: TextLine | JsonLine, text: str, level: LogLevel = LogLevel.info, **fields: object) -> str:
    lines: list[str] = []
    publisher = Wanted(LogLevel.info, Lines(form, lines.append))
    Logger(namespace="authproxy.test", observer=publisher).emit(level, text, **fields)
    return "\n".join(lines)


def test_a_text_line_begins_with_an_iso_time_and_carries_the_login_id() -> None:
    line = logged(TextLine(), "{section}: hello", section="radius_server_auto", login="K7Q2ABCDEF")
    assert line[4] == line[7] == "-"
    assert line[10] == "T"
    assert line.endswith("[info] [K7Q2ABCDEF] radius_server_auto: hello")


def test_a_json_line_holds_the_named_fields() -> None:
    shown = json.loads(logged(JsonLine(), "{user} came", user="jörg", login="K7Q2ABCDEF"))
    assert shown["message"] == "jörg came"
    assert (shown["login"], shown["user"], shown["level"]) == ("K7Q2ABCDEF", "jörg", "info")


def test_a_name_with_line_breaks_can_not_forge_a_second_line() -> None:
    line = logged(TextLine(), "user {name}", name="x\n2026-01-01T00:00:00 [info] Success\x1b[2J")
    assert len(line.splitlines()) == 1
    assert "\\n" in line
    assert "\x1b" not in line


def test_debug_events_and_the_frameworks_small_talk_are_left_out() -> None:
    assert logged(TextLine(), "detail", LogLevel.debug) == ""
    lines: list[str] = []
    publisher = Wanted(LogLevel.info, Lines(TextLine(), lines.append))
    Logger(namespace="twisted.internet", observer=publisher).info("Starting factory")
    Logger(namespace="twisted.internet", observer=publisher).warn("something is wrong")
    assert [line.rpartition("] ")[2] for line in lines] == ["something is wrong"]


def test_what_is_told_of_logins_reads_like_everything_else() -> None:
    lines: list[str] = []
    observer = Wanted(LogLevel.info, Lines(JsonLine(), lines.append))
    for logger in (Logger(observer=observer), LoginLogger(observer=observer)):
        logger.namespace = "authproxy.loginlog"
        logger.info("{username} came", username="alice", login="K7Q2ABCDEF")
    one, other = (json.loads(line) for line in lines)
    assert one.pop("time") <= other.pop("time")
    assert one == other


def test_the_stamp_is_utc_with_milliseconds() -> None:
    stamp = Stamp()
    assert stamp(0.25) == "1970-01-01T00:00:00.250+00:00"
    assert stamp(1.999) == "1970-01-01T00:00:01.999+00:00"


def test_files_rotate_at_the_size_and_only_so_many_are_kept(tmp_path: Path) -> None:
    file = LineFile(tmp_path / "authproxy.log", max_size=100, max_files=2)
    for number in range(40):
        file.write(f"line {number:03d} " + "x" * 20)
    file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "authproxy.log",
        "authproxy.log.1",
        "authproxy.log.2",
    ]
    assert "line 039" in (tmp_path / "authproxy.log").read_text() + (tmp_path / "authproxy.log.1").read_text()


def test_an_unwritable_log_directory_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file, not a directory")
    with pytest.raises(ConfigError, match=r"can't write the log file .*authproxy\.log.*log_dir"):
        LineFile(tmp_path / "log" / "authproxy.log", 0, 0)


def test_a_full_disk_costs_lines_and_complains_once() -> None:
    complaints = io.StringIO()
    file = LineFile(Path("/dev/full"), 0, 0, complaints)
    for _ in range(100):
        file.write("lost")
    assert file.lost == 100
    assert complaints.getvalue().count("\n") == 1
    assert "/dev/full" in complaints.getvalue()
    file.close()


def test_unwritable_log_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    with pytest.raises(ConfigError):
        start_logging(MainSettings(log_dir=tmp_path / "log"), is_debug=False)
