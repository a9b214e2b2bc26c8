"""Who makes a request: its signature checked, and only then its parameters read."""

from __future__ import annotations

from dataclasses import dataclass

from authproxy.secondfactor.authapi import Application
from authproxy.web.api import envelope
from authproxy.web.api.envelope import Refusal
from authproxy.web.api.parameters import Parameters
from authproxy.web.api.signature import Credentials, Flaw, Signable, Verified, credentials, verify
from authproxy.web.site import Site
from authproxy.web.source import bucket

_JSON = b"application/json"
_DUO = b"x-duo-"
_PROBLEMS = {
    Flaw.NO_DATE: envelope.MISSING_DATE,
    Flaw.BAD_DATE: envelope.BAD_DATE,
    Flaw.BAD_SIGNATURE: envelope.BAD_SIGNATURE,
}


@dataclass(frozen=True, slots=True)
class Arrived:
    """A request as it came. ``source`` is the client's address."""

    signable: Signable
    authorization: bytes
    source: str


@dataclass(frozen=True, slots=True)
class Call:
    """A request of an application that has shown who it is."""

    app: Application
    parameters: Parameters


def arrived(
    method: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes, source: str
) -> Arrived:
    """``headers``: names in lower case."""
    by_name = dict(headers)
    content_type = by_name.get(b"content-type", b"").partition(b";")[0].strip().lower()
    signable = Signable(
        method.encode("ascii"),
        by_name.get(b"host", b""),
        path,
        query,
        body,
        content_type == _JSON,
        by_name.get(b"x-duo-date") or by_name.get(b"date", b""),
        [(name, value) for name, value in headers if name.startswith(_DUO)],
    )
    return Arrived(signable, by_name.get(b"authorization", b""), source)


async def identify(request: Arrived, site: Site, types: frozenset[str]) -> Call:
    """``types``: the kinds of application that may call. Raises Refusal and StoreUnavailable."""
    presented = credentials(request.authorization)
    if presented is None:
        raise Refusal(envelope.MISSING_CREDENTIALS)
    app = await site.applications.find(presented.ikey)
    if app is None:
        raise Refusal(envelope.UNKNOWN_IKEY)
    verified = _verified(request.signable, presented, app, site)
    site.rates.give_back(bucket(request.source))
    if app.type not in types:
        raise Refusal(envelope.FORBIDDEN, "Wrong integration type for this API.")
    return Call(app, _parameters(request.signable, verified))


def _verified(request: Signable, presented: Credentials, app: Application, site: Site) -> Verified:
    try:
        match verify(
            request,
            presented.signature,
            app.skey,
            site.now(),
            names=site.host_names,
            allow_v1=app.allow_v1_signatures,
        ):
            case Verified() as verified:
                return verified
            case Flaw() as flaw:
                raise Refusal(_PROBLEMS[flaw])
    except ValueError:
        raise Refusal(envelope.INVALID_PARAMETERS, "too many parameters") from None


def _parameters(request: Signable, verified: Verified) -> Parameters:
    """Those that the signature covers, and no others."""
    if verified.version >= 4 and request.is_json and request.body:
        return Parameters.of_json(request.body, request.pairs())
    return Parameters.of_pairs(request.pairs())
