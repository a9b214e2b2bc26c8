"""MS-CHAP and EAP: whether a RADIUS server section relays them, and on whose word."""

from __future__ import annotations

from authproxy.config.problems import Findings
from authproxy.config.values import SectionValues


def check_relay(server: SectionValues, client: SectionValues, findings: Findings) -> None:
    """``client``: the section that checks the server's passwords."""
    if "pass_through_all" not in server.type.by_name:
        return
    has_upstream = client.type.name == "radius_client"
    if server.flag("pass_through_all") and not has_upstream:
        message = f"has no effect: [{client.name}] asks no RADIUS server; logins must use PAP"
        findings.info(server.line_of("pass_through_all"), server.name, "pass_through_all", message)
    if "eap_identity" not in server.type.by_name:
        return
    relays = has_upstream and (server.flag("pass_through_all") or client.flag("pass_through_all"))
    line = server.line_of("eap_identity")
    if server.is_given("eap_identity") and not relays:
        message = "has no effect: EAP is only relayed to a [radius_client], with pass_through_all=true"
        findings.info(line, server.name, "eap_identity", message)
    elif relays and server.text("eap_identity") == "outer":
        message = (
            "whoever has a password can have somebody else's second factor asked, or none: the outer name of an"
            " EAP login is chosen by the device; let the upstream server return the inner one instead"
        )
        findings.warning(line, server.name, "eap_identity", message, wanted="auto, inner or reply")
