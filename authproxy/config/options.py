"""The kinds of values an option can have: text in, value out, or what was wanted instead."""

from __future__ import annotations

import codecs
import math
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from authproxy.config.settings import Address, RequireMessageAuthenticator
from authproxy.model import Factor

_TRUE = frozenset(("true", "1", "yes", "on"))
_FALSE = frozenset(("false", "0", "no", "off"))
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?\Z")
_BASE_URL = re.compile(r"https://(\[[0-9a-f:.]+\]|[^/:?#@\s]+)(?::([0-9]+))?/?\Z")
_URL_TEXT = re.compile(r"[!-~]+\Z")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,15}\Z")
_ATTRIBUTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)(?:;[A-Za-z0-9-]+)*\Z")
_AUTO_FACTORS = (Factor.PUSH, Factor.PHONE, Factor.PASSCODE)


class BadValue(ValueError):
    """The text is no value of this kind; the message says what was wanted."""


@dataclass(frozen=True, slots=True)
class Kind:
    """``wanted`` completes "wanted ..." in messages and describes the kind in the reference.

    ``parse`` is given text without blanks around it, never empty; it raises BadValue.
    ``free_text``: a blank followed by ``#`` or ``;`` may well belong to the value.
    """

    wanted: str
    parse: Callable[[str], object]
    free_text: bool = False


@dataclass(frozen=True, slots=True)
class AddressRange:
    """Addresses ``first`` to ``last``, both included, of one family."""

    first: Address
    last: Address

    @property
    def size(self) -> int:
        return int(self.last) - int(self.first) + 1

    def overlaps(self, other: AddressRange) -> bool:
        if self.first.version != other.first.version:
            return False
        return int(self.first) <= int(other.last) and int(other.first) <= int(self.last)

    def is_everything(self) -> bool:
        return self.size == 1 << self.first.max_prefixlen


def _same(text: str) -> str:
    return text


def _boolean(text: str) -> bool:
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise BadValue(BOOLEAN.wanted)


def whole_number(low: int, high: int) -> Kind:
    wanted = f"a whole number from {low} to {high}"

    def parse(text: str) -> int:
        if not _WHOLE_NUMBER.match(text) or not low <= int(text) <= high:
            raise BadValue(wanted)
        return int(text)

    return Kind(wanted, parse)


def seconds(low: float, high: float) -> Kind:
    wanted = f"seconds from {low:g} to {high:g}"

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise BadValue(wanted) from None
        if not math.isfinite(value) or not low <= value <= high:
            raise BadValue(wanted)
        return value

    return Kind(wanted, parse)


def one_of(*words: str) -> Kind:
    """One of several words, in any case; the value is in lower case."""
    wanted = " or ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]
    by_lower = {word.lower(): word for word in words}

    def parse(text: str) -> str:
        try:
            return by_lower[text.lower()]
        except KeyError:
            raise BadValue(wanted) from None

    return Kind(wanted, parse)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _host(text: str) -> str:
    if "://" in text:
        raise BadValue("a host name or IP address without the scheme (ldap://, https://)")
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if "%" not in bare and _is_address(bare):
        return bare
    if text.count(":") == 1:
        raise BadValue("a host name or IP address; the port has an option of its own")
    if len(text) > 253 or not _HOST_NAME.match(text) or re.fullmatch(r"[0-9.]+", text):
        raise BadValue(HOST.wanted)
    return text


def _api_host(text: str) -> str:
    return _host(text).lower()


def _address(text: str) -> Address:
    try:
        if "%" not in text:
            return ip_address(text)
    except ValueError:
        pass
    raise BadValue(ADDRESS.wanted)


def _address_text(text: str) -> str:
    return str(_address(text))


def _address_range(text: str) -> AddressRange:
    try:
        if "-" in text:
            low, _, high = text.partition("-")
            return _span(ip_address(low.strip()), ip_address(high.strip()))
        if "%" not in text:
            network: IPv4Network | IPv6Network = ip_network(text, strict=False)
            return AddressRange(network[0], network[-1])
    except ValueError:
        pass
    raise BadValue(ADDRESS_RANGE.wanted)


def _span(first: Address, last: Address) -> AddressRange:
    match first, last:
        case (IPv4Address(), IPv4Address()) | (IPv6Address(), IPv6Address()) if int(first) <= int(last):
            return AddressRange(first, last)
    raise BadValue("a range from the lower to the higher address, of one family")


def _address_ranges(text: str) -> tuple[AddressRange, ...]:
    return tuple(_address_range(part) for part in _parts(text))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _names(text: str) -> tuple[str, ...]:
    return tuple(_parts(text))


def _factors(text: str) -> tuple[Factor, ...]:
    """In the order given; ``auto`` stands for push, phone, passcode."""
    chosen: list[Factor] = []
    for part in _parts(text.lower()):
        if part == "auto":
            chosen.extend(_AUTO_FACTORS)
            continue
        try:
            chosen.append(Factor(part))
        except ValueError:
            raise BadValue(FACTORS.wanted) from None
    if not chosen:
        raise BadValue(FACTORS.wanted)
    return tuple(dict.fromkeys(chosen))


def _distinguished_name(text: str) -> str:
    name, equals, _ = text.partition("=")
    if not equals or not _ATTRIBUTE.match(name.strip().strip('"')):
        raise BadValue(DISTINGUISHED_NAME.wanted)
    return text


def _filter(text: str) -> str:
    """With its outer parentheses; only their balance is checked here (RFC 4515: a literal one is escaped)."""
    whole = text if text.startswith("(") else f"({text})"
    depth = 0
    for index, char in enumerate(whole):
        depth += (char == "(") - (char == ")")
        if depth < 0 or (depth == 0 and index < len(whole) - 1):
            raise BadValue(FILTER.wanted)
    if depth or ("=" not in whole):
        raise BadValue(FILTER.wanted)
    return whole


def _attribute(text: str) -> str:
    if not _ATTRIBUTE.match(text):
        raise BadValue(ATTRIBUTE.wanted)
    return text


def _codec(text: str) -> str:
    try:
        codecs.lookup(text)
        "a".encode(text)
    except (LookupError, UnicodeError, ValueError):
        raise BadValue(CODEC.wanted) from None
    return text.lower()


def _require_message_authenticator(text: str) -> RequireMessageAuthenticator:
    if text.lower() == "auto":
        return RequireMessageAuthenticator.AUTO
    try:
        return RequireMessageAuthenticator.YES if _boolean(text) else RequireMessageAuthenticator.NO
    except BadValue:
        raise BadValue(MESSAGE_AUTHENTICATOR.wanted) from None


def _on_off_auto(text: str) -> str:
    """``true``, ``false`` or ``auto``."""
    if text.lower() == "auto":
        return "auto"
    try:
        return "true" if _boolean(text) else "false"
    except BadValue:
        raise BadValue(ON_OFF_AUTO.wanted) from None


def _base_url(text: str) -> str:
    """Without a slash at its end, the host in lower case."""
    match = _BASE_URL.match(text.lower())
    if not match:
        raise BadValue(BASE_URL.wanted)
    try:
        _host(match[1])
        if match[2] is not None:
            PORT.parse(match[2])
    except BadValue:
        raise BadValue(BASE_URL.wanted) from None
    return text.lower().rstrip("/")


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_sound = parts.port is None or parts.port > 0
    except ValueError:
        raise BadValue(HTTP_URL.wanted) from None
    is_sound = is_sound and parts.scheme in ("https", "http") and bool(parts.hostname) and "@" not in parts.netloc
    if not is_sound or parts.query or not _URL_TEXT.match(text):
        raise BadValue(HTTP_URL.wanted)
    return text


def _database(text: str) -> str:
    scheme = text.partition("://")[0].lower().partition("+")[0]
    if "://" not in text or scheme not in ("sqlite", "postgresql"):
        raise BadValue(DATABASE.wanted)
    return text


def _seed_key(text: str) -> str:
    try:
        is_key = len(b64decode(text, validate=True)) == 32
    except ValueError:
        is_key = False
    if not is_key:
        raise BadValue(SEED_KEY.wanted)
    return text


TEXT = Kind("text", _same, free_text=True)
SECRET = Kind("a secret", _same, free_text=True)
BOOLEAN = Kind("true or false", _boolean)
HOST = Kind("a host name or IP address", _host)
API_HOST = Kind("a host name, or local", _api_host)
PORT = whole_number(1, 65535)
ADDRESS = Kind("an IP address", _address)
INTERFACE = Kind("an IP address of this host", _address_text)
ADDRESS_RANGE = Kind("an IP address, a range 192.0.2.1-192.0.2.9, or a network 192.0.2.0/24", _address_range)
ADDRESS_RANGES = Kind("addresses, ranges and networks, separated by commas", _address_ranges)
PATH = Kind("a path", _same, free_text=True)
URL = Kind("a URL", _same)
HTTP_URL = Kind("https:// or http:// with a host, no password and no query", _http_url)
BASE_URL = Kind("https:// with a host and maybe a port, such as https://mfa.example.com:8443", _base_url)
ON_OFF_AUTO = Kind("true, false or auto", _on_off_auto)
NAMES = Kind("names, separated by commas", _names)
FACTORS = Kind("auto, or a list of push, phone, passcode and sms, separated by commas", _factors)
DISTINGUISHED_NAME = Kind("a distinguished name such as OU=People,DC=example,DC=com", _distinguished_name, True)
FILTER = Kind("an LDAP filter such as (department=IT)", _filter, True)
ATTRIBUTE = Kind("the name of an LDAP attribute", _attribute)
CODEC = Kind("a text encoding such as utf-8 or latin-1", _codec)
MESSAGE_AUTHENTICATOR = Kind("yes, no or auto", _require_message_authenticator)
DATABASE = Kind("sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME", _database, True)
SEED_KEY = Kind("base64 of 32 bytes", _seed_key, True)
