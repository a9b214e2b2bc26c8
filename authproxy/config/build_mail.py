"""``[mail]`` to settings."""

from __future__ import annotations

from collections.abc import Sequence

from authproxy.config.places import Places
from authproxy.config.reveal import Secrets
from authproxy.config.settings_mail import PORTS, MailSettings
from authproxy.config.values import SectionValues


def mail(sections: Sequence[SectionValues], secrets: Secrets, places: Places) -> MailSettings | None:
    """None: no mail is sent."""
    section = next((section for section in sections if section.type.name == "mail"), None)
    if section is None:
        return None
    tls = section.text("tls")
    authorities, templates = section.optional_text("ssl_ca_certs_file"), section.optional_text("template_dir")
    return MailSettings(
        host=section.text("host"),
        port=section.integer("port") if section.is_given("port") else PORTS[tls],
        sender=section.text("from"),
        sender_name=section.text("from_name"),
        reply_to=section.text("reply_to"),
        tls=tls,
        ssl_ca_certs_file=places.to_read(authorities) if authorities else None,
        username=section.text("username"),
        password=secrets.optional(section, "password"),
        timeout=section.seconds("timeout"),
        template_dir=places.to_read(templates) if templates else None,
    )
