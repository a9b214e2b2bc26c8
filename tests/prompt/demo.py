"""A small application behind an unmodified ``duo_universal``, and browsers that run no scripts."""

from __future__ import annotations

import re
import time
import warnings
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duo_universal
import requests

from authproxy.secondfactor.applications import Keys, add_application
from tests.web.apihost import ApiHost

CALLBACK = "https://app.test/cb"


@dataclass
class Page:
    """What a browser has got. ``gone``: the redirection that leads away from the service, if it did."""

    url: str
    status: int
    html: str
    gone: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        found = re.findall("<h1>(.*?)</h1>", self.html, re.DOTALL)
        return unescape(found[0].strip()) if found else ""

    @property
    def text(self) -> str:
        """Without markup."""
        return " ".join(unescape(re.sub("<[^>]*>", " ", self.html)).split())

    @property
    def choices(self) -> list[str]:
        return [unescape(each) for each in re.findall('name="choice" value="([^"]*)"', self.html)]

    @property
    def query(self) -> dict[str, str]:
        """Of the address that it is sent to."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.gone).query).items()}


class Visitor:
    """A browser that keeps cookies, and runs no scripts. It follows the service's redirections, not others'."""

    def __init__(
        self,
        host: ApiHost,
        agent: str = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Firefox/141.0",
        language: str = "",
    ) -> None:
        self.base = f"https://localhost:{host.port}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(host.ca)
        self.session.headers["User-Agent"] = agent
        self.session.headers["Accept-Language"] = language
        self.page = Page("", 0, "")

    def get(self, url: str, **more: Any) -> Page:
        return self._follow("GET", url, **more)

    def post(self, data: dict[str, str], url: str = "", **more: Any) -> Page:
        """The form of the page, as its browser sends it."""
        token = re.findall('name="csrf" value="([^"]*)"', self.page.html)
        given = {"csrf": token[0] if token else "", **data}
        headers = {"Origin": self.base, **more.pop("headers", {})}
        return self._follow("POST", url or self.page.url, data=given, headers=headers, **more)

    def choose(self, choice: str, **more: str) -> Page:
        found = next(each for each in self.page.choices if each.startswith(choice))
        return self.post({"choice": found, **more})

    def passcode(self, code: str) -> Page:
        return self.choose("passcode", passcode=code)

    def wait(self, seconds: float = 30.0) -> Page:
        """Loads the page again, until it is another one."""
        before, give_up = self.page.title, time.monotonic() + seconds
        while self.get(self.page.url).title == before and not self.page.gone:
            assert time.monotonic() < give_up, f"the page still says {before!r}"
        return self.page

    def _follow(self, method: str, url: str, **more: Any) -> Page:
        for _ in range(10):
            answer = self.session.request(method, url, allow_redirects=False, timeout=60, **more)
            to = answer.headers.get("Location", "")
            headers = {name.lower(): value for name, value in answer.headers.items()}
            if not to:
                self.page = Page(url, answer.status_code, answer.text, "", headers)
                return self.page
            if not to.startswith(("/", self.base)):
                self.page = Page(url, answer.status_code, "", to, headers)
                return self.page
            method, url, more = "GET", self.base + to if to.startswith("/") else to, {}
        raise AssertionError("redirected for ever")


@dataclass
class Demo:
    """The application: sends people to the prompt, and fetches what came of it."""

    host: ApiHost
    name: str
    keys: Keys
    callback: str = CALLBACK

    @classmethod
    def make(cls, host: ApiHost, name: str, callback: str = CALLBACK, **more: Any) -> Demo:
        with host.database.writing() as connection:
            keys = add_application(connection, host.seeds, name, "websdk", **more)
        return cls(host, name, keys, callback)

    def client(self, **changed: Any) -> Any:
        """An unmodified client."""
        given = {
            "client_id": self.keys.ikey,
            "client_secret": self.keys.skey,
            "host": f"localhost:{self.host.port}",
            "redirect_uri": self.callback,
            "duo_certs": str(self.host.ca),
        }
        return duo_universal.Client(**{**given, **changed})

    def begin(self, username: str, visitor: Visitor | None = None, **more: Any) -> tuple[Visitor, str]:
        """A browser at the prompt, and the state that the application has made up."""
        client = self.client(**more.pop("client", {}))
        state = client.generate_state()
        visitor = visitor or Visitor(self.host)
        visitor.get(quietly(client.create_auth_url, username, state, **more))
        return visitor, state

    def result(self, code: str, username: str, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = quietly(
            self.client().exchange_authorization_code_for_2fa_result, code, username, **more
        )
        return found


def quietly(call: Any, *arguments: Any, **named: Any) -> Any:
    """The client's library warns of the length of Duo's keys."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*arguments, **named)
