"""``authproxy device``: code generators."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from authproxy.cli.context import Shell, Shown, service_command
from authproxy.cli.moments import iso
from authproxy.cli.qr import print_qr, write_qr
from authproxy.secondfactor import devices
from authproxy.secondfactor.audit import note, shell_actor
from authproxy.secondfactor.devices import DeviceRow, NewDevice
from authproxy.secondfactor.refusals import NotDone
from authproxy.secondfactor.users import User, find_user


@click.group("device")
def command() -> None:
    """Devices that make one-time codes."""


@command.command("add-totp")
@click.argument("user")
@click.option("--name", default="", help="how the device is called in lists and logs")
@click.option("--digits", type=click.Choice(["6", "8"]), default="6", show_default=True)
@click.option("--step", type=int, default=30, show_default=True, help="seconds that a code is shown")
@click.option("--qr", is_flag=True, help="print the QR code, also when the output is no terminal")
@click.option("--qr-svg", type=click.Path(path_type=Path), help="write the QR code to this SVG file")
@click.option("--qr-png", type=click.Path(path_type=Path), help="write the QR code to this PNG file")
@service_command
def add_totp(
    shell: Shell,
    user: str,
    name: str,
    digits: str,
    step: int,
    qr: bool,
    qr_svg: Path | None,
    qr_png: Path | None,
) -> None:
    """Add a time-based generator: an authenticator app, to be set up with the QR code."""
    with shell.writing() as connection:
        owner = find_user(connection, user, shell.mode)
        device = devices.add_totp(connection, owner, shell.seeds(), name, int(digits), step)
        note(connection, shell_actor(), "device add", owner.username, {"device": device.id, "kind": "totp"})
        write_qr(device.uri, qr_svg, qr_png)
    _show_new(shell, owner, device, qr)


@command.command("add-hotp")
@click.argument("user")
@click.option("--name", default="", help="how the device is called in lists and logs")
@click.option("--digits", type=click.Choice(["6", "8"]), default="6", show_default=True)
@service_command
def add_hotp(shell: Shell, user: str, name: str, digits: str) -> None:
    """Add a counter-based generator."""
    with shell.writing() as connection:
        owner = find_user(connection, user, shell.mode)
        device = devices.add_hotp(connection, owner, shell.seeds(), name, int(digits))
        note(connection, shell_actor(), "device add", owner.username, {"device": device.id, "kind": "hotp"})
    _show_new(shell, owner, device, qr=False)


@command.command("list")
@click.argument("user", required=False)
@service_command
def list_(shell: Shell, user: str | None) -> None:
    """List a user's devices, or everybody's: also the code generators of phones' apps."""
    with shell.reading() as connection:
        owner = find_user(connection, user, shell.mode) if user is not None else None
        rows = [as_json(device) for device in devices.list_devices(connection, owner)]
    columns = ["device_id", "username", "number", "kind", "name", "serial", "phone_id", "last_used"]
    shell.show_list("devices", rows, columns, "no devices")


@command.command("rename")
@click.argument("device_id")
@click.argument("name")
@service_command
def rename(shell: Shell, device_id: str, name: str) -> None:
    """Give a device another name."""
    with shell.writing() as connection:
        device = devices.find_device(connection, device_id)
        devices.rename_device(connection, device, name)
        after = devices.find_device(connection, device.id)
        note(connection, shell_actor(), "device rename", device.id, {"before": device.name, "after": after.name})
    shell.show(as_json(after), f"{after.id} is called {after.name}")


@command.command("delete")
@click.argument("device_id")
@service_command
def delete(shell: Shell, device_id: str) -> None:
    """Delete a device: lost, stolen, replaced."""
    with shell.writing() as connection:
        device = devices.find_device(connection, device_id)
        if device.origin == "hardware":
            raise NotDone(
                f"{device.id} is hardware token {device.serial}: `authproxy token unassign` takes it from a user, "
                "`token delete` forgets it"
            )
        devices.delete_device(connection, device)
        note(
            connection, shell_actor(), "device delete", device.username, {"device": device.id, "name": device.name}
        )
    shell.show({"deleted": device.id, "username": device.username}, f"deleted {device.name} of {device.username}")


# ---------------------------------------------------------------- what is shown


def as_json(device: DeviceRow) -> Shown:
    """The keys are an interface."""
    return {
        "device_id": device.id,
        "username": device.username,
        "number": device.position,
        "kind": device.kind,
        "origin": device.origin,
        "name": device.name,
        "serial": device.serial,
        "phone_id": device.phone_id,
        "digits": device.digits,
        "step": device.step,
        "created": iso(device.created),
        "last_used": iso(device.last_used),
    }


def _show_new(shell: Shell, owner: User, device: NewDevice, qr: bool) -> None:
    shown: Shown = {
        "device_id": device.id,
        "username": owner.username,
        "name": device.name,
        "secret": device.secret,
        "uri": device.uri,
    }
    shell.show(
        shown, f"added {device.name} ({device.id}) of {owner.username}\nsecret  {device.secret}\n{device.uri}"
    )
    if not shell.as_json and (qr or sys.stdout.isatty()):
        print_qr(device.uri)
