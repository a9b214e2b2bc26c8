"""``authproxy demo``: what it tells is what happened, and what it says one can try works."""

from __future__ import annotations

import re
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest

from tests.peers.radclient import Radclient

_ONCE = (sys.executable, "-m", "authproxy", "demo", "--once")
_LAST_LINE = "The users are"
_OUTCOME = re.compile(r"-> (Access-\w+)|ms  [a-z ]+: (\w+)")


def story(transcript: str) -> dict[str, list[str]]:
    """The answers and step results of each chapter, by its title."""
    chapters = re.split(r"^\* ", transcript, flags=re.MULTILINE)[1:]
    return {
        title: [answer or step for answer, step in _OUTCOME.findall(text)]
        for title, _, text in (chapter.partition("\n") for chapter in chapters)
    }


def test_once_tells_every_login_with_its_outcome_and_ends_with_status_0() -> None:
    done = subprocess.run(_ONCE, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(story(done.stdout).items()) == [
        ("Two users are added, as an administrator would while the daemon runs", []),
        ("A wrong password", ["Access-Reject", "denied"]),
        ("The right password and a code from the phone", ["Access-Accept", "ok", "allowed"]),
        ("The same code once more, as a thief would try", ["Access-Reject", "ok", "refused"]),
        (
            "Bob forgot his phone: a bypass code from the help desk (his password has a comma in it)",
            ["Access-Accept", "ok", "allowed"],
        ),
        (
            "An appliance that asks in two steps",
            ["Access-Challenge", "ok", "challenge", "Access-Accept", "allowed"],
        ),
        (
            "A push request, answered by an administrator while the VPN waits",
            ["Access-Accept", "ok", "asked", "allowed"],
        ),
        (
            "The answer got lost, and the appliance sends the same request again",
            ["Access-Accept", "ok", "allowed"],
        ),
    ]
    assert "the very same bytes back" in done.stdout
    assert "In another terminal" not in done.stdout


@pytest.fixture
def demo() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The demonstration that stays up, and all that it has told."""
    with subprocess.Popen(_ONCE[:-1], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(line)
            if line.startswith(_LAST_LINE):
                break
        try:
            yield process, "".join(told)
        finally:
            process.kill()


def test_what_it_says_one_can_try_works_and_sigterm_ends_it_with_status_0(
    demo: tuple[subprocess.Popen[str], str],
) -> None:
    process, told = demo
    assert process.poll() is None, told
    created = shell(told, "bypass create bob")
    code = created.stdout.split()[0]
    asked = shell(told, "radtest .* bob .*", CODE=code)
    assert (asked.returncode, asked.stdout.split()[0]) == (0, "Access-Accept"), asked.stdout + asked.stderr
    assert shell(told, "radtest .* bob .*", CODE=code).returncode == 1  # used up

    radclient = re.search(r"radclient -t 60 127\.0\.0\.1:(\d+) auth (\S+)", told)
    assert radclient is not None, told
    code = shell(told, "bypass create bob").stdout.split()[0]
    appliance = Radclient(("127.0.0.1", int(radclient[1])), radclient[2])
    assert appliance.login("bob", f"builder, 2nd,{code}").code == "Access-Accept"
    assert appliance.login("bob", f"builder,{code}").code == "Access-Reject"

    for page, heading in (
        (r"\S+/admin/link/\S+", "Welcome to the Admin Panel"),
        (r"\S+/portal/", "Look after your devices"),
        (r"\S+/status", "Service status"),
    ):
        assert heading in browsed(told, page)

    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def shell(told: str, command: str, **typed: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as the transcript has it, with what the user puts into it."""
    line = re.search(rf"^    (.* -m authproxy {command}.*)$", told, re.MULTILINE)
    assert line is not None, f"{command} is not in:\n{told}"
    text = line[1]
    for name, value in typed.items():
        text = text.replace(name, value)
    return subprocess.run(["sh", "-c", text], capture_output=True, text=True, timeout=120, check=False)


def browsed(told: str, page: str) -> str:
    """The level one heading of a page whose address the transcript has."""
    line = re.search(rf"^    (https://{page})$", told, re.MULTILINE)
    assert line is not None, f"{page} is not in:\n{told}"
    context = ssl._create_unverified_context()  # the certificate was made a moment ago
    with urllib.request.urlopen(line[1], timeout=60, context=context) as answer:
        html = answer.read().decode()
    return "".join(re.findall(r"<h1[^>]*>(.*?)</h1>", html, re.DOTALL)).strip()
