"""``authproxy application logo``: the picture that clients of the API show at a login."""

from __future__ import annotations

from pathlib import Path

import click

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.secondfactor.audit import note, shell_actor
from authproxy.secondfactor.logo import LARGEST, Picture, delete_logo, store_logo, stored_logo
from authproxy.secondfactor.refusals import NotDone, NotFound


@click.group("logo")
def command() -> None:
    """The picture that clients of the API show at a login: one for all applications."""


@command.command("set")
@click.argument("file", type=click.Path(path_type=Path))
@service_command
def set_(shell: Shell, file: Path) -> None:
    """Keep a PNG file as the logo, in place of the one before."""
    picture = Picture.of(_content(file))
    with shell.writing() as connection:
        store_logo(connection, picture)
        note(connection, shell_actor(), "logo set", "logo", {"bytes": len(picture.png)})
    shell.show(_as_json(picture), f"kept a logo of {picture.width} x {picture.height} pixels")


@command.command("show")
@click.option("--output", type=click.Path(path_type=Path), help="write the picture to this file")
@service_command
def show(shell: Shell, output: Path | None) -> None:
    """Tell how large the logo is."""
    with shell.reading() as connection:
        picture = stored_logo(connection)
    if picture is None:
        raise NotFound("there is no logo; `authproxy application logo set FILE` keeps one")
    if output is not None:
        _write(output, picture.png)
    shell.show_fields(_as_json(picture))


@command.command("delete")
@service_command
def delete(shell: Shell) -> None:
    """Delete the logo."""
    with shell.writing() as connection:
        if not delete_logo(connection):
            raise NotFound("there is no logo")
        note(connection, shell_actor(), "logo delete", "logo")
    shell.show({"deleted": "logo"}, "deleted the logo")


def _content(file: Path) -> bytes:
    """One byte more than is allowed is enough to say so."""
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST + 1)
    except OSError as error:
        raise NotDone(f"{file} can't be read: {error.strerror}") from None


def _write(file: Path, png: bytes) -> None:
    try:
        file.write_bytes(png)
    except OSError as error:
        raise NotDone(f"{file} can't be written: {error.strerror}") from None


def _as_json(picture: Picture) -> Shown:
    """The keys are an interface."""
    return {"width": picture.width, "height": picture.height, "bytes": len(picture.png)}
