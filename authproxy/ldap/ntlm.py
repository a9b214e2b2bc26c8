"""NTLMv2 (MS-NLMP) as a SASL mechanism, for a connection without TLS: it proves the password without sending it,
and what follows is signed and sealed with a key that both sides derive from it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import spnego
import spnego._ntlm
from spnego import ContextReq, NegotiateOptions, NTLMHash
from spnego._ntlm_raw.crypto import ntowfv1

from authproxy.ldap.sasl import SaslError

# The library logs its tokens at debug level, and passwords can be guessed from them.
logging.getLogger("spnego").setLevel(logging.WARNING)

_UNICODE, _SIGN, _SEAL, _NTLM = 0x1, 0x10, 0x20, 0x200
_EXTENDED_SESSION_SECURITY, _128_BIT, _KEY_EXCHANGE = 0x80000, 0x20000000, 0x40000000
_DEMANDED = _UNICODE | _SIGN | _SEAL | _NTLM | _EXTENDED_SESSION_SECURITY | _128_BIT | _KEY_EXCHANGE
_WANTED = ContextReq.integrity | ContextReq.confidentiality | ContextReq.sequence_detect | ContextReq.replay_detect
_CHALLENGE = b"NTLMSSP\0\x02\0\0\0"
_FLAGS = slice(20, 24)
_NT_RESPONSE_LENGTH = slice(20, 22)
_NTLM1_RESPONSE = 24  # bytes; those of NTLMv2 are longer


class NtlmKey:
    """What NTLM needs of a password. As good as the password: never shown."""

    __slots__ = ("_hash",)

    def __init__(self, password: str) -> None:
        """Raises SaslError for what no password can be."""
        try:
            self._hash = ntowfv1(password).hex().upper()
        except UnicodeEncodeError as error:
            raise SaslError("the password is not text") from error

    def of(self, account: str) -> NTLMHash:
        return NTLMHash(username=account, nt_hash=self._hash)


class Ntlm:
    """Implements ``sasl.Mechanism``. ``account`` is ``DOMAIN\\name``; the domain may be the DNS name."""

    name = b"GSS-SPNEGO"  # servers take NTLM's own messages in it as well (MS-SPNG 3.3.5.1)

    def __init__(self, account: str, key: NtlmKey, workstation: str) -> None:
        self._workstation = workstation
        self._context = spnego.client(
            key.of(account), protocol="ntlm", context_req=_WANTED, options=NegotiateOptions.use_ntlm
        )

    async def step(self, challenge: bytes | None) -> bytes | None:
        """Takes about a millisecond, so it needs no thread."""
        if challenge is not None:
            _check_challenge(challenge)
        elif self._context.complete:
            raise SaslError("the server sent no NTLM challenge")
        try:
            with _announcing(self._workstation):
                token = self._context.step(challenge)
        except Exception as error:  # the library's parsers raise of all kinds
            raise SaslError(f"the server's NTLM message can't be used: {error}") from error
        if challenge is not None and token is not None:
            _check_answer(token)
        return token

    async def finish(self, credentials: bytes | None) -> None:
        if credentials:
            raise SaslError("the server sent something behind the end of NTLM")

    def seal(self) -> Ntlm:
        wanted = ContextReq.integrity | ContextReq.confidentiality
        if not self._context.complete or self._context.context_attr & wanted != wanted:
            raise SaslError("the server ended NTLM before the connection could be sealed")
        return self

    def wrap(self, data: bytes) -> bytes:
        return self._context.wrap(data).data

    def unwrap(self, data: bytes) -> bytes:
        try:
            return self._context.unwrap(data).data
        except Exception as error:
            raise SaslError("what the server sent is not sealed with the key of this bind") from error


@contextmanager
def _announcing(workstation: str) -> Iterator[None]:
    """The library takes the workstation's name from the environment only, which belongs to the whole process."""
    usual = spnego._ntlm._get_workstation
    if workstation:
        spnego._ntlm._get_workstation = lambda: workstation
    try:
        yield
    finally:
        spnego._ntlm._get_workstation = usual


def _check_challenge(token: bytes) -> None:
    """Before anything that depends on the password is sent. Raises SaslError."""
    if not token.startswith(_CHALLENGE) or len(token) < _FLAGS.stop:
        raise SaslError("the server did not answer with an NTLM challenge")
    flags = int.from_bytes(token[_FLAGS], "little")
    if flags & _DEMANDED != _DEMANDED:
        raise SaslError(f"the server does not offer NTLMv2 with sealing and 128-bit keys (flags 0x{flags:08x})")


def _check_answer(token: bytes) -> None:
    """The library would send NTLMv1 if the environment told it to."""
    if int.from_bytes(token[_NT_RESPONSE_LENGTH], "little") <= _NTLM1_RESPONSE:
        raise SaslError("NTLMv1 is not used; LM_COMPAT_LEVEL must not be below 3")
