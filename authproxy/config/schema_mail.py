"""``[mail]``: the server that takes outgoing mail, and who it comes from."""

from __future__ import annotations

from authproxy.config import options as kind
from authproxy.config.options_mail import MAIL_ADDRESS
from authproxy.config.schema import Option, Role, SectionType

MAIL = SectionType(
    "mail",
    Role.GLOBAL,
    "Outgoing mail: invitations to enroll, activation links, and notices to administrators. See docs/mail.md.",
    (
        Option("host", kind.HOST, "SMTP server that takes mail for everybody", required=True),
        Option("port", kind.PORT, "its port", default_note="587; 465 with tls=tls, 25 with tls=none"),
        Option(
            "tls",
            kind.one_of("starttls", "tls", "none"),
            "starttls: turned on after connecting, and nothing is sent without; tls: from the first byte; none: in"
            " clear",
            "starttls",
        ),
        Option(
            "ssl_ca_certs_file",
            kind.PATH,
            "authorities that the server's certificate is checked with, PEM",
            default_note="the operating system's",
        ),
        Option("username", kind.TEXT, "account for sending", default_note="none: without logging in"),
        Option("password", kind.SECRET, "its password", secret=True),
        Option("from", MAIL_ADDRESS, "address that mail comes from", required=True),
        Option("from_name", kind.TEXT, "name that is shown beside it", default_note="none"),
        Option("reply_to", MAIL_ADDRESS, "address that answers go to", default_note="`from`"),
        Option("timeout", kind.seconds(1, 300), "longest wait for each answer of the server", "30"),
        Option(
            "template_dir",
            kind.PATH,
            "directory whose files replace the texts of the same name: enrollment.txt, enrollment.html ...",
            default_note="none",
        ),
    ),
    repeatable=False,
)
