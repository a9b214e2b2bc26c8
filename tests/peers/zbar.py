"""zbar, which reads QR codes from pictures as a phone's camera does."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def require_zbar() -> None:
    """Skips the test without it, or fails it where CI=true."""
    if shutil.which("zbarimg") is not None:
        return
    message = "no zbarimg: apt-get install zbar-tools"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def read_qr(png: bytes) -> str:
    """The one code in the picture."""
    require_zbar()
    done = subprocess.run(
        ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", "-"],
        input=png,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().rstrip("\n")
