"""Whether something sets this host's clock: adjtimex(2), which any user may ask."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable

from authproxy.support.findings import Findings

_TIME_ERROR = 5  # the kernel's word for a clock that nobody has set lately
_SIZE = 512  # of struct timex, and more
_EARLIEST = 1_767_225_600  # 2026: before that, it was never set


def kernel_clock_state() -> int:
    """-1 where it can't be asked. Zero ``modes``, the first field, change nothing."""
    buffer = ctypes.create_string_buffer(_SIZE)
    try:
        return int(ctypes.CDLL(None, use_errno=True).adjtimex(buffer))
    except (OSError, AttributeError):
        return -1


def probe_clock(
    findings: Findings, state: Callable[[], int] = kernel_clock_state, now: Callable[[], float] = time.time
) -> None:
    text = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now()))
    if now() < _EARLIEST:
        findings.error("clock", f"it is {text}", "set it: no passcode of today can be right")
    match state():
        case -1:
            findings.info("clock", f"it is {text}; whether it is synchronized can't be told")
        case number if number == _TIME_ERROR:
            advice = "let chrony or systemd-timesyncd set it: passcodes depend on the time"
            findings.warn("clock", f"it is {text}, not synchronized", advice)
        case _:
            findings.info("clock", f"it is {text}, synchronized ({os.uname().nodename})")
