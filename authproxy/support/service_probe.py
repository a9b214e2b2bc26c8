"""Reaching the second factor: a remote service by its API, the embedded one by its database."""

from __future__ import annotations

import random
import shutil
import time
from contextlib import closing
from pathlib import Path

from twisted.internet.asyncioreactor import AsyncioSelectorReactor as Reactor
from twisted.internet.threads import deferToThreadPool

from authproxy.apiclient.client import PING, ApiClient, Call, Keys
from authproxy.apiclient.envelope import Answer, Outage, Refusal
from authproxy.config.settings import RemoteSettings, ServiceSettings
from authproxy.errors import AuthproxyError
from authproxy.secondfactor.seeds import SeedBox
from authproxy.store.engine import connect, sqlite_path
from authproxy.support.findings import Findings

_SECONDS = 15.0
_OFF, _FAR_OFF = 5.0, 60.0  # seconds between two clocks
_LITTLE_SPACE = 200 * 1024 * 1024
_ADVICE = {
    401: "check ikey, skey and api_host",
    403: "ikey must belong to an application that may use the Auth API",
    404: "check that api_host is such a service",
}


# ---------------------------------------------------------------- elsewhere


async def probe_remote(settings: RemoteSettings, reactor: Reactor, findings: Findings) -> None:
    """Ping needs no keys, check needs the right ones."""
    from authproxy.apiclient.https import HttpsHost, HttpsPeer  # its imports take time

    host = HttpsHost(settings.api_host, settings.api_port, settings.http_ca_certs_file, settings.http_proxy)
    try:
        peer = HttpsPeer(host)
    except AuthproxyError as error:
        findings.error("the second factor", str(error))
        return
    keys = Keys(settings.ikey, settings.skey, settings.api_host, settings.signature_version)
    client = ApiClient(keys, peer, reactor, time.time, random.random)
    try:
        if await _ping(client, findings):
            await _check(client, findings)
    finally:
        await peer.close()


async def _ping(client: ApiClient, findings: Findings) -> bool:
    tried = f"{client.host}, ping"
    since = findings.now()
    outcome = await client.call(Call("GET", PING, {}), _SECONDS)
    if isinstance(outcome, Answer):
        findings.info(tried, "answered", since)
        _compare_clocks(outcome.response.get("time"), tried, findings)
        return True
    advice = "see api_host, http_proxy_host, and whether this host may connect to it on port 443"
    findings.error(tried, str(outcome), advice, since)
    return False


def _compare_clocks(theirs: object, tried: str, findings: Findings) -> None:
    if not isinstance(theirs, int | float) or isinstance(theirs, bool):
        return
    offset = theirs - time.time()
    text = f"their clock is {abs(offset):.0f} s {'ahead' if offset > 0 else 'behind'}"
    if abs(offset) > _OFF:
        add = findings.error if abs(offset) > _FAR_OFF else findings.warn
        add(tried, text, "set this host's clock by NTP: passcodes and signatures depend on it")
    else:
        findings.info(tried, "the clocks agree")


async def _check(client: ApiClient, findings: Findings) -> None:
    tried = f"{client.host}, check"
    since = findings.now()
    match await client.call(Call("GET", "/auth/v2/check", {}), _SECONDS):
        case Answer():
            findings.info(tried, "the keys are right", since)
        case Refusal() as refusal:
            findings.error(tried, str(refusal), _ADVICE.get(refusal.status, ""), since)
        case Outage() as outage:
            findings.error(tried, str(outage), "", since)


# ---------------------------------------------------------------- here


async def probe_embedded(settings: ServiceSettings, seed_key: bytes, reactor: Reactor, findings: Findings) -> None:
    def look() -> None:
        try:
            _look_at_database(settings, findings)
            _look_at_seeds(settings, seed_key, findings)
        except AuthproxyError as error:
            findings.error("database", str(error))
        _look_at_disk(settings.state_dir, findings)

    await deferToThreadPool(reactor, reactor.getThreadPool(), look)


def _look_at_database(settings: ServiceSettings, findings: Findings) -> None:
    from authproxy.store.upgrade import status  # Alembic is slow to load

    since = findings.now()
    path = sqlite_path(settings.database)
    found = status(settings.database)
    if not path.exists():
        findings.info("database", f"{path} is not there yet: it is made at the first start")
    elif found.pending:
        advice = "stop the daemon and run `authproxy db upgrade`"
        findings.error("database", f"{path} lacks {len(found.pending)} migrations", advice, since)
    else:
        with closing(connect(path)) as database:
            (result,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if result == "ok":
            findings.info("database", f"{path} is sound, version {found.found}", since)
        else:
            findings.error("database", f"{path} is damaged: {result}", "restore it from a backup", since)


def _look_at_seeds(settings: ServiceSettings, seed_key: bytes, findings: Findings) -> None:
    path = sqlite_path(settings.database)
    if not path.exists():
        return
    since = findings.now()
    with closing(connect(path)) as database:
        row = database.execute("SELECT id, seed FROM devices ORDER BY created DESC LIMIT 1").fetchone()
    if row is None:
        findings.info("seed key", "can be read; there is no device yet to try it on", since)
        return
    try:
        SeedBox(seed_key).decrypt(*row)
    except AuthproxyError as error:
        findings.error("seed key", str(error), "bring back the seed_key, or state_dir/seed.key, of before", since)
    else:
        findings.info("seed key", "opens the devices' seeds", since)


def _look_at_disk(state_dir: Path, findings: Findings) -> None:
    try:
        free = shutil.disk_usage(state_dir).free
    except OSError as error:
        findings.info("disk", f"{state_dir}: {error.strerror}")
        return
    text = f"{free // 1024 // 1024} MiB are free below {state_dir}"
    if free < _LITTLE_SPACE:
        findings.warn("disk", text, "a login that can't be recorded is not accepted")
    else:
        findings.info("disk", text)
