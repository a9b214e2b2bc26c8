"""Policies laid over one another, and what they say before a factor is asked for: without I/O."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authproxy.model import Reason
from authproxy.secondfactor.policy_gate import BY_POLICY, TRUSTED_NETWORK, Asked, Closed, Open, gate
from authproxy.secondfactor.policy_merge import DEFAULT_POLICY, Effective, Layer, Level, merge
from authproxy.secondfactor.policy_sections import FACTORS, SECTIONS, UserLocation, read_section, read_sections
from authproxy.secondfactor.policy_set import Link, Policy, PolicySet
from authproxy.secondfactor.refusals import BadValue

_BEHAVIORS = {
    "new_user": st.sampled_from(["enroll", "allow", "deny"]),
    "authentication": st.sampled_from(["enforce", "bypass", "deny"]),
}
SOME = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.fixed_dictionaries({"behavior": words}) for name, words in _BEHAVIORS.items()},
        "remembered_devices": st.fixed_dictionaries({"days": st.integers(0, 365)}),
        "factors": st.fixed_dictionaries({"allowed": st.lists(st.sampled_from(FACTORS), min_size=1)}),
        "lockout": st.fixed_dictionaries({"threshold": st.integers(0, 9999)}),
    },
)
BASE = Layer(Level.DEFAULT, {}, where="configuration")
COUNTRIES = {"192.0.2.1": "DE", "198.51.100.1": "KP"}


def policy(id_: str, sections: Any = None, *, is_global: bool = False) -> Policy:
    return Policy(id_, f"policy {id_}", is_global, read_sections(sections or {}))


def effective(**sections: Any) -> Effective:
    return merge([Layer(Level.GLOBAL, read_sections(sections), "Global", "PO1", "global")])


def look(ip: str, **sections: Any) -> Closed | Open | Asked:
    return gate(effective(**sections), ip, lambda address: COUNTRIES.get(address, ""))


@given(st.lists(SOME, max_size=5))
def test_each_section_is_that_of_the_first_layer_which_has_it(given_: list[Any]) -> None:
    layers = [Layer(Level.GROUP, read_sections(each), f"p{at}", f"PO{at}") for at, each in enumerate(given_)]
    found = merge(layers)
    for name in SECTIONS:
        first = next((layer for layer in layers if name in layer.sections), None)
        if first is None:
            assert found.values[name] == DEFAULT_POLICY.values[name]
            assert not found.is_by_policy(name)
        else:
            assert found.values[name] == first.sections[name]
            assert found.decided[name] is first


@given(SOME, SOME, SOME, SOME, st.sets(st.sampled_from(["GA", "GB", "GC"])))
def test_group_on_application_outranks_application_outranks_global(
    of_a: Any, of_b: Any, of_application: Any, of_all: Any, groups: set[str]
) -> None:
    policies = [
        policy("A", of_a),
        policy("B", of_b),
        policy("N", of_application),
        policy("G", of_all, is_global=True),
    ]
    links = [
        Link("vpn", "GB", "b", "B", 2),
        Link("vpn", "GA", "a", "A", 1),
        Link("vpn", "", "", "N"),
        Link("web", "", "", "A"),
    ]
    layers = PolicySet.of(policies, links).layers("vpn", groups, None, BASE)
    strongest = [each for each, group in (("A", "GA"), ("B", "GB")) if group in groups]
    assert [layer.policy_id for layer in layers] == [*strongest, "N", "G", ""]


@given(SOME)
def test_what_was_read_is_read_the_same_again(sections: Any) -> None:
    once = read_sections(sections)
    assert read_sections(once) == once


def test_the_trail_names_policy_and_place() -> None:
    made = PolicySet.of([policy("A", {"new_user": {"behavior": "deny"}})], [Link("vpn", "G1", "staff", "A")])
    found = merge(made.layers("vpn", {"G1"}, None, BASE))
    assert found.who_decided("new_user") == "policy 'policy A' (group staff on vpn): new_user"
    assert found.decided["authentication"].level is Level.DEFAULT


@pytest.mark.parametrize(
    ("section", "fields", "path"),
    [
        ("new_users", {}, "no section 'new_users'"),
        ("new_user", {"behaviour": "deny"}, "no 'behaviour'"),
        ("new_user", {"behavior": "maybe"}, "new_user.behavior"),
        ("factors", {"allowed": []}, "factors.allowed"),
        ("factors", {"allowed": ["push", "fax"]}, "factors.allowed"),
        ("trusted_networks", {"networks": "192.0.2.1/24"}, "host bits"),
        ("trusted_networks", {"networks": ["office"]}, "trusted_networks.networks"),
        ("user_location", {"countries": "GERMANY=deny"}, "user_location.countries"),
        ("user_location", {"countries": "DE=burn"}, "user_location.countries"),
        ("user_location", {"countries": "DE=deny DE=none"}, "user_location.countries"),
        ("verified_push", {"digits": 9}, "verified_push.digits"),
        ("remembered_devices", {"days": "-1"}, "remembered_devices.days"),
    ],
)
def test_what_no_policy_can_hold(section: str, fields: Any, path: str) -> None:
    with pytest.raises(BadValue, match=path):
        read_section(section, fields)


def test_networks_and_countries_as_people_type_them() -> None:
    assert read_section("trusted_networks", {"networks": "192.0.2.0/24,\n2001:db8::/32"})["networks"] == [
        "192.0.2.0/24",
        "2001:db8::/32",
    ]
    assert read_section("user_location", {"countries": "kp=deny, de=none"})["countries"] == {
        "DE": "none",
        "KP": "deny",
    }


@pytest.mark.parametrize(
    ("ip", "outcome"),
    [
        ("192.0.2.77", Open(TRUSTED_NETWORK, "policy 'Global' (global): trusted_networks", if_enrolled=True)),
        (
            "::ffff:192.0.2.77",
            Open(TRUSTED_NETWORK, "policy 'Global' (global): trusted_networks", if_enrolled=True),
        ),
        ("192.0.3.77", Asked()),
        ("", Asked()),
        ("00-11-22-33-44-55", Asked()),
    ],
)
def test_a_trusted_network_is_what_the_address_is_in(ip: str, outcome: object) -> None:
    assert look(ip, trusted_networks={"networks": "192.0.2.0/24"}) == outcome


@pytest.mark.parametrize(
    ("ip", "others", "unknown", "outcome"),
    [
        ("198.51.100.1", "none", "auto", Closed),  # the country that is denied
        ("192.0.2.1", "deny", "auto", Asked),  # the one that is named
        ("203.0.113.1", "none", "auto", Asked),  # nobody knows where
        ("203.0.113.1", "deny", "auto", Closed),
        ("", "deny", "auto", Closed),
        ("203.0.113.1", "none", "deny", Closed),
        ("", "deny", "none", Asked),
    ],
)
def test_where_no_country_is_known_nobody_gains_by_it(ip: str, others: str, unknown: str, outcome: type) -> None:
    found = look(
        ip, user_location={"countries": {"KP": "deny", "DE": "none"}, "others": others, "unknown": unknown}
    )
    assert isinstance(found, outcome)
    if isinstance(found, Closed):
        assert found.reason is Reason.LOCATION_DENIED


def test_a_place_that_needs_a_factor_outranks_whatever_would_save_one() -> None:
    found = look(
        "192.0.2.1",
        user_location={"countries": {"DE": "require"}},
        trusted_networks={"networks": "192.0.2.0/24"},
        authentication={"behavior": "bypass"},
    )
    assert found == Asked(is_required=True)


def test_refusing_all_outranks_a_place_that_needs_none() -> None:
    found = look("192.0.2.1", user_location={"countries": {"DE": "allow"}}, authentication={"behavior": "deny"})
    assert isinstance(found, Closed) and found.reason is Reason.POLICY_DENIED
    assert isinstance(look("192.0.2.1", user_location={"countries": {"DE": "allow"}}), Open)
    assert look("", authentication={"behavior": "bypass"}) == Open(
        BY_POLICY, "policy 'Global' (global): authentication"
    )


def test_no_rule_about_places_looks_none_up() -> None:
    def country(address: str) -> str:
        raise AssertionError(address)

    assert gate(DEFAULT_POLICY, "192.0.2.1", country) == Asked()
    assert UserLocation().action("") == "none"
