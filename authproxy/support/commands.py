"""What support staff ask of the running daemon by its control socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from authproxy.errors import AuthproxyError
from authproxy.metrics import Metrics
from authproxy.model import JsonValue
from authproxy.support.desk import SupportDesk
from authproxy.support.figures import snapshot
from authproxy.support.watchlist import DEFAULT_MINUTES

Details = Mapping[str, object]
Told = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class SupportCommands:
    """``seconds``: a monotonic clock."""

    desk: SupportDesk
    metrics: Metrics
    seconds: Callable[[], float]

    def named(self) -> dict[str, Callable[[Details], Told]]:
        return {"primary-only": self.primary_only, "debug": self.debug, "figures": self.figures}

    def primary_only(self, details: Details) -> Told:
        """Reads the file anew."""
        mode = self.desk.primary_only
        mode.read()
        why = mode()
        return {"done": True, "text": f"on {why}" if why else "off", "on": bool(why)}

    def debug(self, details: Details) -> Told:
        """``action``: on (with minutes, user, client, section), off, or nothing: tells what is watched."""
        watchlist = self.desk.watchlist
        match details.get("action", "status"):
            case "on":
                minutes = details.get("minutes", DEFAULT_MINUTES)
                named = {name: str(details.get(name) or "") for name in ("user", "client", "section")}
                try:
                    watchlist.add(float(minutes) if isinstance(minutes, int | float) else 0.0, **named)
                except AuthproxyError as error:
                    return {"done": False, "text": str(error)}
            case "off":
                watchlist.clear()
        watches: list[JsonValue] = [
            {
                "user": watch.user,
                "client": str(watch.client or ""),
                "section": watch.section,
                "seconds_left": round(watchlist.left(watch)),
            }
            for watch in watchlist.active()
        ]
        return {"done": True, "text": f"{len(watches)} watches", "watches": watches}

    def figures(self, details: Details) -> Told:
        return {"done": True, "text": "", "figures": snapshot(self.metrics, self.seconds())}
