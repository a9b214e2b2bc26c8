"""QR codes, as pages and clients show them."""

from __future__ import annotations

import io

import segno

_QUIET = 4  # modules around it, ISO/IEC 18004 6.3.8


def inline(text: str, title: str) -> str:
    """An SVG for a page, with a light ground of its own also where the page is dark; ``title`` is escaped."""
    code = segno.make(text, error="m")
    svg = code.svg_inline(scale=4, border=_QUIET, dark="#000", light="#fff", title=title, omitsize=True)
    return str(svg).replace("<svg ", '<svg role="img" ', 1)


def png(text: str) -> bytes:
    drawn = io.BytesIO()
    segno.make(text, error="m").save(drawn, kind="png", scale=6, border=_QUIET)
    return drawn.getvalue()
