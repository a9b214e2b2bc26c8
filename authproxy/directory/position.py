"""Up to where a directory has been read, and the filter for what came after. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from authproxy.model import JsonValue
from authproxy.secondfactor.roster import Cursor

_OVERLAP = timedelta(minutes=5)  # what was written elsewhere and came here late has an older stamp
_STAMP = "%Y%m%d%H%M%SZ"


@dataclass(slots=True)
class Position:
    """``filter`` empty: everybody is to be read. ``newest``: the highest stamp so far, of OpenLDAP."""

    filter: str = ""
    reached: dict[str, JsonValue] = field(default_factory=dict)
    newest: str = ""

    def saw(self, stamp: bytes | None) -> None:
        text = _stamp(stamp)
        if text > self.newest:
            self.newest = text

    def cursor(self) -> Cursor:
        return self.reached or ({"stamp": self.newest} if self.newest else {})


def ad_position(cursor: Cursor, invocation: str, highest: bytes | None, group_usns: Sequence[bytes]) -> Position:
    """Change numbers are one domain controller's own: with another, or one that was restored (it has another
    ``invocationId`` then, MS-ADTS 3.1.1.1.9), everybody is read. So they are when a group has changed."""
    usn, last = _number(highest), cursor.get("usn")
    reached: dict[str, JsonValue] = {"invocation": invocation, "usn": usn} if invocation and usn else {}
    is_ours = bool(reached) and cursor.get("invocation") == invocation
    if not is_ours or not isinstance(last, int) or usn < last or any(_number(each) > last for each in group_usns):
        return Position("", reached)
    return Position(f"(uSNChanged>={last + 1})", reached)


def stamp_position(cursor: Cursor, group_stamps: Sequence[bytes]) -> Position:
    """By ``modifyTimestamp`` (RFC 4512 3.4.4), with some overlap."""
    newest = max(map(_stamp, group_stamps), default="")
    last = cursor.get("stamp")
    is_known = isinstance(last, str) and _stamp(last.encode()) == last
    if not is_known or newest > str(last):
        return Position("", newest=newest)
    since = datetime.strptime(str(last), _STAMP).replace(tzinfo=UTC) - _OVERLAP
    return Position(f"(modifyTimestamp>={since:%Y%m%d%H%M%SZ})", newest=str(last))


def _number(value: bytes | None) -> int:
    return int(value) if value and value.isdigit() else 0


def _stamp(value: bytes | None) -> str:
    """A GeneralizedTime without fraction, as such; empty: it is none."""
    text = (value or b"").decode("ascii", "replace")
    text = text[:14] + "Z" if len(text) > 15 and text[14] in ".," and text.endswith("Z") else text
    try:
        datetime.strptime(text, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return ""
    return text
