"""What an application asks of the prompt: the parameters of ``/oauth/v1/authorize`` and the signed request object
in them (RFC 9101), read and judged. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from authproxy.model import JsonValue
from authproxy.secondfactor.prompt_stages import PromptRequest
from authproxy.secondfactor.redirects import is_address, with_query
from authproxy.web.oidc.assertions import BadAssertion

SHORTEST_STATE: Final = 16
LONGEST_STATE: Final = 1024
_LONGEST_NAME: Final = 1024
_HALF: Final = re.compile("[\ud800-\udfff]")
_YES: Final = ("true", "1")


@dataclass(frozen=True, slots=True)
class Told:
    """The request can't be served, and the application is told at ``url`` (RFC 6749 4.1.2.1)."""

    url: str


def asked(
    ikey: str,
    claims: Mapping[str, JsonValue],
    query: Mapping[str, str],
    registered: Sequence[str],
    hosts: Collection[str],
) -> PromptRequest | Told:
    """``claims``: of the request object, which the application ``ikey`` has signed. ``query``: what stands beside
    it. ``registered``: the application's redirect URIs; where there are none, the signature vouches for any.
    ``hosts``: what this service is called, ``https://host[:port]``. Raises BadAssertion: nothing leads back."""
    _check_parties(ikey, claims, hosts)
    uri = _redirect_uri(claims, query, registered)
    state = _text(claims, "state") or query.get("state", "")
    problem = _problem(claims, query, state)
    if problem:
        return Told(with_query(uri, {"error": "invalid_request", "error_description": problem, "state": state}))
    has_duo_code = str(claims.get("use_duo_code_attribute", "")).lower() in _YES
    nonce = _text(claims, "nonce") or query.get("nonce", "")
    name = "duo_code" if has_duo_code else "code"
    return PromptRequest(ikey, uri, state, nonce, _text(claims, "duo_uname"), name)


def _check_parties(ikey: str, claims: Mapping[str, JsonValue], hosts: Collection[str]) -> None:
    for name in ("client_id", "iss"):
        if claims.get(name, ikey) != ikey:
            raise BadAssertion(f"{name} is another application")
    audience = claims.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    good = {None, *hosts, *(f"{host}/oauth/v1/authorize" for host in hosts)}
    if not any(isinstance(each, str | None) and each in good for each in listed):
        raise BadAssertion(f"aud is {audience!r:.200}")


def _redirect_uri(claims: Mapping[str, JsonValue], query: Mapping[str, str], registered: Sequence[str]) -> str:
    uri = _text(claims, "redirect_uri")
    if query.get("redirect_uri", uri) != uri:
        raise BadAssertion("redirect_uri differs from the signed one")
    if registered and uri not in registered:
        raise BadAssertion(f"redirect_uri {uri!r:.200} is not one of the application's")
    if not is_address(uri):
        raise BadAssertion(f"redirect_uri {uri!r:.200} is no https address")
    return uri


def _problem(claims: Mapping[str, JsonValue], query: Mapping[str, str], state: str) -> str:
    """ "": none."""
    if (_text(claims, "response_type") or query.get("response_type", "")) != "code":
        return "response_type must be code"
    if "openid" not in (_text(claims, "scope") or query.get("scope", "")).split():
        return "scope must be openid"
    if not SHORTEST_STATE <= len(state) <= LONGEST_STATE:
        return f"state must have {SHORTEST_STATE} to {LONGEST_STATE} characters"
    if len(_text(claims, "nonce") or query.get("nonce", "")) > LONGEST_STATE:
        return f"nonce can't have more than {LONGEST_STATE} characters"
    if not _text(claims, "duo_uname").strip() or len(_text(claims, "duo_uname")) > _LONGEST_NAME:
        return "duo_uname must name a user"
    return ""


def _text(claims: Mapping[str, JsonValue], name: str) -> str:
    """Empty also for what is no text: JSON may hold half characters, which no page can show."""
    value = claims.get(name)
    return value if isinstance(value, str) and not _HALF.search(value) else ""
