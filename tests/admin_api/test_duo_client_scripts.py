"""The scripts that come with ``duo_client``, fetched from the package index as they were published.

They know neither port nor certificate, which they are told before they start; all else is their own.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tarfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.web.apihost import ApiHost

_RUN = """
import runpy, sys, duo_client.client as client
script, port, ca, *sys.argv = sys.argv[1:]
sys.argv.insert(0, script)
made = client.Client.__init__
def told(self, *args, **named):
    made(self, *args, **{**named, "port": int(port), "ca_certs": ca})
client.Client.__init__ = told
runpy.run_path(script, run_name="__main__")
"""
Runs = Callable[..., str]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    name = f"duo_client=={version('duo_client')}"
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--no-binary",
        ":all:",
    ]
    fetched = subprocess.run([*command, name], cwd=folder, capture_output=True, timeout=60, check=False)
    archives = list(folder.glob("*.tar.gz"))
    if fetched.returncode or not archives:
        pytest.skip("there is no package index to fetch the scripts from")
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("duo_client-*/examples"))


@pytest.fixture(scope="module")
def run(host: ApiHost, examples: Path) -> Runs:
    def ran(script: str, app: str, *arguments: str, typed: str = "") -> str:
        keys = host.keys[app]
        command = [sys.executable, "-c", _RUN, str(examples / script), str(host.port), str(host.ca)]
        command += [keys.ikey, keys.skey, "localhost", *arguments]
        done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return ran


def test_a_report_of_users_and_phones(run: Runs) -> None:
    rows = list(csv.reader(run("Admin/report_users_and_phones.py", "admin").splitlines()[1:]))
    assert rows == [
        ["Username", "Phone Number", "Type", "Platform"],
        ["alice", "+15555550100", "Mobile", "Apple iOS"],
    ]


def test_a_push_that_is_waited_for(run: Runs, host: ApiHost) -> None:
    with host.answering():
        said = run("Auth/async_basic_user_mfa.py", "auth", "alice")
    assert "IKEY and SKEY provided have been verified." in said
    assert "'success': True" in said


@pytest.mark.parametrize("kind", ["telephony_v2", "activity"])
def test_logs_as_rows(run: Runs, kind: str) -> None:
    said = run("Admin/log_examples.py", "admin", typed=f"\n\n\n\n\n{kind}\n")
    assert f"Fetching {kind} logs..." in said
    assert ("telephony_id,txid" if kind == "telephony_v2" else "activity_id,ts,action") in said


def test_a_code_that_is_typed(run: Runs, host: ApiHost) -> None:
    said = run("Auth/basic_user_mfa_token.py", "auth", "bob", typed=f"{host.code('bob')}\n")
    assert said.endswith("Success. Logging you in...\n")
    assert "Incorrect passcode" in run("Auth/basic_user_mfa_token.py", "auth", "bob", typed="000000\n")
