"""How a change is told in the administrators' log."""

from __future__ import annotations

from authproxy.web.admin.audit import Line, lines


def test_what_was_replaced_is_told_with_what_was_before() -> None:
    detail = {"before": {"status": "active", "name": "ann"}, "after": {"status": "disabled", "name": "ann"}}
    assert lines(detail) == [Line("status", "active", "disabled")]


def test_moments_are_told_as_people_read_them() -> None:
    made = {"phone": "DPXYZ", "expires": 1_796_076_000.5, "uses": 3}
    assert lines(made) == [
        Line("phone", None, "DPXYZ"),
        Line("expires", None, "2026-11-30 22:00:00 UTC"),
        Line("uses", None, "3"),
    ]
    detail = {"before": {"locked_until": 1_796_076_000.0}, "after": {"locked_until": None}}
    assert lines(detail) == [Line("locked_until", "2026-11-30 22:00:00 UTC", "-")]
