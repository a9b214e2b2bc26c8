"""What Twilio is told to do with a call (TwiML). Pure: every text is escaped."""

from __future__ import annotations

from authproxy.messaging.templates import for_xml

MEDIA_TYPE = "text/xml"
_WAIT_SECONDS = 10  # for the key, once everything is said


def ask(text: str, language: str, key_url: str, postdelay: int) -> str:
    """Says it twice while it waits for one key. ``finishOnKey`` is empty: else ``#`` would end the input instead
    of being it."""
    pause = f'<Pause length="{postdelay}"/>' if postdelay else ""
    say = _say(text, language, ' loop="2"')
    return _response(
        f'{pause}<Gather numDigits="1" finishOnKey="" timeout="{_WAIT_SECONDS}" actionOnEmptyResult="true"'
        f' method="POST" action="{for_xml(key_url)}">{say}</Gather>'
    )


def say_and_hang_up(text: str, language: str) -> str:
    return _response(f"{_say(text, language)}<Hangup/>" if text else "<Hangup/>")


def _say(text: str, language: str, more: str = "") -> str:
    return f'<Say language="{for_xml(language)}"{more}>{for_xml(text)}</Say>'


def _response(verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Response>{verbs}</Response>\n'
