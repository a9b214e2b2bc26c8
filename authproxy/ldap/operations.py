"""The operations a client may send (RFC 4511 4.2 to 4.12) and the response that ends each."""

from __future__ import annotations

from typing import Final

from authproxy.ldap import messages, responses
from authproxy.ldap.messages import seal
from authproxy.ldap.responses import Code, Result

# Whatever is not among these and is no bind, unbind or abandon is not passed on: a directory that understood
# it might let somebody in.
ANSWERS: Final = {
    messages.SEARCH_REQUEST: messages.SEARCH_DONE,
    0x66: 0x67,  # modify
    0x68: 0x69,  # add
    0x4A: 0x6B,  # delete
    0x6C: 0x6D,  # rename
    0x6E: 0x6F,  # compare
    messages.EXTENDED_REQUEST: messages.EXTENDED_RESPONSE,
}
REQUESTS: Final = frozenset((
    *ANSWERS, messages.BIND_REQUEST, messages.UNBIND_REQUEST, messages.ABANDON_REQUEST,
))  # fmt: skip
ENDS: Final = frozenset((*ANSWERS.values(), messages.BIND_RESPONSE))


def answer(message_id: int, tag: int, code: Code, text: str = "", name: bytes = b"") -> bytes:
    """A whole response message of our own."""
    return seal(message_id, responses.encode_result(tag, Result(code, message=plain(text), name=name)))


def notice(code: Code, text: str) -> bytes:
    """A Notice of Disconnection (RFC 4511 4.4.1)."""
    return answer(0, messages.EXTENDED_RESPONSE, code, text, messages.NOTICE_OF_DISCONNECTION)


def plain(text: str) -> str:
    """Short and ASCII, as old clients need it."""
    return text[:200].encode("ascii", "replace").decode("ascii")
