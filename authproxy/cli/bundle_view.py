"""A support bundle on the side of whoever reads it: opened, shown, written to files. Nothing in it is trusted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from authproxy.errors import ConfigError

if TYPE_CHECKING:
    from authproxy.support.archive import Opened


def write_private(file: Path, data: bytes) -> None:
    """A new file, for this user only from its first byte on."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
    except OSError as error:
        raise ConfigError(f"can't write {file}: {error.strerror}") from None


def read_bundle(file: Path) -> bytes:
    from authproxy.support.recipient import decrypted

    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"can't read {file}: {error.strerror}") from None
    return data if data.startswith(b"\x1f\x8b") else decrypted(data)


def show_list(opened: Opened) -> None:
    for key, value in opened.manifest.items():
        if isinstance(value, str | int):
            click.echo(f"{printable(key):12} {printable(str(value))}")
    for name, data in opened.files.items():
        click.echo(f"{len(data):>12} {name}")
    left_out = opened.manifest.get("left_out")
    for entry in left_out if isinstance(left_out, list) else []:
        if isinstance(entry, dict):
            click.echo(f"{'left out':>12} {printable(str(entry.get('what')))}: {printable(str(entry.get('why')))}")


def show_file(opened: Opened, wanted: str) -> None:
    """Without control characters: what is in a log came from the network."""
    if wanted not in opened.files:
        raise ConfigError(f"there is no {wanted!r} in the bundle; there are: {', '.join(opened.files)}")
    for line in opened.files[wanted].decode("utf-8", "backslashreplace").splitlines():
        click.echo(printable(line))


def printable(text: str) -> str:
    return "".join(char if char.isprintable() or char == "\t" else f"\\x{ord(char):02x}" for char in text)


def extract(opened: Opened, directory: Path) -> None:
    """Into a directory that was not there before: nothing is overwritten, no link is followed."""
    try:
        directory.mkdir(mode=0o700)
        for name, data in opened.files.items():
            file = directory / name
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(file, data)
    except OSError as error:
        raise ConfigError(f"can't extract to {directory}: {error.strerror}") from None
    click.echo(f"{len(opened.files)} files were written to {directory}")
