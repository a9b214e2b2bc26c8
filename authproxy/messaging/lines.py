"""The gateway, wired: messages and calls out, reports in."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from twisted.internet.interfaces import IReactorTime

from authproxy.config.settings_telephony import HttpGatewaySettings, TelephonySettings, TwilioSettings
from authproxy.messaging.addresses import Addresses
from authproxy.messaging.callbacks import Callbacks
from authproxy.messaging.calls import GatewayCalls
from authproxy.messaging.courier import Courier, origin_of
from authproxy.messaging.gateway import Gateway
from authproxy.messaging.http_gateway import HttpGateway
from authproxy.messaging.sms import GatewayTexts
from authproxy.messaging.twilio import TwilioGateway
from authproxy.secondfactor.outbox import Outbox
from authproxy.secondfactor.telephony import Ledger


@dataclass(frozen=True, slots=True)
class TelephoneLines:
    """What there is of it. ``callbacks``: for the web side."""

    texts: GatewayTexts | None
    calls: GatewayCalls | None
    callbacks: Callbacks


def open_lines(
    settings: TelephonySettings,
    base_url: str,
    key: bytes,
    ledger: Ledger,
    clock: IReactorTime,
    closers: list[Callable[[], object]],
    outbox: Outbox | None = None,
) -> TelephoneLines:
    """``base_url``: of the web side, empty without one. ``key``: for :class:`Addresses`. ``outbox``: keeps copies
    of messages. Raises ConfigError."""
    gateway = _gateway(settings, _courier(settings, clock, closers), base_url)
    addresses = Addresses(base_url, key)
    calls = GatewayCalls(gateway, ledger, addresses, settings.calls, clock) if gateway.places_calls else None
    texts = GatewayTexts(gateway, ledger, addresses, outbox, settings.sender) if gateway.sends_texts else None
    return TelephoneLines(texts, calls, Callbacks(gateway, ledger, addresses, calls, settings.calls))


def _courier(settings: TelephonySettings, clock: IReactorTime, closers: list[Callable[[], object]]) -> Courier:
    from authproxy.apiclient.https import HttpsHost, HttpsPeer  # its imports take time and memory

    peers = {}
    for origin in sorted({origin_of(url) for url in _urls(settings)}):
        parts = urlsplit(origin)
        host = HttpsHost(
            parts.hostname or "",
            parts.port or (443 if parts.scheme == "https" else 80),
            settings.http_ca_certs_file,
            settings.http_proxy,
            parts.scheme,
        )
        peers[origin] = HttpsPeer(host)
        closers.append(peers[origin].close)
    return Courier(peers, clock, random.random, settings.timeout, settings.retries)


def _urls(settings: TelephonySettings) -> list[str]:
    match settings.gateway:
        case TwilioSettings(api_base=api_base):
            return [api_base]
        case HttpGatewaySettings(sms=sms, call=call):
            return [request.url for request in (sms, call) if request is not None]


def _gateway(settings: TelephonySettings, courier: Courier, base_url: str) -> Gateway:
    match settings.gateway:
        case TwilioSettings() as twilio:
            language = settings.calls.language
            return TwilioGateway(twilio, courier, settings.sender, settings.caller_id, base_url, language)
        case HttpGatewaySettings() as own:
            keys = (settings.calls.confirm, settings.calls.fraud)
            return HttpGateway(own, courier, settings.sender, settings.caller_id, keys, base_url)
