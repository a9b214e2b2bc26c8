"""What a directory has said, kept until all of it is known: in a file without a name, however many they are."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType

from authproxy.errors import StoreUnavailable
from authproxy.secondfactor.roster import Entry


class Spool:
    """``with Spool(directory) as spool``. Raises StoreUnavailable where nothing can be written."""

    def __init__(self, directory: Path) -> None:
        self._count = 0
        try:
            self._file = tempfile.TemporaryFile("w+", dir=directory, encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise StoreUnavailable(f"{directory}: {error.strerror}") from error

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def write(self, entry: Entry) -> None:
        row = [entry.key, entry.dn, dict(entry.values), entry.groups, entry.is_active, entry.oddities]
        try:
            self._file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise StoreUnavailable(f"what the directory says can't be kept: {error.strerror}") from error
        self._count += 1

    def batches(self, size: int) -> Iterator[list[Entry]]:
        self._file.flush()
        self._file.seek(0)
        entries = map(_entry, self._file)
        while batch := list(islice(entries, size)):
            yield batch


def _entry(line: str) -> Entry:
    key, dn, values, groups, is_active, oddities = json.loads(line)
    texts = {field: tuple(found) for field, found in values.items()}
    return Entry(key, dn, texts, tuple(groups), is_active, tuple(oddities))
