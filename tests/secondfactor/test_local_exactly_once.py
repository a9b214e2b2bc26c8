"""A code is accepted exactly once: by copies at once, by two processes, after kill -9, on a full disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, gatherResults

from authproxy.errors import StoreUnavailable
from authproxy.model import Allowed, Reason, Refused
from authproxy.secondfactor.passcode import hotp
from tests.secondfactor.local_service import SEED, LocalService, enter, refused, totp


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    service = LocalService(tmp_path)
    yield service
    pytest_twisted.blockon(Deferred.fromCoroutine(service.stop()))


@pytest.mark.parametrize("kind", ["totp", "hotp", "bypass", "sms"])
@pytest_twisted.ensureDeferred
async def test_of_a_hundred_copies_of_one_login_exactly_one_is_let_in(service: LocalService, kind: str) -> None:
    user = service.add_user()
    if kind == "bypass":
        service.add_bypass(user, "123456789")
        code = "123456789"
    elif kind == "sms":
        code = service.add_sms_code(user, service.add_phone(user))
    else:
        service.add_device(user, kind=kind)
        code = totp() if kind == "totp" else hotp(SEED, 0)
    verdicts = await gatherResults([Deferred.fromCoroutine(enter(service, code)) for _ in range(100)])
    assert sum(isinstance(verdict, Allowed) for verdict in verdicts) == 1
    assert sum(refused(v, Reason.REUSED_PASSCODE) for v in verdicts if isinstance(v, Refused)) == 99
    assert service.value("SELECT failures FROM users") == 0


@pytest_twisted.ensureDeferred
async def test_a_code_is_not_accepted_when_it_cannot_be_used_up(service: LocalService) -> None:
    service.add_device(service.add_user())
    (service.state_dir / "authproxy.db").unlink()
    with pytest.raises(StoreUnavailable):
        await enter(service, totp())


IN_A_PROCESS = """
    import json, sys
    from pathlib import Path
    sys.path[:0] = json.loads(sys.argv[2])
    from twisted.internet import asyncioreactor
    asyncioreactor.install()
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred, gatherResults
    from tests.secondfactor.local_service import LocalService, ask, request, who
    from authproxy.errors import StoreUnavailable
    from authproxy.model import Allowed

    async def enter(service, name, code):
        try:
            verdict = await service.second_factor().begin(who(name), ask(code), request(name))
        except StoreUnavailable as error:
            print("FAULT", error, flush=True)
            return
        if isinstance(verdict, Allowed):
            print(name, code, flush=True)

    async def main():
        service = LocalService(Path(sys.argv[1]))
        print("ready", flush=True)
        exec(sys.stdin.readline())
        todo = [line.split() for line in Path(sys.argv[3]).read_text().splitlines()]
        for first in range(0, len(todo), 20):
            await gatherResults(
                [Deferred.fromCoroutine(enter(service, *pair)) for pair in todo[first : first + 20]]
            )
        await service.stop()

    def begin():
        done = Deferred.fromCoroutine(main())
        done.addErrback(lambda failure: print(failure.getTraceback()))
        done.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
"""


def entering(state_dir: Path, logins: Path) -> subprocess.Popen[str]:
    """A process that enters the codes in ``logins`` and prints those that were accepted."""
    program = textwrap.dedent(IN_A_PROCESS)
    command = [sys.executable, "-c", program, str(state_dir), json.dumps(sys.path), str(logins)]
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    return running


def hotp_logins(service: LocalService, tmp_path: Path, users: int, codes: int) -> Path:
    """Users with HOTP tokens and bypass codes, and the logins that they will try."""
    lines = []
    for n in range(users):
        name = f"user{n}"
        user = service.add_user(name)
        service.add_device(user, kind="hotp", seed=f"{n:020}".encode())
        service.add_bypass(user, f"9000000{n:02}")
        lines += [f"{name} {hotp(f'{n:020}'.encode(), code)}" for code in range(codes)] + [f"{name} 9000000{n:02}"]
    logins = tmp_path / "logins"
    logins.write_text("\n".join(lines))
    return logins


@pytest_twisted.ensureDeferred
async def test_two_processes_never_accept_the_same_code(service: LocalService, tmp_path: Path) -> None:
    logins = hotp_logins(service, tmp_path, users=10, codes=10)
    running = [entering(service.state_dir, logins) for _ in range(2)]
    for process in running:
        assert process.stdin is not None
        process.stdin.write("pass\n")
        process.stdin.flush()
    accepted = [line for process in running for line in process.communicate(timeout=60)[0].splitlines()]
    assert sorted(accepted) == sorted(set(accepted))
    assert [process.returncode for process in running] == [0, 0]
    assert service.value("SELECT min(counter) FROM devices") == 10
    assert sum(line.split()[1].startswith("9000000") for line in accepted) == 10


@pytest_twisted.ensureDeferred
async def test_no_accepted_code_is_accepted_again_after_kill_9(service: LocalService, tmp_path: Path) -> None:
    logins = hotp_logins(service, tmp_path, users=20, codes=30)
    running = entering(service.state_dir, logins)
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write("pass\n")
    running.stdin.flush()
    accepted = [running.stdout.readline() for _ in range(100)]
    os.kill(running.pid, signal.SIGKILL)
    accepted += running.stdout.read().splitlines(keepends=True)
    running.wait()
    running.stdin.close()
    running.stdout.close()
    whole = [line.split() for line in accepted if line.endswith("\n")]
    assert 100 <= len(whole) < 620
    fresh = LocalService(service.state_dir, lockout_after=0)
    for name, code in whole:
        assert isinstance(await enter(fresh, code, name), Refused)
    await fresh.stop()


@pytest_twisted.ensureDeferred
async def test_a_disk_that_fills_up_lets_nobody_in_who_could_come_again(
    service: LocalService, tmp_path: Path
) -> None:
    """RLIMIT_FSIZE makes the kernel refuse to let the database's log grow."""
    logins = hotp_logins(service, tmp_path, users=20, codes=30)
    wal = service.state_dir / "authproxy.db-wal"
    service.value("PRAGMA wal_checkpoint(TRUNCATE)")
    running = entering(service.state_dir, logins)
    limit = wal.stat().st_size + 60_000
    told, _ = running.communicate(
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n", timeout=60
    )
    accepted = [line.split() for line in told.splitlines() if not line.startswith("FAULT")]
    faults = [line for line in told.splitlines() if line.startswith("FAULT")]
    assert accepted
    assert faults
    assert "the disk" in faults[0]
    fresh = LocalService(service.state_dir, lockout_after=0)
    for name, code in accepted:
        assert isinstance(await enter(fresh, code, name), Refused)
    await fresh.stop()
