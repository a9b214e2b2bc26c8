"""The files of the phone's app, read once and kept in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

FOLDER: Final = Path(__file__).parents[1] / "static" / "phone"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class AppFile:
    """Answers GET and HEAD; browsers ask each time whether theirs is still the newest."""

    content: bytes
    media_type: str
    tag: str

    @classmethod
    def read(cls, path: Path) -> AppFile:
        content = path.read_bytes()
        return cls(content, _TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:20]}"')

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"ETag": self.tag, "Cache-Control": "no-cache"}
        if Request(scope).headers.get("if-none-match") == self.tag:
            response = Response(status_code=304, headers=headers)
        else:
            response = Response(self.content, media_type=self.media_type, headers=headers)
            response.headers["content-type"] = self.media_type
        await response(scope, receive, send)


def app_files() -> dict[str, AppFile]:
    """By name."""
    return {path.name: AppFile.read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}
