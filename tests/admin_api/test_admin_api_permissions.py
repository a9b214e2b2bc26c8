"""Each operation with each permission alone: it is done with the right one and refused with any other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import duo_client
import pytest

from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.applications import change_application, find_application
from authproxy.secondfactor.authapi import Application
from authproxy.web.api.admin.app import answered
from authproxy.web.api.admin.operation import Asked, Operation
from authproxy.web.api.admin.operations import OPERATIONS
from authproxy.web.api.admin.rooms import ApiRooms
from authproxy.web.api.envelope import FORBIDDEN, Refusal
from authproxy.web.api.parameters import Parameters
from tests.web.apihost import ApiHost, error

NOBODY = "XX" + "0" * 18


@pytest.fixture(scope="module")
def callers(host: ApiHost) -> Iterator[dict[str, Any]]:
    """A client for each permission, and one that has none."""
    adm = host.client(duo_client.Admin, "admin")
    made = {}
    for permission in [*ApiPermission, ""]:
        keys = adm.create_integration(f"only {permission}", "adminapi")
        client = host.client(duo_client.Admin, ikey=keys["integration_key"], skey=keys["secret_key"])
        made[str(permission)] = client
        if permission:
            with host.database.writing() as connection:
                row = find_application(connection, keys["integration_key"])
                change_application(connection, row, {"permissions": [str(permission)]})
    yield made


def asked(client: Any, operation: Operation) -> tuple[int, int, str]:
    """HTTP status, code and detail, of a request that names nobody."""
    path = re.sub(r"\{\w+\}", NOBODY, operation.path)
    response, data = client.api_call(operation.method, path, {})
    if (response.getheader("Content-Type") or "").startswith("image/"):
        return response.status, 0, ""
    said = json.loads(data)
    return response.status, said.get("code", 0), said.get("message_detail", "")


class Reached(Exception):
    """The office was asked: nobody refused before."""


class Office:
    def read(self, work: Any) -> Any:
        raise Reached

    change = read


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_it_takes_the_right_permission(operation: Operation) -> None:
    for permission in [*ApiPermission, ""]:
        app = Application("a", "adminapi", "DI", b"", permissions=(str(permission),))
        rooms = cast(ApiRooms, SimpleNamespace(office=Office()))
        asking = answered(operation, Asked(app, Parameters({}), {}, rooms))
        with pytest.raises((Reached, Refusal)) as raised:
            asking.send(None)
        assert (raised.type is Reached) == (permission in operation.permissions), permission
        if isinstance(raised.value, Refusal):
            assert raised.value.problem is FORBIDDEN
            assert operation.permissions[0] in raised.value.detail


@pytest.mark.parametrize(
    "operation", {each.noun: each for each in OPERATIONS}.values(), ids=lambda each: each.noun
)
def test_a_client_is_told_which_permission_it_needs(callers: dict[str, Any], operation: Operation) -> None:
    for permission, client in callers.items():
        status, code, detail = asked(client, operation)
        assert status < 500, (permission, code, detail)
        is_refused = code == 40301 and "has no permission" in detail
        assert is_refused == (permission not in operation.permissions), (permission, status, code, detail)


def test_what_reads_needs_no_permission_to_change() -> None:
    for operation in OPERATIONS:
        writes = {permission for permission in operation.permissions if "write" in permission}
        assert not writes or operation.method != "GET"


def test_only_an_adminapi_may_call(host: ApiHost) -> None:
    for name in ("auth", "unix", "strict"):
        client = host.client(duo_client.Admin, name)
        assert error(client.get_info_summary) == (403, 40301, "Wrong integration type for this API.")


def test_a_permission_that_is_taken_away_is_gone_within_a_second(host: ApiHost, callers: dict[str, Any]) -> None:
    adm = host.client(duo_client.Admin, "admin")
    info = callers[ApiPermission.INFO]
    assert info.get_info_summary()["user_count"]
    adm.update_integration(info.ikey, adminapi_info=False)
    assert error(info.get_info_summary)[:2] == (403, 40301)
