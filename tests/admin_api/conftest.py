"""One daemon for each file: an Admin API as ``duo_client`` calls it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duo_client
import pytest

from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.applications import change_application, find_application
from tests.web.apihost import ApiHost


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHost]:
    made = ApiHost.make(tmp_path_factory.mktemp("adminapi"), "request_rate=1000")
    give(made, "admin", *ApiPermission)
    made.daemon.start()
    try:
        yield made
    finally:
        made.daemon.stop()


def give(host: ApiHost, name: str, *permissions: str) -> None:
    """All that an application may do."""
    with host.database.writing() as connection:
        row = find_application(connection, host.keys[name].ikey)
        change_application(connection, row, {"permissions": [*map(str, permissions)]})


@pytest.fixture(scope="module")
def adm(host: ApiHost) -> Any:
    """An unmodified ``duo_client.Admin`` that may do everything."""
    return host.client(duo_client.Admin, "admin")


@pytest.fixture(scope="module")
def auth(host: ApiHost) -> Any:
    """And an application of the Auth API, to see what changes do."""
    return host.client()
