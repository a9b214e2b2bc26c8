"""A bundle as a file: ``tar.gz`` with a manifest that has the SHA-256 of each file; written here, read anywhere.

Whoever opens one trusts nothing in it: names lead nowhere else, sizes are bounded, and what the manifest does not
vouch for is told.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from authproxy.errors import AuthproxyError
from authproxy.model import JsonValue

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
_MOST_FILES = 200
_MOST_BYTES = 512 * 1024 * 1024
_NAME = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,99}/){0,3}[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\Z")


class BadBundle(AuthproxyError):
    """The file is no bundle, or one that was tampered with."""


@dataclass(slots=True)
class Collected:
    """What goes into a bundle, and what was left out and why."""

    files: dict[str, bytes] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, text: str) -> None:
        self.files[name] = text.encode("utf-8", "backslashreplace")

    def leave_out(self, what: str, why: str) -> None:
        self.left_out.append((what, why))


def pack(collected: Collected, about: Mapping[str, JsonValue], now: float) -> bytes:
    """``about`` comes first in the manifest. ``now``: epoch seconds."""
    listed: list[JsonValue] = [
        {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in collected.files.items()
    ]
    left_out: list[JsonValue] = [{"what": what, "why": why} for what, why in collected.left_out]
    manifest = {
        "format": FORMAT,
        "made": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(now)),
        **about,
        "files": listed,
        "left_out": left_out,
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in {MANIFEST: text, **collected.files}.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(data), 0o600, int(now)
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle that was read. ``problems``: where files and manifest disagree."""

    manifest: Mapping[str, JsonValue]
    files: Mapping[str, bytes]
    problems: tuple[str, ...]


def unpack(packed: bytes) -> Opened:
    """Raises BadBundle for what is no bundle at all, and for names that lead elsewhere."""
    files = _members(packed)
    try:
        manifest = json.loads(files.pop(MANIFEST))
        listed = {entry["name"]: entry["sha256"] for entry in manifest["files"]}
    except (KeyError, TypeError, ValueError, RecursionError):
        raise BadBundle("it has no manifest that can be read: this is no support bundle") from None
    problems = [f"{name}: is in the manifest, but missing" for name in listed if name not in files]
    for name, data in files.items():
        if name not in listed:
            problems.append(f"{name}: is not in the manifest")
        elif listed[name] != hashlib.sha256(data).hexdigest():
            problems.append(f"{name}: is not what it was when the manifest was written")
    return Opened(manifest, files, tuple(problems))


def _members(packed: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    plain = io.BytesIO(_inflated(packed))
    try:
        with tarfile.open(fileobj=plain, mode="r:") as archive:
            for member in archive:
                if not member.isreg() or not _NAME.match(member.name):
                    raise BadBundle(f"{member.name[:200]!r} has no place in a support bundle: nothing was opened")
                if member.name in files or len(files) >= _MOST_FILES:
                    raise BadBundle("a name comes twice, or there are too many files: nothing was opened")
                content = archive.extractfile(member)
                files[member.name] = content.read() if content is not None else b""
    except (tarfile.TarError, EOFError) as error:
        raise BadBundle(f"it can't be unpacked: {error}") from None
    return files


def _inflated(packed: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            plain = stream.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadBundle(f"it can't be unpacked: {error}") from None
    if len(plain) > _MOST_BYTES:
        raise BadBundle("it is far larger than any support bundle: nothing was opened")
    return plain
