"""The panel's first page: how many logins there were, how they ended, how long they took, and why some failed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from authproxy.secondfactor.login_figures import WINDOWS, Figures
from authproxy.secondfactor.roles import Permission
from authproxy.web.admin.administrators import is_lonely
from authproxy.web.admin.page import Entry, Page
from authproxy.web.admin.visit import Visit
from authproxy.web.pages.catalogue import _
from authproxy.web.pages.plots import Plot, Series, level_bars, lines, stacked_bars

_MOST_FACTORS: Final = 5
_MOST_FAILURES: Final = 8
_DEFAULT: Final = "day"
_RESULTS: Final = ("accept", "reject", "challenge")


_WORDS: Final = {"accept": _("accepted"), "reject": _("rejected"), "challenge": _("challenged")}


async def show(visit: Visit) -> Response:
    name = visit.query.get("window", _DEFAULT)
    window = WINDOWS.get(name, WINDOWS[_DEFAULT])
    counts = visit.rooms.figures
    figures = await counts.of(window) if counts is not None and visit.may(Permission.VIEW_LOGS) else None
    return visit.render(
        "admin/dashboard.html",
        is_lonely=await is_lonely(visit),
        plots=[] if figures is None else plots(figures, visit.gettext),
        figures=figures,
        window=name if name in WINDOWS else _DEFAULT,
        pending=visit.rooms.pending(),
        report=visit.rooms.status(),
    )


def plots(figures: Figures, gettext: Callable[[str], str]) -> list[Plot]:
    """In the order of the page."""
    labels = [_label(stretch.begin, figures.window.stretch) for stretch in figures.stretches]
    when = gettext(_("From (UTC)"))
    by_result = [
        Series(gettext(_WORDS[result]), [stretch.total(result=result) for stretch in figures.stretches])
        for result in _RESULTS
    ]
    factors = figures.factors(_MOST_FACTORS)
    by_factor = [
        Series(gettext(factor), [stretch.total(result="accept", factor=factor) for stretch in figures.stretches])
        for factor in factors
    ]
    slow = [
        Series(gettext(_("half of them")), [stretch.middle for stretch in figures.stretches]),
        Series(gettext(_("95 of 100")), [stretch.slow for stretch in figures.stretches]),
    ]
    told = gettext(_("%(accepted)d logins were accepted and %(rejected)d rejected")) % {
        "accepted": figures.total("accept"),
        "rejected": figures.total("reject"),
    }
    failures = figures.failures(_MOST_FAILURES)
    return [
        stacked_bars("results", gettext(_("Logins by result")), told, when, labels, by_result),
        stacked_bars(
            "factors", gettext(_("Accepted logins by factor")), ", ".join(one.name for one in by_factor), when,
            labels, by_factor,
        ),
        lines(
            "latency", gettext(_("Seconds from request to answer, people's time included")),
            gettext(_("Of up to 200 accepted logins of each stretch of time")), when, labels, slow, " s",
        ),
        level_bars(
            "failures", gettext(_("Why logins were rejected")),
            ", ".join(f"{reason}: {number}" for reason, number in failures),
            (gettext(_("Reason")), gettext(_("Logins"))), failures,
        ),
    ]  # fmt: skip


def _label(begin: float, stretch: int) -> str:
    shown = datetime.fromtimestamp(begin, UTC)
    return shown.strftime("%H:%M") if stretch <= 3600 else shown.strftime("%d. %H:%M")


PAGES: Final[tuple[Page, ...]] = (Page("GET", "/admin/", Entry.ADMINISTRATOR, show),)
