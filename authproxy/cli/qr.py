"""QR codes of what only one person may see: on the terminal, and in files."""

from __future__ import annotations

import os
from pathlib import Path

from authproxy.secondfactor.refusals import NotDone


def print_qr(text: str) -> None:
    import segno

    segno.make(text, error="m").terminal(compact=True)


def write_qr(text: str, svg: Path | None, png: Path | None) -> None:
    """New files, readable by this user only: whoever sees the picture has the device."""
    import segno

    code = segno.make(text, error="m")
    written: list[Path] = []
    for path, kind in ((svg, "svg"), (png, "png")):
        if path is None:
            continue
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                written.append(path)
                code.save(file, kind=kind, scale=6, border=4)
        except OSError as error:
            for made in written:
                made.unlink()
            raise NotDone(f"the QR code can't be written to {path}: {error.strerror}") from None
