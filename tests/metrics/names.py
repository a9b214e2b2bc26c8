"""Which figures an expression of PromQL names, and which labels it asks of them."""

from __future__ import annotations

import re

_FIGURE = re.compile(r"\b(authproxy_\w+|process_\w+|up)\b(?:\{([^}]*)\})?")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_BY = re.compile(r"\bby\s*\(([^)]*)\)")
_OF_THE_SERVER = {"instance", "job", "le"}  # Prometheus adds these


def names_in(expression: str) -> list[tuple[str, set[str]]]:
    """Each figure with the labels in its own braces and, if it is the only one, in ``by (...)``."""
    found = [
        (match[1], set(_LABEL.findall(match[2] or "")) - _OF_THE_SERVER)
        for match in _FIGURE.finditer(re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression))
        if match[1] != "up"
    ]
    if len(found) == 1:
        grouped = {label.strip() for labels in _BY.findall(expression) for label in labels.split(",")}
        found = [(found[0][0], found[0][1] | (grouped - _OF_THE_SERVER - {""}))]
    return found
