"""The OpenAPI description: current, well formed, and what the API really answers."""

from __future__ import annotations

import json
import re
import ssl
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from authproxy.secondfactor.setting_list import SETTINGS
from authproxy.web.api.admin.openapi import FILE, describe, envelope_of, text
from authproxy.web.api.admin.operation import Operation
from authproxy.web.api.admin.operations import OPERATIONS, find
from tests.admin_api.schema import KEYWORDS, flaws
from tests.web.apihost import ApiHost

ROOT = Path(__file__).parents[2]
HERE = int(1e12)


def test_the_file_in_the_docs_is_what_the_table_says() -> None:
    assert (ROOT / FILE).read_text(encoding="utf-8") == text(), "run: python -m authproxy.web.api.admin.openapi"


def test_settings_without_effect_are_named_as_such_and_no_others() -> None:
    page = (ROOT / "docs/admin-api.md").read_text(encoding="utf-8")
    named = re.search("<!-- settings without effect -->(.*)<!-- until here -->(.*)", page, re.DOTALL)
    assert named is not None
    kept = {setting.name for setting in SETTINGS if setting.is_kept_only}
    assert set(re.findall("`([a-z0-9_]+)`", named[1])) == kept
    others = {setting.name for setting in SETTINGS} - kept
    alike = re.compile("password_requires_.*|.*_retention_days")
    assert {name for name in others if f"`{name}`" in named[2] or alike.fullmatch(name)} == others


def test_every_operation_is_described_once_under_a_name_of_its_own() -> None:
    document = describe()
    said = [each for path in document["paths"].values() for each in path.values()]
    assert len(said) == len(OPERATIONS)
    names = [each["operationId"] for each in said]
    assert len(set(names)) == len(names)
    assert all(each["summary"] and each["x-permissions"] for each in said)
    tags = {tag["name"] for tag in document["tags"]}
    assert all(set(each["tags"]) <= tags for each in said)


def test_every_reference_leads_somewhere() -> None:
    document = describe()
    targets = set(re.findall(r'"#/components/(\w+/\w+)"', json.dumps(document)))
    assert targets
    for target in targets:
        kind, name = target.split("/")
        assert name in document["components"][kind]


def test_the_daemon_serves_it_to_everybody(host: ApiHost) -> None:
    context = ssl.create_default_context(cafile=str(host.ca))
    with urllib.request.urlopen(f"https://localhost:{host.port}/admin/openapi.json", context=context) as answer:
        assert json.load(answer) == describe()


def test_what_stands_in_a_path_is_a_parameter_of_it() -> None:
    for path, methods in describe()["paths"].items():
        for said in methods.values():
            named = {each["name"] for each in said.get("parameters", []) if each["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))


def test_schemas_use_words_that_mean_something() -> None:
    def look(schema: Any) -> None:
        assert set(schema) <= KEYWORDS
        assert set(schema.get("required", [])) <= set(schema.get("properties", {}))
        for inner in [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]:
            look(inner)
        if "items" in schema:
            look(schema["items"])

    for operation in OPERATIONS:
        look(operation.gives)
        for parameter in operation.takes:
            look(parameter.schema)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_every_path_finds_its_own_operation(operation: Operation) -> None:
    raw = re.sub(r"\{\w+\}", "a%2Fb+c", operation.path)
    found, ids = find(operation.method, raw)
    assert found is operation
    assert set(ids.values()) <= {"a/b c"}


def answers(host: ApiHost, adm: Any) -> dict[str, str]:
    """What to put into paths so that something is found."""
    group = adm.create_group("described")["group_id"]
    erin = host.users["erin"].id
    token = adm.add_hotp6_token("described", "31" * 20)["token_id"]
    adm.add_user_token(host.users["alice"].id, token)
    adm.add_user_group(erin, group)
    adm.add_user_bypass_codes(erin, count=1, valid_secs=60)
    admin = adm.add_admin("N", "described@example.com", "", "x", role="Billing")["admin_id"]
    policy = adm.create_policy_v2({"policy_name": "Described", "sections": {}})["policy_key"]
    return {
        "user_id": host.users["alice"].id,
        "group_id": group,
        "phone_id": host.phone,
        "token_id": token,
        "admin_id": admin,
        "policy_key": policy,
        "integration_key": host.keys["auth"].ikey,
        "code_id": adm.get_user_bypass_codes(erin)[0]["bypass_code_id"],
    }


def test_what_is_read_is_as_described(host: ApiHost, adm: Any, auth: Any) -> None:
    ids = answers(host, adm)
    auth.auth("passcode", username="bob", passcode=host.code("bob"))
    auth.auth("passcode", username="bob", passcode="000000")
    queries = {
        "integration_key": host.keys["auth"].ikey,
        "user_id": ids["user_id"],
        "mintime": "0",
    }
    seen = 0
    for operation in OPERATIONS:
        path = re.sub(r"\{(\w+)\}", lambda match: ids.get(match.group(1), "none"), operation.path)
        is_other = operation.path.endswith(("/logo", "push_response")) or operation.about.startswith("Refused")
        if operation.method != "GET" or "none" in path or is_other:
            continue
        given = {
            each.name: queries[each.name] for each in operation.takes if each.is_required and each.name in queries
        }
        if operation.path.startswith("/admin/v2/logs") or "trust_monitor" in path:
            given = {"mintime": str(HERE + 1), "maxtime": str(9 * HERE)}
        response, data = adm.api_call("GET", path, given)
        said = json.loads(data)
        if said.get("code") == 40401:
            assert operation.path.endswith("/global")
            continue
        assert response.status == 200, (path, said)
        assert list(flaws(said, envelope_of(operation), operation.path)) == []
        seen += 1
    assert seen > 40
