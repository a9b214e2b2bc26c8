"""docs/commands.md, taken apart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text("utf-8")


def sections() -> dict[str, str]:
    """``user add`` to what the page says of it."""
    parts = re.split(r"^#+ ", PAGE, flags=re.MULTILINE)
    titled = (part.partition("\n") for part in parts)
    return {
        title.removeprefix("`authproxy ").rstrip("`"): text
        for title, _, text in titled
        if title.startswith("`auth")
    }


def documented_keys(name: str) -> set[str]:
    told = sections()[name].partition("JSON: ")[2].partition("; when rows are bad")[0]
    return set(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", told)))


def keys(shown: Any) -> set[str]:
    match shown:
        case dict():
            return set(shown).union(*map(keys, shown.values()))
        case list():
            return set().union(*map(keys, shown))
    return set()
