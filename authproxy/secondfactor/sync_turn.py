"""Only one sync of a directory at a time, whichever process it is in."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from authproxy.errors import StoreUnavailable
from authproxy.secondfactor.refusals import NotDone


class AlreadyRunning(NotDone):
    """The directory is being read."""


@contextmanager
def turn(state_dir: Path, directory_id: str) -> Iterator[None]:
    """Ends with the process at the latest, however that ends. Raises AlreadyRunning, StoreUnavailable."""
    file = state_dir / f"sync-{directory_id}.lock"
    try:
        held = file.open("a")
    except OSError as error:
        raise StoreUnavailable(f"{file}: {error.strerror}") from error
    with held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunning("a sync of this directory is running already") from None
        yield
