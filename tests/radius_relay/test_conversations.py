"""What a State of ours stands for between two requests, and for how long."""

from __future__ import annotations

from dataclasses import replace

from authproxy.model import AuthRequest, Conversation, Trail
from authproxy.radius.conversations import Conversations, Pause


class Table:
    """Conversations with a clock to set, and what was lost of them."""

    def __init__(self, capacity: int = 4, capacity_of_one: int = 2) -> None:
        self.now = 0.0
        self.lost: list[Pause] = []
        self.conversations = Conversations(
            lambda: self.now, self.lost.append, capacity=capacity, capacity_of_one=capacity_of_one
        )

    def request(self, name: str = "anna", nas: str = "192.0.2.1", method: str = "EAP") -> AuthRequest:
        trail = Trail(lambda: self.now)
        return AuthRequest("NEW", "auto", name, b"", nas, None, trail, conversation=Conversation(method))

    def pause(self, name: str = "anna", login_id: str = "FIRST") -> bytes:
        return self.conversations.pause(replace(self.request(name), login_id=login_id))

    def resume(self, state: bytes, **who: str) -> AuthRequest | None:
        return self.conversations.resume(state, self.request(**who))


def test_state_is_printable_and_stands_for_its_login_once() -> None:
    table = Table()
    begun = table.request()
    state = table.conversations.pause(replace(begun, login_id="FIRST"))
    assert len(state) == 24
    assert state.decode().isprintable()
    resumed = table.resume(state)
    assert resumed is not None
    assert resumed.login_id == "FIRST"
    assert (resumed.conversation, resumed.trail) == (begun.conversation, begun.trail)
    assert table.resume(state) is None


def test_state_is_nobody_elses_and_stays_good_for_its_owner() -> None:
    table = Table()
    state = table.pause()
    assert table.resume(state, name="bob") is None
    assert table.resume(state, nas="192.0.2.2") is None
    assert table.resume(state, method="MS-CHAPv2") is None
    assert table.resume(state[:-1]) is None
    assert table.resume(b"") is None
    assert table.resume(state) is not None


def test_state_is_forgotten_after_a_minute_and_that_is_told_once() -> None:
    table = Table()
    state = table.pause(login_id="LEFT")
    table.now = 59.9
    later = table.pause()
    table.now = 60.0
    assert table.resume(state) is None
    table.pause("bob")
    assert [pause.login_id for pause in table.lost] == ["LEFT"]
    assert table.resume(later) is not None


def test_oldest_goes_when_there_are_too_many() -> None:
    table = Table(capacity=4, capacity_of_one=2)
    first, second, third = (table.pause("anna", str(number)) for number in range(3))
    assert table.resume(first) is None  # one name has two
    others = [table.pause(f"user{number}") for number in range(3)]
    assert len(table.conversations) == 4
    assert table.resume(second) is None  # the oldest of all
    assert all(table.resume(state) for state in (third,))
    assert table.resume(others[0], name="user0") is not None
    assert [pause.login_id for pause in table.lost] == ["0", "1"]


def test_nothing_is_kept_of_what_is_over() -> None:
    table = Table(capacity=100, capacity_of_one=100)
    for number in range(1000):
        assert table.resume(table.pause(f"user{number % 7}"), name=f"user{number % 7}") is not None
    assert len(table.conversations) == 0
    assert table.conversations._of_owner == {}
