"""Twilio: messages and calls through its REST API of 2010, and what it tells of them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from urllib.parse import quote, urlencode

from authproxy.apiclient.messages import HttpReply
from authproxy.config.settings_telephony import TwilioSettings
from authproxy.messaging import twiml
from authproxy.messaging.courier import Courier, Parcel
from authproxy.messaging.gateway import (
    CallUrls,
    Came,
    Happened,
    Heard,
    Message,
    NotTaken,
    Reply,
    Report,
    Ring,
    Say,
    Taken,
    without_numbers,
)
from authproxy.messaging.twilio_signature import is_signed

_CREATED = range(200, 300)
_MOST_DIGITS = 32  # of SendDigits, pauses included
_RING_SECONDS = range(5, 46)
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}\Z")
_ID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}\Z")
_HAPPENED = {
    "ringing": Happened.RINGING,
    "in-progress": Happened.ANSWERED,
    "completed": Happened.OVER,
    "busy": Happened.UNREACHED,
    "no-answer": Happened.UNREACHED,
    "canceled": Happened.UNREACHED,
    "failed": Happened.FAILED,
}
_REPORTS = {"delivered": "delivered", "undelivered": "failed", "failed": "failed"}


class TwilioGateway:
    """Implements ``Gateway``."""

    def __init__(
        self, settings: TwilioSettings, courier: Courier, sender: str, caller_id: str, base_url: str, language: str
    ) -> None:
        """``base_url``: of our web side, as Twilio calls it; empty: it can't."""
        self._token = settings.auth_token
        self._account = f"{settings.api_base}/2010-04-01/Accounts/{quote(settings.account_sid, safe='')}"
        credentials = f"{settings.account_sid}:{settings.auth_token.reveal()}".encode()
        self._headers = {
            "Authorization": f"Basic {base64.b64encode(credentials).decode('ascii')}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        self._courier = courier
        self._sender = sender
        self._caller_id = caller_id
        self._base_url = base_url
        self._language = language

    @property
    def sends_texts(self) -> bool:
        return True

    @property
    def places_calls(self) -> bool:
        return bool(self._caller_id and self._base_url)

    # ------------------------------------------------------------ what it is asked

    async def text(self, message: Message) -> Taken | NotTaken:
        sender = "MessagingServiceSid" if _SERVICE.match(self._sender) else "From"
        pairs = [("To", message.number), (sender, self._sender), ("Body", message.text)]
        if message.report_url:
            pairs.append(("StatusCallback", message.report_url))
        return await self._ask("Messages.json", pairs)

    async def call(self, ring: Ring) -> Taken | NotTaken:
        pairs = [
            ("To", ring.number),
            ("From", self._caller_id),
            ("Url", ring.urls.answer),
            ("Method", "POST"),
            ("StatusCallback", ring.urls.status),
            ("StatusCallbackMethod", "POST"),
            *(("StatusCallbackEvent", event) for event in ("ringing", "answered", "completed")),
            ("Timeout", str(max(_RING_SECONDS[0], min(int(ring.seconds), _RING_SECONDS[-1])))),
        ]
        digits = _digits_to_send(ring.extension, ring.predelay)
        if digits:
            pairs.append(("SendDigits", digits))
        return await self._ask("Calls.json", pairs)

    async def hang_up(self, provider_id: str) -> None:
        if _ID.match(provider_id):
            await self._ask(f"Calls/{provider_id}.json", [("Status", "completed")])

    async def _ask(self, what: str, pairs: Sequence[tuple[str, str]]) -> Taken | NotTaken:
        parcel = Parcel("POST", f"{self._account}/{what}", self._headers, urlencode(pairs).encode("ascii"))
        reply = await self._courier.bring(parcel)
        return reply if isinstance(reply, NotTaken) else read_answer(reply)

    # ------------------------------------------------------------ what it tells

    def is_genuine(self, came: Came) -> bool:
        url = f"{self._base_url}{came.path}" + (f"?{came.query}" if came.query else "")
        return is_signed(self._token.reveal_bytes(), url, came.pairs, came.signature)

    def read_report(self, came: Came) -> Report:
        error = came.value("ErrorCode")
        detail = f"Twilio error {error}" if error.isascii() and error.isdigit() else ""
        return Report(_REPORTS.get(came.value("MessageStatus"), ""), detail)

    def read_call(self, step: str, came: Came) -> Heard:
        match step:
            case "answer":
                return Heard(Happened.ANSWERED)
            case "key":
                return Heard(Happened.NOTHING, came.value("Digits"))
            case _:
                return Heard(_HAPPENED.get(came.value("CallStatus"), Happened.NOTHING))

    def say(self, step: str, say: Say, urls: CallUrls, text: str, postdelay: int) -> Reply:
        if step not in ("answer", "key"):
            return Reply(204)
        if say is Say.ASK:
            body = twiml.ask(text, self._language, urls.key, postdelay)
        else:
            body = twiml.say_and_hang_up(text, self._language)
        return Reply(200, body, twiml.MEDIA_TYPE)


def read_answer(reply: HttpReply) -> Taken | NotTaken:
    """A refusal is ``{"code": 21211, "message": ...}`` with a status of 400 or more."""
    said = _object(reply.body)
    if reply.status in _CREATED:
        sid = said.get("sid")
        if isinstance(sid, str) and _ID.match(sid):
            return Taken(sid)
        return NotTaken(f"status {reply.status}, but not an answer of Twilio's", is_sure=False)
    code, message = said.get("code"), said.get("message")
    why = f"status {reply.status}"
    if isinstance(code, int) and isinstance(message, str):
        why += f", Twilio error {code}: {without_numbers(message)}"
    return NotTaken(why, is_sure=reply.status < 500)


def _object(body: bytes) -> dict[str, object]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _digits_to_send(extension: str, predelay: int) -> str:
    """A ``w`` is half a second."""
    digits = "".join(
        "w" if character == "," else character for character in extension if character in "0123456789*#,"
    )
    if not digits:
        return ""
    pauses = min(2 * max(predelay, 1), _MOST_DIGITS - len(digits))
    return "w" * max(pauses, 0) + digits[:_MOST_DIGITS]
