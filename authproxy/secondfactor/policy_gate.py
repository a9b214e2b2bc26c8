"""What policies say before a factor is asked for: refused, let in without one, or asked. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from authproxy.model import Reason
from authproxy.secondfactor.policy_merge import Effective

TRUSTED_NETWORK: Final = "trusted network"
BY_POLICY: Final = "allowed by policy"


@dataclass(frozen=True, slots=True)
class Closed:
    reason: Reason
    why: str


@dataclass(frozen=True, slots=True)
class Open:
    """``factor``: what stands for one. ``if_enrolled``: only for users who have a device."""

    factor: str
    why: str
    if_enrolled: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """``is_required``: where the user is means that nothing stands for a factor, no remembered browser either."""

    is_required: bool = False


ASKED: Final = Asked()


def gate(policy: Effective, client_ip: str, country_of: Callable[[str], str]) -> Closed | Open | Asked:
    """``client_ip``: the user's, as far as it is known; "" is no address, and gains nobody anything.
    ``country_of``: two letters for an address, or "" where it is not known."""
    location = policy.user_location
    action = "none" if location.is_silent else location.action(country_of(client_ip) if client_ip else "")
    if action == "deny":
        return Closed(Reason.LOCATION_DENIED, _place(policy, client_ip, country_of))
    if policy.authentication.behavior == "deny":
        return Closed(Reason.POLICY_DENIED, policy.who_decided("authentication"))
    if policy.authentication.behavior == "bypass" and action != "require":
        return Open(BY_POLICY, policy.who_decided("authentication"))
    if action == "allow":
        return Open(BY_POLICY, _place(policy, client_ip, country_of))
    if action == "require":
        return Asked(is_required=True)
    trusted = policy.trusted_networks
    address = _address(client_ip) if trusted.networks else None
    if address is not None and trusted.holds(address):
        return Open(TRUSTED_NETWORK, policy.who_decided("trusted_networks"), trusted.require_enrollment)
    return ASKED


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _place(policy: Effective, client_ip: str, country_of: Callable[[str], str]) -> str:
    country = country_of(client_ip) if client_ip else ""
    where = f"{client_ip} is in {country}" if country else f"no country is known for {client_ip or 'the user'}"
    return f"{policy.who_decided('user_location')}: {where}"
