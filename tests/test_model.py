from authproxy.model import AuthRequest, Passcode, Trail, new_login_id
from authproxy.secret import Secret


def test_login_ids_are_ten_characters_without_lookalikes_and_do_not_repeat() -> None:
    ids = {new_login_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(one) == 10 and not set(one) & set("01IO") for one in ids)


def test_neither_password_nor_code_nor_secret_shows_in_a_representation() -> None:
    request = AuthRequest("ID", "s", "alice", b"canary", "192.0.2.1", None, Trail(lambda: 0.0))
    assert "canary" not in repr((request, Passcode("canary"), Secret("canary"), str(Secret("canary"))))


def test_trail_notes_seconds_since_the_login_began() -> None:
    times = iter([10.0, 10.5])
    trail = Trail(lambda: next(times))
    trail.add("primary", "ok")
    assert trail.steps[0].at == 0.5
