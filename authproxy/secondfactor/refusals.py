"""Why an administrator's wish was not done. The text is one clear line for whoever asked."""

from authproxy.errors import AuthproxyError


class NotDone(AuthproxyError):
    """Nothing was changed."""


class NotFound(NotDone):
    """There is no such user, device, code or group."""


class AlreadyThere(NotDone):
    """It exists already."""


class BadValue(NotDone):
    """What was given can't be stored."""
