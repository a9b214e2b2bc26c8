"""The real daemon and its enrollment page, as browsers and phones see them."""

from __future__ import annotations

import re
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from html import unescape
from typing import Any

from tests.phone.phonehost import PhoneHost
from tests.phone.webphone import WebPhone
from tests.web.apihost import ApiHost


@dataclass(frozen=True)
class Page:
    status: int
    html: str
    headers: dict[str, str]
    url: str

    @property
    def title(self) -> str:
        return re.findall("<h1>(.*)</h1>", self.html)[0]

    @property
    def activation(self) -> str:
        """The link for the device that shows the page."""
        return unescape(re.findall('href="([^"]*/phone/activate#[^"]*)"', self.html)[0])


class Site:
    def __init__(self, host: ApiHost) -> None:
        self.host = host
        self.phones = PhoneHost(host.daemon, host.database, host.port, {}, host.ca)

    def portal(self, username: str) -> str:
        """Where preauth sends somebody who may enroll."""
        told = self.host.client().preauth(username=username)
        assert told["result"] == "enroll"
        return str(told["enroll_portal_url"])

    def get(self, url: str, data: bytes | None = None) -> Page:
        """Follows redirections, as a browser does."""
        with self._open(urllib.request.Request(url, data)) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Page(answer.status, answer.read().decode("utf-8", "replace"), headers, answer.url)

    def content(self, url: str) -> tuple[int, str, bytes]:
        with self._open(urllib.request.Request(url)) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()

    def begin(self, url: str) -> Page:
        return self.get(f"{url}/begin", b"")

    def activate(self, link: str) -> WebPhone:
        """A phone that opens the link."""
        phone = WebPhone()
        said = self.phones.post(phone, "claim", phone.claim_body(link))
        phone.serial = said["serial"]
        return phone

    def set_up(self, link: str) -> WebPhone:
        """A phone that opens the link and answers its test."""
        phone = self.activate(link)
        self.approve_test(phone)
        return phone

    def approve_test(self, phone: WebPhone) -> None:
        push = self.phones.pending(phone)
        assert push["application"] == "Test"
        answer = {"push": push["id"], "nonce": push["nonce"], "decision": "approve"}
        assert self.phones.post(phone, "answer", answer)["status"] == "approved"

    def refuses(self, link: str) -> bool:
        phone = WebPhone()
        return bool(self.phones.post(phone, "claim", phone.claim_body(link))["http"] == 404)

    def _open(self, request: urllib.request.Request) -> Any:
        context = ssl.create_default_context(cafile=str(self.host.ca))
        try:
            return urllib.request.urlopen(request, timeout=60, context=context)
        except urllib.error.HTTPError as error:
            return error
