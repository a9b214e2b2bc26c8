"""The keys of a remote second-factor service to settings."""

from __future__ import annotations

from authproxy.config.places import Places
from authproxy.config.reveal import Secrets
from authproxy.config.settings import RemoteSettings
from authproxy.config.values import SectionValues


def remote(section: SectionValues, secrets: Secrets, places: Places) -> RemoteSettings | None:
    """None: the section uses the embedded service."""
    if section.is_local:
        return None
    proxy, authorities = section.optional_text("http_proxy_host"), section.optional_text("http_ca_certs_file")
    return RemoteSettings(
        ikey=section.text("ikey"),
        skey=secrets.required(section, "skey"),
        api_host=section.text("api_host"),
        api_port=section.integer("api_port"),
        signature_version=int(section.text("api_signature").removeprefix("v")),
        sends_directory_name=section.text("api_username") == "directory",
        http_proxy=(proxy, section.integer("http_proxy_port")) if proxy else None,
        http_ca_certs_file=places.to_read(authorities) if authorities else None,
    )
