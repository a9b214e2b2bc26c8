"""Keyed applications as the web finds them: a changed key acts within a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from authproxy.errors import SecretError
from authproxy.secondfactor import applications
from authproxy.secondfactor.applications import Applications, Keys
from authproxy.secondfactor.seeds import SeedBox
from tests.secondfactor.local_service import LocalService

SEEDS = SeedBox(bytes(32))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[LocalService]:
    service = LocalService(tmp_path)
    yield service
    pytest_twisted.blockon(Deferred.fromCoroutine(service.stop()))


def added(service: LocalService) -> Keys:
    with service.database.writing() as connection:
        return applications.add_application(
            connection, SEEDS, "ssh", "unix", allow_v1_signatures=True, policy={"new_user_policy": "allow"}
        )


@pytest_twisted.ensureDeferred
async def test_an_application_is_found_with_its_key_and_policy(service: LocalService) -> None:
    keys = added(service)
    found = await Applications(service.writer, SEEDS, Clock().seconds).find(keys.ikey)
    assert found is not None
    assert (found.name, found.type, found.ikey, found.skey) == ("ssh", "unix", keys.ikey, keys.skey.encode())
    assert (found.allow_v1_signatures, found.policy) == (True, {"new_user_policy": "allow"})
    assert keys.skey not in repr(found) + repr(keys)


@pytest.mark.parametrize("is_told", [False, True])
@pytest_twisted.ensureDeferred
async def test_a_rotated_or_deleted_key_is_refused_within_a_second(service: LocalService, is_told: bool) -> None:
    keys, clock = added(service), Clock()
    known = Applications(service.writer, SEEDS, clock.seconds)
    first = await known.find(keys.ikey)
    with service.database.writing() as connection:
        row = applications.find_application(connection, "ssh")
        rotated = applications.rotate_key(connection, SEEDS, row)
    if is_told:
        known.forget(keys.ikey)
    else:
        assert await known.find(keys.ikey) == first  # believed for a moment
        clock.advance(1)
    found = await known.find(keys.ikey)
    assert found is not None
    assert found.skey == rotated.skey.encode() != keys.skey.encode()
    with service.database.writing() as connection:
        applications.delete_application(connection, row)
    clock.advance(1)
    assert await known.find(keys.ikey) is None


@pytest.mark.parametrize("ikey", ["", "DI" + "A" * 18, "\udc80", "' OR 1=1 --"])
@pytest_twisted.ensureDeferred
async def test_nobody_is_found_by_another_key(service: LocalService, ikey: str) -> None:
    added(service)
    with service.database.writing() as connection:  # a section that has no keys
        connection.exec_driver_sql("INSERT INTO applications (name, type, created) VALUES ('vpn', 'radius', 1)")
    assert await Applications(service.writer, SEEDS, Clock().seconds).find(ikey) is None


@pytest_twisted.ensureDeferred
async def test_a_key_that_another_seed_key_sealed_is_an_error(service: LocalService) -> None:
    keys = added(service)
    with pytest.raises(SecretError, match=keys.ikey):
        await Applications(service.writer, SeedBox(b"x" * 32), Clock().seconds).find(keys.ikey)
