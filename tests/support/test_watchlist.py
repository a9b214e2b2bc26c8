"""Which logins are logged in detail, and until when."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from authproxy.support.watchlist import BadWatch, Watchlist


@pytest.mark.parametrize(
    ("watch", "login", "is_watched"),
    [
        ({"user": "Alice"}, ("s", "alice", "192.0.2.1", None), True),
        ({"user": "alice"}, ("s", "CORP\\ALICE", "192.0.2.1", None), True),
        ({"user": "alice"}, ("s", "alice@corp.example", "192.0.2.1", None), True),
        ({"user": "alice@corp.example"}, ("s", "alice@corp.example", "192.0.2.1", None), True),
        ({"user": "alice"}, ("s", "alicia", "192.0.2.1", None), False),
        ({"client": "192.0.2.1"}, ("s", "bob", "192.0.2.1", None), True),
        ({"client": "192.0.2.1"}, ("s", "bob", "10.0.0.1", "192.0.2.1"), True),
        ({"client": "192.0.2.0/24"}, ("s", "bob", "192.0.2.77", None), True),
        ({"client": "2001:db8::/32"}, ("s", "bob", "2001:db8::9", None), True),
        ({"client": "192.0.2.1"}, ("s", "bob", "not an address", "None"), False),
        ({"section": "radius_server_auto"}, ("radius_server_auto", "bob", "10.0.0.1", None), True),
        ({"section": "radius_server_auto"}, ("radius_server_auto2", "bob", "10.0.0.1", None), False),
        ({"user": "alice", "client": "192.0.2.1"}, ("s", "alice", "192.0.2.2", None), False),
    ],
)
def test_a_login_is_watched_when_all_that_was_named_fits(
    watch: dict[str, str], login: tuple[str, str, str, str | None], is_watched: bool
) -> None:
    watchlist = Watchlist(Clock().seconds)
    watchlist.add(15, **watch)
    assert watchlist.has(*login) is is_watched


def test_a_watch_ends_by_itself_and_several_are_one_list() -> None:
    clock = Clock()
    watchlist = Watchlist(clock.seconds)
    assert not watchlist.has("s", "alice", "192.0.2.1", None)
    first = watchlist.add(1, user="alice")
    watchlist.add(2, user="bob")
    clock.advance(30)
    assert (watchlist.left(first), first.shown) == (30.0, "user alice")
    clock.advance(30)
    assert not watchlist.has("s", "alice", "192.0.2.1", None)
    assert watchlist.has("s", "bob", "192.0.2.1", None)
    assert watchlist.clear() == 1
    assert not watchlist.has("s", "bob", "192.0.2.1", None)


@pytest.mark.parametrize(
    ("minutes", "watch", "why"),
    [
        (15, {}, "name a user"),
        (0, {"user": "alice"}, "minutes"),
        (241, {"user": "alice"}, "minutes"),
        (15, {"client": "vpn.example"}, "no IP address"),
    ],
)
def test_what_would_watch_everybody_forever_or_nobody_is_refused(
    minutes: float, watch: dict[str, str], why: str
) -> None:
    watchlist = Watchlist(Clock().seconds)
    with pytest.raises(BadWatch, match=why):
        watchlist.add(minutes, **watch)
    assert watchlist.active() == ()


def test_there_is_an_end_to_watches() -> None:
    watchlist = Watchlist(Clock().seconds)
    for number in range(20):
        watchlist.add(15, user=f"user{number}")
    with pytest.raises(BadWatch, match="enough"):
        watchlist.add(15, user="one more")
