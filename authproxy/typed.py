"""What the user typed: a password, and perhaps a factor's name or a passcode behind it.

Pure. The field stays bytes, because appliances send passwords in any encoding.
"""

from __future__ import annotations

from dataclasses import field

from authproxy.model import AUTO, Choice, Factor, Passcode, Typed
from authproxy.value import value

_SHORTEST_CODE, _LONGEST_CODE = 6, 10
_SHORTEST_OTP, _LONGEST_OTP = 32, 48
_MODHEX = frozenset("cbdefghijklnrtuv")
_NAMES = {"push": Factor.PUSH, "phone": Factor.PHONE, "sms": Factor.SMS}
_MOST_DEVICES = 99


def read_factor(text: str) -> Typed | None:
    """``push``, ``phone2``, ``sms``, ``auto`` or a passcode; None when it is none of these.

    A passcode is 6 to 10 ASCII digits (phones show them in groups, so blanks inside are dropped) or the
    32 to 48 modhex characters of a YubiKey, an even number.
    """
    word = text.strip().lower()
    if word == "auto":
        return AUTO
    name = word.rstrip("0123456789")
    if name:
        return _choice(name, word[len(name) :]) or _code(word)
    return _code(word)


def _choice(name: str, number: str) -> Choice | None:
    factor = _NAMES.get(name)
    if factor is None or len(number) > 2 or number.startswith("0"):
        return None
    return Choice(factor, int(number or 1))


def _code(word: str) -> Passcode | None:
    code = word.replace(" ", "")
    if code.isascii() and code.isdigit() and _SHORTEST_CODE <= len(code) <= _LONGEST_CODE:
        return Passcode(code)
    is_otp_long = _SHORTEST_OTP <= len(code) <= _LONGEST_OTP and len(code) % 2 == 0
    if is_otp_long and _MODHEX.issuperset(code):
        return Passcode(code)
    return None


@value
class Field:
    """A password field taken apart. ``password`` is what primary authentication gets."""

    password: bytes = field(repr=False)
    typed: Typed | None = None


@value
class WholePassword:
    """The field is the password (challenge mode, ``allow_concat=false``)."""

    def read(self, data: bytes) -> Field:
        return Field(data)


@value
class WholeFactor:
    """The field is the factor or the passcode (``radius_server_duo_only``)."""

    def read(self, data: bytes) -> Field:
        return Field(b"", read_factor(data.decode("utf-8", "replace")))


@value
class Appended:
    """``password,push``: cut at the last delimiter if what follows names a factor or looks like a code.

    Otherwise the whole field is the password, so that ``pa,ss`` and ``pass,`` stay whole. With
    ``password_length`` the first that many characters are the password, and no delimiter is needed.
    With ``alone`` a field without a delimiter may be a factor or code by itself (nobody checks a password).
    """

    delimiter: str = ","
    password_length: int = 0
    alone: bool = False

    def read(self, data: bytes) -> Field:
        if self.password_length:
            return self._cut_at_length(data)
        head, found, tail = data.rpartition(self.delimiter.encode("utf-8"))
        typed = read_factor(tail.decode("utf-8", "replace")) if found or self.alone else None
        return Field(data) if typed is None else Field(head, typed)

    def _cut_at_length(self, data: bytes) -> Field:
        try:
            password, tail = _split_text(data.decode("utf-8"), self.password_length)
            head = password.encode("utf-8")
        except UnicodeDecodeError:
            head, tail = data[: self.password_length], data[self.password_length :].decode("utf-8", "replace")
        typed = read_factor(tail.removeprefix(self.delimiter))
        return Field(data) if typed is None else Field(head, typed)


def _split_text(text: str, length: int) -> tuple[str, str]:
    return text[:length], text[length:]


FieldReader = WholePassword | WholeFactor | Appended
