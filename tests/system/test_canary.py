"""No secret that goes in comes out: not in logs, not in what commands print, not in the process list, not readable
in the database. Each secret is a text that occurs nowhere else."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from authproxy.cli import main
from tests.peers.ports import free_port
from tests.peers.radclient import Radclient
from tests.peers.slapd import BASE, Slapd
from tests.system.daemon import Daemon

SEED_KEY = base64.b64encode(b"canary-of-the-seed-key-32-bytes!").decode()
TOKEN_SEED = b"canary-hw-token-seed"
SECRETS = {
    "radius secret": "canary-radius",
    "upstream secret": "canary-upstream",
    "service account's password": "canary-service-account",
    "seed key": SEED_KEY,
    "seed key's bytes": base64.b64decode(SEED_KEY).decode(),
    "passphrase": "canary-passphrase",
    "protected secret": "canary-protected",
    "right password": "canary-right-0001",
    "wrong password": "canary-wrong",
    "password in the place of a code": "canary-misplaced",
    "mistyped option's secret": "canary-mistyped",
    "database password": "canary-database",
    "token's seed": TOKEN_SEED.hex(),
}
CONFIG = f"""\
[main]
debug=true
log_auth_events=true
log_stdout=true
log_stdout_format=text
[service]
state_dir={{state}}
seed_key={SEED_KEY}
gnupg_home={{gnupg}}
passphrase_file={{passphrase}}
[ad_client]
host=127.0.0.1
port={{ldap}}
auth_type=plain
bind_dn={Slapd.service_dn}
service_account_password={SECRETS["service account's password"]}
search_dn={BASE}
username_attribute=uid
[radius_client]
host=127.0.0.1
port={{nowhere}}
secret={SECRETS["upstream secret"]}
retries=0
retry_wait=0.2
[radius_server_auto]
client=ad_client
interface=127.0.0.1
port={{auto}}
radius_ip_1=127.0.0.1
radius_secret_1={SECRETS["radius secret"]}
[radius_server_challenge]
client=radius_client
interface=127.0.0.1
port={{upstream}}
radius_ip_1=127.0.0.1
radius_secret_1={SECRETS["radius secret"]}
[radius_server_duo_only]
interface=127.0.0.1
port={{only}}
radius_ip_1=127.0.0.1
"""
BROKEN = {
    "seed_key of a wrong length": ("seed_key=" + SEED_KEY, "seed_key=" + SECRETS["mistyped option's secret"]),
    "a mistyped option": ("radius_secret_1=", "radius_secrte_1=" + SECRETS["mistyped option's secret"] + "\n;="),
    "a line without an equals sign": ("[radius_client]", f"{SECRETS['radius secret']}\n[radius_client]"),
    "a protected value that is none": ("service_account_password=", "service_account_password_protected="),
    "a damaged protected value": ("service_account_password=", "service_account_password_protected=gpg1:"),
    "the same option twice": ("secret=", f"secret={SECRETS['mistyped option' + chr(39) + 's secret']}\nsecret="),
    "a database elsewhere": (
        "[ad_client]",
        f"database=postgresql://u:{SECRETS['database password']}@db/a\n[ad_client]",
    ),
    "a database that is none": ("[ad_client]", f"database={SECRETS['database password']}\n[ad_client]"),
    "a wrong section": ("[radius_server_duo_only]", "[radius_server_duo]"),
}
FOUND_WHEN_USED = ("a damaged protected value", "a database elsewhere")


class ProcessList:
    """Every command line on this host, over and over, as any user could read them."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> ProcessList:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._ends.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ends.wait(0.01):
            for process in os.listdir("/proc"):
                if process.isdigit():
                    try:
                        self.seen.add(Path("/proc", process, "cmdline").read_bytes().decode("utf-8", "replace"))
                    except OSError:
                        continue  # it has ended


class Ears:
    """The daemon and its commands, with all that they said."""

    def __init__(self, daemon: Daemon, ports: dict[str, int]) -> None:
        self.daemon = daemon
        self.ports = ports
        self.secrets = dict(SECRETS)
        self.said: list[tuple[str, str]] = []

    def run(self, *words: str, stdin: str = "", prints: str = "", status: int = 0) -> list[str]:
        """The lines of a command's output. ``prints``: what secret of it is its purpose."""
        done = CliRunner().invoke(main, [*words, "--config", str(self.daemon.config)], input=stdin)
        assert done.exit_code == status, f"{words}: {done.exit_code}\n{done.output}{done.exception!r}"
        lines = done.stdout.splitlines()
        if prints:
            for number, line in enumerate(self.shown_once(prints, lines)):
                self.secrets[f"{prints} {number} of {words}"] = line
        self.said.append((" ".join(words), done.stderr if prints else done.output))
        return lines

    @staticmethod
    def shown_once(prints: str, lines: list[str]) -> list[str]:
        if prints == "seed":
            secret = lines[1].split()[1]
            return [secret, base64.b32decode(secret).hex()]
        return [lines[0]]

    def login(
        self,
        name: str,
        typed: str,
        section: str = "auto",
        secret: str = SECRETS["radius secret"],
        timeout: float = 30,
    ) -> str:
        appliance = Radclient(("127.0.0.1", self.ports[section]), secret, timeout=timeout)
        return appliance.login(name, typed).code

    def files(self) -> dict[str, bytes]:
        """All that the daemon and the commands have written."""
        state = self.daemon.directory / "state"
        return {str(path.relative_to(state)): path.read_bytes() for path in state.rglob("*") if path.is_file()}

    def leaks(self, processes: ProcessList) -> list[str]:
        """Where which secret can be read."""
        places = [(f"output of {what}", text.encode()) for what, text in self.said]
        places += [("output of run", "".join(self.daemon.output).encode()), *self.files().items()]
        places.append(("process list", "\n".join(processes.seen).encode()))
        found = []
        for name, secret in self.secrets.items():
            raw = [secret.encode()]
            if name.startswith("seed ") and secret.isalnum() and secret.isupper():
                raw.append(base64.b32decode(secret))
            found += [f"{name} in {place}" for place, content in places if any(text in content for text in raw)]
        return found


@pytest.fixture
def ears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ears]:
    monkeypatch.setattr(Slapd, "service_password", SECRETS["service account's password"])
    monkeypatch.setattr("tests.peers.slapd.password_of", lambda number: f"canary-right-{number:04}".encode())
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(SECRETS["passphrase"] + "\n")
    passphrase.chmod(0o600)
    ports = {name: free_port() for name in ("auto", "upstream", "only", "nowhere")}
    with Slapd(tmp_path / "slapd", users=2) as peer:
        site = tmp_path / "site"
        text = CONFIG.format(
            state=site / "state", gnupg=tmp_path / "g", passphrase=passphrase, ldap=peer.port, **ports
        )
        daemon = Daemon(site, text)
        ears = Ears(daemon, ports)
        daemon.config.write_text(f"{text}radius_secret_1={SECRETS['protected secret']}\n")
        yield ears
        daemon.kill()


def test_no_secret_is_in_logs_output_process_list_or_database(ears: Ears, tmp_path: Path) -> None:
    with ProcessList() as processes:
        enroll(ears, tmp_path)
        start_with_a_protected_value(ears)
        log_in(ears)
        look_around(ears)
        assert ears.daemon.stop() == 0
        protect_the_file(ears)
        break_the_configuration(ears)
    files = ears.files()
    log = files["log/authproxy.log"].decode()
    assert "[debug]" in log and log.count("User-Password = ") >= 5 and "Access denied" not in log[:100]
    assert b"Primary" in files["log/authevents.log"]
    assert any("authproxy\0run" in line for line in processes.seen)
    assert any(line.startswith("gpg") or "/gpg" in line for line in processes.seen)
    assert ears.leaks(processes) == []
    find_a_leak(ears, processes)


def enroll(ears: Ears, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.csv"
    tokens.write_text(f"type,serial,secret\nh6,C-1,{TOKEN_SEED.hex()}\n")
    ears.run("user", "add", "user0001")
    ears.run("user", "add", "user0001", status=1)
    ears.run("device", "add-totp", "user0001", prints="seed")
    ears.run("device", "add-hotp", "user0001", prints="seed")
    ears.run("device", "add-totp", "nobody", status=1)
    ears.run("bypass", "create", "user0001", "--uses", "0", prints="bypass code")
    ears.run("bypass", "create", "nobody", status=1)
    ears.run("token", "import", str(tokens))
    ears.run("token", "import", str(tokens), status=1)
    ears.run("token", "assign", "C-1", "user0001")


def start_with_a_protected_value(ears: Ears) -> None:
    plain = ears.daemon.config.read_text()
    secret = ears.secrets["protected secret"]
    protected = ears.run("passwd", stdin=f"{secret}\n")[0]
    ears.daemon.config.write_text(plain.replace(f"_1={secret}", f"_protected_1={protected}"))
    ears.daemon.start()
    ears.daemon.config.write_text(plain)  # the commands needn't wait for gpg


def log_in(ears: Ears) -> None:
    right, wrong = ears.secrets["right password"], ears.secrets["wrong password"]
    bypass = next(code for name, code in ears.secrets.items() if name.startswith("bypass code"))
    assert ears.login("user0001", f"{right},{bypass}") == "Access-Accept", ears.run("explain")
    assert ears.login("user0001", f"{wrong},{bypass}") == "Access-Reject"
    assert ears.login("user0001", f"{right},{ears.secrets['password in the place of a code']}") == "Access-Reject"
    assert ears.login("user0001", right, timeout=2) != "Access-Accept"  # a push that nobody answers
    assert ears.login("nobody", f"{wrong},{bypass}") == "Access-Reject"
    assert ears.login("user0001", right, "upstream") == "Access-Reject"  # nobody there
    only = ears.secrets["protected secret"]
    assert ears.login("user0001", bypass, "only", only) == "Access-Accept"
    misplaced = ears.secrets["password in the place of a code"]
    assert ears.login("user0001", misplaced, "only", only) == "Access-Reject"
    assert ears.login("user0001", right, "auto", misplaced, timeout=2) == ""  # another secret: no answer
    radtest = ("radtest", "--section", "radius_server_auto", "user0001")
    ears.run(*radtest, stdin=f"{right},{bypass}\n")
    ears.run(*radtest, stdin=f"{wrong},{bypass}\n", status=1)


def look_around(ears: Ears) -> None:
    push = ears.run("push", "list", "--json")
    assert "user0001" in push[0]
    ears.run("push", "deny", push[0].split('"id": "')[1].split('"')[0])
    ears.run("push", "approve", "ABCDEFGHIJ", status=1)
    for words in (
        "user list", "user show user0001", "user set user0001 --notes x", "device list --json", "token show C-1",
        "bypass list user0001", "application list", "explain", "explain --json user0001", "db status", "check",
    ):  # fmt: skip
        ears.run(*words.split())
    ears.run("token", "resync", "C-1", "000000", "000001", status=1)
    ears.run("bypass", "revoke", "user0001")
    ears.run("user", "delete", "user0001")


def protect_the_file(ears: Ears) -> None:
    before = ears.daemon.config.read_text()
    ears.run("passwd", "--whole-config", "--dry-run")
    ears.run("passwd", "--whole-config", "-y")
    after = ears.daemon.config.read_text()
    assert "canary" not in after
    ears.run("user", "list")
    ears.daemon.config.write_text(before)


def break_the_configuration(ears: Ears) -> None:
    good = ears.daemon.config.read_text()
    for what, (text, instead) in BROKEN.items():
        assert text in good, what
        ears.daemon.config.write_text(good.replace(text, instead, 1))
        if what not in FOUND_WHEN_USED:
            ears.run("check", status=1)
        ears.run("user", "list", status=1)
        done = ears.daemon.command("run", check=False)
        assert (done.returncode, done.stdout) == (1, ""), what
        assert done.stderr and "Traceback" not in done.stderr, what
        ears.said.append((f"run with {what}", done.stderr))
    ears.daemon.config.write_text(good)


def find_a_leak(ears: Ears, processes: ProcessList) -> None:
    """Leaks on purpose, one of each kind, to see that they would have been found."""
    secret = ears.secrets["wrong password"]
    with processes.__class__() as others:
        done = ears.daemon.command("passwd", secret)  # its warning says that this shows in ps
    assert secret not in done.stdout + done.stderr
    assert ears.leaks(others) == ["wrong password in process list"]
    with (ears.daemon.directory / "state/log/authproxy.log").open("a") as log:
        log.write(f"a line with {secret} in it")
    ears.said.append(("echo", ears.secrets["right password"]))
    assert sorted(ears.leaks(processes)) == [
        "right password in output of echo",
        "wrong password in log/authproxy.log",
    ]
