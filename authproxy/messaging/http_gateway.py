"""A gateway of one's own that takes HTTP requests: what it is sent, and what it tells, is as configured."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from authproxy.apiclient.messages import HttpReply
from authproxy.config.settings_telephony import HttpGatewaySettings, RequestTemplate
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
)
from authproxy.messaging.templates import CONTENT_TYPES, FOR_BODY, fields_of, fill, for_header, for_url

_ANSWER_SHOWN = 65_536  # bytes in which success is looked for
_HAPPENED = {
    "ringing": Happened.RINGING,
    "answered": Happened.ANSWERED,
    "in-progress": Happened.ANSWERED,
    "completed": Happened.OVER,
    "over": Happened.OVER,
    "busy": Happened.UNREACHED,
    "no-answer": Happened.UNREACHED,
    "canceled": Happened.UNREACHED,
    "failed": Happened.FAILED,
}


class HttpGateway:
    """Implements ``Gateway``. Its reports prove who they are by the address alone, which nobody else was told."""

    def __init__(
        self,
        settings: HttpGatewaySettings,
        courier: Courier,
        sender: str,
        caller_id: str,
        keys: tuple[str, str],
        base_url: str,
    ) -> None:
        """``keys``: the one that confirms, and the one for fraud. ``base_url``: empty: nobody can tell us
        anything."""
        self._settings = settings
        self._courier = courier
        self._sender = sender
        self._caller_id = caller_id
        self._keys = keys
        self._base_url = base_url
        self._delivered = re.compile(settings.reports.delivered, re.IGNORECASE)
        self._failed = re.compile(settings.reports.failed, re.IGNORECASE)

    @property
    def sends_texts(self) -> bool:
        return self._settings.sms is not None

    @property
    def places_calls(self) -> bool:
        return self._settings.call is not None and bool(self._base_url)

    # ------------------------------------------------------------ what it is asked

    async def text(self, message: Message) -> Taken | NotTaken:
        assert self._settings.sms is not None
        values = self._values(message.number, message.text, self._sender, message.report_url)
        return await self._ask(self._settings.sms, values)

    async def call(self, ring: Ring) -> Taken | NotTaken:
        assert self._settings.call is not None
        values = self._values(ring.number, ring.text, self._caller_id or self._sender, ring.urls.status)
        confirm, fraud = self._keys
        return await self._ask(
            self._settings.call,
            {
                **values,
                "extension": ring.extension,
                "predelay": str(ring.predelay),
                "postdelay": str(ring.postdelay),
                "confirm": confirm,
                "fraud": fraud,
            },
        )

    async def hang_up(self, provider_id: str) -> None:
        """It has no way to be told."""

    def _values(self, number: str, text: str, sender: str, callback: str) -> dict[str, str]:
        password = self._settings.password
        return {
            "number": number,
            "digits": number.removeprefix("+"),
            "text": text,
            "from": sender,
            "callback": callback,
            "username": self._settings.username,
            "password": password.reveal() if password else "",
        }

    async def _ask(self, template: RequestTemplate, values: Mapping[str, str]) -> Taken | NotTaken:
        reply = await self._courier.bring(parcel(template, values))
        return reply if isinstance(reply, NotTaken) else judge(template, reply)

    # ------------------------------------------------------------ what it tells

    def is_genuine(self, came: Came) -> bool:
        return True

    def read_report(self, came: Came) -> Report:
        status = came.value(self._settings.reports.parameter).strip()
        if self._delivered.search(status):
            return Report("delivered")
        return Report("failed" if self._failed.search(status) else "")

    def read_call(self, step: str, came: Came) -> Heard:
        status = came.value(self._settings.reports.parameter).strip().lower()
        has_key = any(name == "digits" for name, _ in came.pairs)
        return Heard(_HAPPENED.get(status, Happened.NOTHING), came.value("digits") if has_key else None)

    def say(self, step: str, say: Say, urls: CallUrls, text: str, postdelay: int) -> Reply:
        return Reply(200, text)


def parcel(template: RequestTemplate, values: Mapping[str, str]) -> Parcel:
    """Each value is escaped for the place it stands in."""
    lines = [header.reveal() for header in template.headers]
    headers = {} if not template.body else {"Content-Type": CONTENT_TYPES[template.body_format]}
    used = fields_of(template.url, template.body, *lines)
    if values.get("username") and not used & {"username", "password"}:
        credentials = f"{values['username']}:{values['password']}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(credentials).decode('ascii')}"
    for line in lines:
        name, _, value = line.partition(":")
        headers = {known: said for known, said in headers.items() if known.lower() != name.lower()}
        headers[name] = fill(value.strip(), values, for_header)
    body = fill(template.body, values, FOR_BODY[template.body_format])
    return Parcel(template.method, fill(template.url, values, for_url), headers, body.encode("utf-8", "replace"))


def judge(template: RequestTemplate, reply: HttpReply) -> Taken | NotTaken:
    """A server's error may come after the message went out."""
    if not any(reply.status in span for span in template.success_status):
        moved = ": a redirect, which is not followed" if 300 <= reply.status < 400 else ""
        return NotTaken(f"status {reply.status}{moved}", is_sure=300 <= reply.status < 500)
    body = reply.body[:_ANSWER_SHOWN].decode("utf-8", "replace")
    if template.success_body and not re.search(template.success_body, body):
        return NotTaken(f"status {reply.status}, but the answer does not match success_body", is_sure=False)
    return Taken()
