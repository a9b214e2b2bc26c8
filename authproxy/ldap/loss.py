"""Why a connection to a directory is gone, in words."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost

from authproxy.config.settings import Transport

_WHILE_OPENING = {
    Transport.CLEAR: "",
    Transport.STARTTLS: " while StartTLS was set up",
    Transport.LDAPS: " during the TLS handshake; is this an LDAPS port?",
}


def explain_loss(error: BaseException | None, opening: Transport | None) -> str:
    """``opening``: how the connection was being opened, if it was not open yet."""
    if isinstance(error, SSL.Error):
        return _explain_tls(error)
    if isinstance(error, (ConnectionDone, ConnectionAborted, ConnectionLost)):
        hint = "" if opening is None else _WHILE_OPENING[opening]
        return f"the server closed the connection{hint}"
    return str(error) or type(error).__name__


def _explain_tls(error: SSL.Error) -> str:
    reasons = (
        [part[-1] for part in error.args[0] if part] if error.args and isinstance(error.args[0], list) else []
    )
    text = "; ".join(dict.fromkeys(filter(None, reasons))) or "the connection broke"
    hint = ""
    if "wrong version number" in text or "record layer" in text:
        hint = ": this port does not speak TLS"
    elif "protocol version" in text or "unsupported protocol" in text:
        hint = ": the server only knows TLS versions below minimum_tls_version"
    elif "handshake failure" in text or "no ciphers" in text:
        hint = ": no cipher in common; see cipher_list"
    return f"TLS failed ({text}){hint}"
