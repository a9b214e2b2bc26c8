"""Open pages of phones, told when something has changed for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Hears = Callable[[str], None]
"""Given the serial of the phone that should look; must not raise."""


class Listening:
    """One open page: the phones that live in it."""

    __slots__ = ("ended", "hears", "serials")

    def __init__(self, serials: Mapping[str, str], hears: Hears, ended: Callable[[], None]) -> None:
        self.serials = serials
        self.hears = hears
        self.ended = ended


class PhoneBus:
    def __init__(self) -> None:
        self._by_phone: dict[str, list[Listening]] = {}
        self._is_closed = False

    def listen(self, serials: Mapping[str, str], hears: Hears, ended: Callable[[], None]) -> Listening:
        """``serials``: by phone ID. ``ended`` is called when the service stops."""
        page = Listening(serials, hears, ended)
        for phone_id in serials:
            self._by_phone.setdefault(phone_id, []).append(page)
        if self._is_closed:
            ended()
        return page

    def leave(self, page: Listening) -> None:
        for phone_id in page.serials:
            pages = self._by_phone.get(phone_id, [])
            if page in pages:
                pages.remove(page)
            if not pages:
                self._by_phone.pop(phone_id, None)

    def changed(self, phone_id: str) -> bool:
        """Whether a page was there to hear it."""
        pages = self._by_phone.get(phone_id, ())
        for page in tuple(pages):
            page.hears(page.serials[phone_id])
        return bool(pages)

    def close(self) -> None:
        """Ends every page's stream."""
        self._is_closed = True
        for page in {id(page): page for pages in self._by_phone.values() for page in pages}.values():
            page.ended()

    def __len__(self) -> int:
        """Phones that are open."""
        return len(self._by_phone)
