"""What nobody should send: no answer is ever an error of the server's."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import duo_client
import pytest
import sqlalchemy as sa

from authproxy.config.settings import ServiceSettings
from authproxy.secondfactor.account_settings import Defaults
from authproxy.secondfactor.api_permissions import ApiPermission
from authproxy.secondfactor.applications import add_application
from authproxy.secondfactor.attempt_counts import AttemptCounts
from authproxy.secondfactor.authapi import Application
from authproxy.secondfactor.groups import add_group
from authproxy.secondfactor.office import Office
from authproxy.secondfactor.phones import add_phone
from authproxy.secondfactor.reach import Lines
from authproxy.secondfactor.refusals import NotDone
from authproxy.secondfactor.seeds import SeedBox
from authproxy.secondfactor.users import add_user
from authproxy.store.engine import Database
from authproxy.web.api.admin.operation import Asked, Operation
from authproxy.web.api.admin.operations import OPERATIONS
from authproxy.web.api.admin.rooms import ApiRooms
from authproxy.web.api.envelope import Refusal
from authproxy.web.api.parameters import Parameters
from tests.web.apihost import ApiHost

ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    "",
    "x" * 5000,
    "\x00",
    "\ud800",
    "[",
    "[" * 100_000,
    '{"a":',
    [],
    [None],
    [[1]],
    ["a"] * 2000,
    {},
    {"a": {"b": []}},
    {"new_user": {"new_user_behavior": {}}},
    "\u202e' OR 1=1 --",
    "NaN",
    "1e400",
    "9" * 400,
]
DIFFERENT = list({each.answer: each for each in OPERATIONS}.values())
IDS = ["", "\x00", "\ufffd", "../x", " ", "x" * 3000, "DU\n", "\U0001f4a9"]


class Inside:
    """The API's operations without HTTP; what they change is undone."""

    def __init__(self, directory: Path) -> None:
        seeds = SeedBox(bytes(32))
        self.database = Database(f"sqlite:///{directory}/x.db")
        defaults = Defaults(ServiceSettings(directory, f"sqlite:///{directory}/x.db"))
        self.rooms = ApiRooms(
            cast(Office, None), seeds, defaults, "simple", "https://localhost", None, cast(Any, None),
            Lines(), None, cast(Any, None), lambda ikey: None, lambda: 1e9,
            AttemptCounts(lambda: 1e9),
        )  # fmt: skip
        with self.database.writing() as connection:
            user = add_user(connection, "alice", "simple")
            keys = add_application(connection, seeds, "vpn", "adminapi")
            self.ids = {
                "user_id": user.id,
                "phone_id": add_phone(connection, user, platform="apple ios").id,
                "group_id": add_group(connection, "staff").id,
                "integration_key": keys.ikey,
            }
        self.app = Application("a", "adminapi", "DI" + "0" * 18, b"", permissions=tuple(ApiPermission))

    def ask(self, connection: sa.Connection, operation: Operation, given: Any, ids: dict[str, str]) -> None:
        """Raises what a client would see as an error of the server's."""
        asked = Asked(self.app, Parameters(given), ids, self.rooms, "")
        saved = connection.begin_nested()
        try:
            operation.answer(connection, asked)
        except (Refusal, NotDone):
            pass
        finally:
            if saved.is_active:
                saved.rollback()


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Inside:
    return Inside(tmp_path_factory.mktemp("inside"))


def likely(operation: Operation) -> Iterator[dict[str, Any]]:
    """What is good enough to get past the checks of other parameters, or not."""
    yield {each.name: "1" for each in operation.takes if each.is_required}
    yield {"mintime": "1000000000001", "maxtime": "2000000000000"} | {
        "name": "n", "type": "authapi", "username": "u", "policy_name": "p", "serial": "1", "email": "a@b",
        "role": "Owner",
    }  # fmt: skip


@pytest.mark.parametrize(
    "operation", [each for each in DIFFERENT if each.takes], ids=lambda each: f"{each.method} {each.path}"
)
def test_odd_values_of_any_parameter_are_refused_plainly_or_mean_something(
    inside: Inside, operation: Operation
) -> None:
    ids = {name: inside.ids.get(name, "none") for name in re.findall(r"\{(\w+)\}", operation.path)}
    with inside.database.writing() as connection:
        for parameter in operation.takes:
            for odd in ODD:
                for others in likely(operation):
                    inside.ask(connection, operation, {**others, parameter.name: odd}, ids)
        for odd in ODD:
            inside.ask(connection, operation, {each.name: odd for each in operation.takes}, ids)


@pytest.mark.parametrize(
    "operation", [each for each in DIFFERENT if "{" in each.path], ids=lambda each: f"{each.method} {each.path}"
)
def test_odd_ids_are_not_found(inside: Inside, operation: Operation) -> None:
    with inside.database.writing() as connection:
        for odd in IDS:
            ids = dict.fromkeys(re.findall(r"\{(\w+)\}", operation.path), odd)
            for others in likely(operation):
                inside.ask(connection, operation, others, ids)


# ---------------------------------------------------------------- by HTTP


@pytest.mark.parametrize("odd", ["%00", "%ff", "%2e%2e", "+", "%", "x" * 3000, "DU%0A", "%F0%9F%92%A9"])
def test_odd_paths_are_not_found(adm: Any, odd: str) -> None:
    response, data = adm.api_call("GET", f"/admin/v1/users/{odd}/phones", {})
    assert response.status == 404, data


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
        b'{"username":"a","username":"b"}',
        b'{"username":NaN}',
        b"[" * 50_000,
        b'{"username":"\\ud800"}',
        b'{"username":{"a":1}}',
    ],
)
def test_bodies_that_are_no_object_of_texts_are_refused(host: ApiHost, body: bytes) -> None:
    status, said = raw_post(host.client(duo_client.Admin, "admin"), "/admin/v1/users", body)
    assert (status, said["stat"]) == (400, "FAIL")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/admin/v1/teapots", 404),
        ("PUT", "/admin/v1/users", 405),
        ("GET", "/admin/v9/users", 404),
        ("DELETE", "/admin/v1/settings", 405),
        ("GET", "/admin/v1/users/", 404),
    ],
)
def test_what_there_is_no_operation_for(adm: Any, method: str, path: str, status: int) -> None:
    response, data = adm.api_call(method, path, {})
    assert response.status == status
    assert json.loads(data)["stat"] == "FAIL"


def raw_post(client: Any, path: str, body: bytes) -> tuple[int, Any]:
    """Signed as version 5 has it, whatever the body is."""
    date = email.utils.formatdate()
    nothing = hashlib.sha512(b"").hexdigest()
    text = "\n".join([date, "POST", "localhost", path, "", hashlib.sha512(body).hexdigest(), nothing])
    signature = hmac.digest(client.skey.encode(), text.encode(), "sha512").hex()
    token = base64.b64encode(f"{client.ikey}:{signature}".encode()).decode()
    headers = {"Date": date, "Authorization": f"Basic {token}", "Content-type": "application/json"}
    connection = client._connect()
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
