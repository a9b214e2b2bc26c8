"""``python -m authproxy.web.pages.messages``: brings the catalogues up to date with what templates and code say.

Texts that nobody has translated yet stay empty, and are shown in English until somebody does.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from authproxy.web.pages.catalogue import FOLDER
from authproxy.web.pages.words import words

_PACKAGE: Final = Path(__file__).parents[2]
_METHODS: Final = [
    ("web/templates/**.html", "jinja2"),
    ("messaging/mail_texts/**", "jinja2"),
    ("**.py", "python"),
]
_OPTIONS: Final = {"web/templates/**.html": {"trimmed": "true"}, "messaging/mail_texts/**": {"trimmed": "true"}}
_UNSAID: Final = tuple(
    b'"' + name for name in (b"POT", b"PO-", b"Generated", b"Report", b"Last-", b"Language-Team", b"Project")
)
_KEYWORDS: Final = {"_": None, "gettext": None, "said": None, "ngettext": (1, 2)}


def texts() -> Catalog:
    """All that is said, without translations."""
    found = Catalog(project="authproxy", fuzzy=False)
    for _file, _line, message, _comments, _context in _extracted():
        found.add(message)
    for word in words():
        found.add(word)
    return found


def _extracted() -> Iterator[tuple[str, int, str | tuple[str, ...], list[str], str | None]]:
    yield from extract_from_dir(_PACKAGE, _METHODS, _OPTIONS, keywords=_KEYWORDS)


def updated(po: Path) -> bytes:
    """The catalogue as it is to be: what is said no more is left out."""
    with po.open("rb") as file:
        old = read_po(file, locale=po.stem)
    made = Catalog(locale=po.stem, project="authproxy", header_comment="", fuzzy=False)
    for message in texts():
        if message.id:
            known = old.get(message.id if isinstance(message.id, str) else message.id[0])
            made.add(message.id, known.string if known is not None else None, flags=message.flags)
    out = io.BytesIO()
    write_po(out, made, omit_header=False, sort_output=True, width=0)
    return b"\n".join(line for line in out.getvalue().split(b"\n") if not line.startswith(_UNSAID)).lstrip()


if __name__ == "__main__":
    for path in sorted(FOLDER.glob("*.po")):
        path.write_bytes(updated(path))
