"""What is different between two configuration files: names of sections and options, never a value. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from authproxy.config import ini

Entries = Mapping[str, Mapping[str, str]]
"""Section to option to value, as written."""


def entries(document: ini.Document) -> Entries:
    return {section.name: {entry.key: entry.value for entry in section.entries} for section in document.sections}


def changes(before: Entries, after: Entries) -> list[str]:
    """A line for each section that is different, in the order of the file."""
    lines = []
    for section, options in after.items():
        if section not in before:
            lines.append(f"[{section}] added")
            continue
        was = before[section]
        names = [name for name in {**options, **was} if options.get(name) != was.get(name)]
        if names:
            lines.append(f"[{section}] changed: {', '.join(names)}")
    lines += [f"[{section}] removed" for section in before if section not in after]
    return lines
