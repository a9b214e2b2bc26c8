"""What a policy can decide: its sections, what each may hold, and what they mean to a login. Pure.

A policy holds only the sections that it decides. A section is decided as a whole; what it leaves out of itself is
as in :data:`SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_network
from types import MappingProxyType
from typing import Any, Final

from authproxy.model import JsonValue
from authproxy.secondfactor.policy_kinds import ACTIONS, Countries, Networks, PolicyKind, Words
from authproxy.secondfactor.refusals import BadValue
from authproxy.secondfactor.setting_kinds import Flag, Whole, Word

PUSH, VERIFIED_PUSH = "push", "verified_push"
PHONE, SMS = "phone", "sms"
PASSCODE, HARDWARE_TOKEN = "passcode", "hardware_token"
SECURITY_KEY, BYPASS_CODE = "security_key", "bypass_code"
FACTORS: Final = (PUSH, VERIFIED_PUSH, PHONE, SMS, PASSCODE, HARDWARE_TOKEN, SECURITY_KEY, BYPASS_CODE)

Section = Mapping[str, JsonValue]
Sections = Mapping[str, Section]


@dataclass(frozen=True, slots=True)
class Field:
    kind: PolicyKind
    default: JsonValue
    about: str


SECTIONS: Final[Mapping[str, Mapping[str, Field]]] = MappingProxyType(
    {
        "new_user": {
            "behavior": Field(
                Word(("enroll", "allow", "deny")), "deny", "users without a device: enroll, let in, or refuse"
            )
        },
        "authentication": {
            "behavior": Field(
                Word(("enforce", "bypass", "deny")), "enforce", "ask for a second factor, never ask, or refuse all"
            )
        },
        "factors": {"allowed": Field(Words(FACTORS), list(FACTORS), "the factors that count")},
        "verified_push": {
            "is_wanted": Field(Flag(), False, "pushes carry a code wherever the login can show or take one"),
            "digits": Field(Whole(3, 6), 4, "how long that code is"),
        },
        "remembered_devices": {
            "days": Field(Whole(0, 365), 0, "a browser is remembered for so many days; 0: it is not"),
            "scope": Field(
                Word(("application", "all")), "application", "for the one application, or for all that remember"
            ),
        },
        "security_keys": {
            "user_verification": Field(
                Word(("preferred", "required", "discouraged")),
                "preferred",
                "whether a key makes sure who touches it, by PIN, finger or face",
            )
        },
        "trusted_networks": {
            "networks": Field(Networks(), [], "whence no second factor is asked"),
            "require_enrollment": Field(Flag(), True, "users without a device must enroll there, too"),
        },
        "user_location": {
            "countries": Field(Countries(), {}, "what is done by country"),
            "others": Field(Word(ACTIONS), "none", "with every other country"),
            "unknown": Field(
                Word(("auto", *ACTIONS)),
                "auto",
                "where no country is known; auto: deny if others is, else require",
            ),
        },
        "self_service": {"portal": Field(Flag(), False, "users reach the portal from the prompt")},
        "lockout": {
            "threshold": Field(Whole(1, 9999, (0,)), 10, "wrong passcodes in a row that lock out; 0: never"),
            "minutes": Field(Whole(5, 30_000, (0,)), 15, "how long; 0: until an administrator unlocks"),
        },
    }
)


def read_sections(given: Mapping[str, Mapping[str, object]]) -> Sections:
    """As typed, or as an API sends it. Raises BadValue."""
    return {name: read_section(name, fields) for name, fields in given.items()}


def read_section(name: str, given: Mapping[str, object]) -> Section:
    """With every field: what is left out as by default. Raises BadValue."""
    fields = SECTIONS.get(name)
    if fields is None:
        raise BadValue(f"a policy has no section {name!r}; wanted {', '.join(SECTIONS)}")
    if not isinstance(given, Mapping):
        raise BadValue(f"{name}: wanted {', '.join(fields)}")
    unknown = next((key for key in given if key not in fields), None)
    if unknown is not None:
        raise BadValue(f"{name} has no {unknown!r}; wanted {', '.join(fields)}")
    return {key: _read(f"{name}.{key}", spec, given) for key, spec in fields.items()}


def _read(path: str, spec: Field, given: Mapping[str, object]) -> JsonValue:
    key = path.partition(".")[2]
    if key not in given:
        return spec.default
    try:
        return spec.kind.read(given[key])
    except BadValue as error:
        raise BadValue(f"{path}: {str(given[key])[:100]!r} can't be; wanted {error}") from None


# ---------------------------------------------------------------- typed


@dataclass(frozen=True, slots=True)
class NewUser:
    behavior: str


@dataclass(frozen=True, slots=True)
class Authentication:
    behavior: str


@dataclass(frozen=True, slots=True)
class Factors:
    allowed: frozenset[str]

    @classmethod
    def of(cls, section: Any) -> Factors:
        return cls(frozenset(section["allowed"]))


@dataclass(frozen=True, slots=True)
class VerifiedPush:
    is_wanted: bool
    digits: int


@dataclass(frozen=True, slots=True)
class RememberedDevices:
    days: int
    scope: str

    @property
    def seconds(self) -> int:
        return self.days * 86_400


@dataclass(frozen=True, slots=True)
class TrustedNetworks:
    networks: tuple[Any, ...]  # of ipaddress
    require_enrollment: bool

    @classmethod
    def of(cls, section: Any) -> TrustedNetworks:
        return cls(tuple(ip_network(each) for each in section["networks"]), section["require_enrollment"])

    def holds(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class UserLocation:
    countries: Mapping[str, str] = field(default_factory=dict)
    others: str = "none"
    unknown: str = "auto"

    @property
    def is_silent(self) -> bool:
        return not self.countries and self.others == "none" and self.unknown in ("auto", "none")

    def action(self, country: str) -> str:
        """none, allow, require or deny. ``country``: two letters, or empty where it is not known: then nobody
        gains by it, unless the policy says so."""
        if self.is_silent:
            return "none"
        if country:
            return self.countries.get(country, self.others)
        if self.unknown != "auto":
            return self.unknown
        return "deny" if self.others == "deny" else "require"


@dataclass(frozen=True, slots=True)
class SecurityKeys:
    user_verification: str


@dataclass(frozen=True, slots=True)
class SelfService:
    portal: bool


@dataclass(frozen=True, slots=True)
class Lockout:
    threshold: int
    minutes: float

    @property
    def seconds(self) -> int:
        return round(self.minutes * 60)
