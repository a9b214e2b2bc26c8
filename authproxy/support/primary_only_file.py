"""``<state_dir>/primary-only.json``: passwords alone are enough for a while; until when, and who wanted it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from authproxy.errors import AuthproxyError

NAME: Final = "primary-only.json"
DEFAULT_MINUTES: Final = 60
MOST_MINUTES: Final = 240
_CLOCKS_DIFFER = 60.0
_LARGEST = 4096


class StateUnusable(AuthproxyError):
    """The file can't be written, read or removed."""


@dataclass(frozen=True, slots=True)
class PrimaryOnlyState:
    """Times in epoch seconds."""

    started: float
    until: float
    by: str

    def left(self, now: float) -> float:
        """Seconds; 0: it is over. A clock that was set back ends it, rather than make it last."""
        if now < self.started - _CLOCKS_DIFFER:
            return 0.0
        return max(min(self.until, self.started + MOST_MINUTES * 60.0) - now, 0.0)


def read_state(state_dir: Path) -> PrimaryOnlyState | None:
    """None: nobody has started it. Raises StateUnusable."""
    path = state_dir / NAME
    try:
        with path.open(encoding="utf-8") as file:
            told = json.loads(file.read(_LARGEST))
        return PrimaryOnlyState(float(told["started"]), float(told["until"]), str(told["by"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateUnusable(f"{path} can't be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        raise StateUnusable(f"{path} is damaged: `authproxy primary-only stop` removes it") from None


def write_state(state_dir: Path, state: PrimaryOnlyState) -> None:
    """On disk when it returns, and the daemon's, whoever writes it. Raises StateUnusable."""

    def write() -> None:
        owner = state_dir.stat()
        with tempfile.NamedTemporaryFile("w", dir=state_dir, prefix=".primary", delete=False) as file:
            if os.geteuid() == 0:
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(json.dumps(asdict(state)))
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(state_dir / NAME)

    _attempt(write, state_dir / NAME, "written")


def remove_state(state_dir: Path) -> bool:
    """Whether there was one. Raises StateUnusable."""
    path = state_dir / NAME
    was_there = False
    with suppress(OSError):
        was_there = path.exists()
    _attempt(lambda: path.unlink(missing_ok=True), path, "removed")
    return was_there


def _attempt(work: Callable[[], None], path: Path, what: str) -> None:
    try:
        work()
    except OSError as error:
        raise StateUnusable(f"{path} can't be {what}: {error.strerror}") from None
