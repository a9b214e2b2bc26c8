"""What commands need to write mail. The daemon sends it."""

from __future__ import annotations

import time

from authproxy.cli.context import Shell
from authproxy.messaging.post_office import open_mailroom
from authproxy.secondfactor.mailroom import Mailroom
from authproxy.secondfactor.refusals import NotDone


def mailroom(shell: Shell) -> Mailroom:
    """Raises NotDone without a ``[mail]`` section, ConfigError."""
    settings = shell.opened.settings
    if settings.mail is None:
        raise NotDone("there is no [mail] section: no mail can be sent")
    web = settings.service.web
    return open_mailroom(settings.mail, web.base_url if web else "", shell.seeds(), time.time)
