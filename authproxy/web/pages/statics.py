"""Files that pages share: ``/static/NAME``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.routing import Route

from authproxy.web.phone.files import AppFile

FOLDER: Final = Path(__file__).parents[1] / "static" / "pages"


def routes() -> list[Route]:
    return [
        Route(f"/static/{path.name}", AppFile.read(path), methods=["GET"]) for path in sorted(FOLDER.iterdir())
    ]
