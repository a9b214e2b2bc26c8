"""What a reload says of the options that need a restart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from authproxy.assembly.fixed import fixed_differences
from authproxy.config.build import load


def test_options_that_turn_on_the_web_side_are_named(tmp_path: Path) -> None:
    file = tmp_path / "authproxy.cfg"
    file.write_text(
        "[service]\nbase_url=https://mfa.example.com\n[duo_only_client]\n"
        "[radius_server_duo_only]\nradius_ip_1=127.0.0.1\nradius_secret_1=secret\n"
    )
    with_web = load(file)
    without = replace(with_web, service=replace(with_web.service, web=None))
    assert fixed_differences(without, with_web) == ["[service] base_url"]
    assert fixed_differences(with_web, without) == ["[service] base_url"]
    assert fixed_differences(with_web, with_web) == []
