"""The appliances of one RADIUS server section: pairs of address and secret, and which of them meet."""

from __future__ import annotations

from authproxy.config.options import AddressRange
from authproxy.config.problems import Findings
from authproxy.config.schema import Form
from authproxy.config.values import SectionValues


def check_appliances(section: SectionValues, findings: Findings) -> None:
    addresses, secrets = set(section.numbers("radius_ip")), set(section.numbers("radius_secret"))
    mentioned = {number for name, number in section.unusable if name == "radius_ip"}
    unusable_secrets = {number for name, number in section.unusable if name == "radius_secret"}
    if not addresses and not mentioned:
        wanted = "radius_ip_1= and radius_secret_1="
        findings.error(section.line, section.name, "", "no appliance may send requests", wanted=wanted)
    for number in sorted(addresses - secrets - unusable_secrets):
        key, line = f"radius_ip_{number}", section.line_of("radius_ip", number)
        wanted = f"radius_secret_{number}="
        findings.error(line, section.name, key, "has no secret of the same number", wanted=wanted)
    for number in sorted(secrets - addresses - mentioned):
        key, line = section.key_of("radius_secret", number), section.line_of("radius_secret", number)
        wanted = f"radius_ip_{number}="
        findings.error(line, section.name, key, "has no address of the same number", wanted=wanted)
    _ranges(section, sorted(addresses), findings)


def _ranges(section: SectionValues, numbers: list[int], findings: Findings) -> None:
    by_size: dict[tuple[int, int], list[_Numbered]] = {}
    for number in numbers:
        span = section.get("radius_ip", number)
        assert isinstance(span, AddressRange)
        by_size.setdefault((span.first.version, span.size), []).append((span, number))
        if span.is_everything():
            message = "open to every address: whoever learns the secret may ask; name the appliances"
            key = f"radius_ip_{number}"
            findings.warning(section.line_of("radius_ip", number), section.name, key, message)
    for ranges in by_size.values():  # of different sizes, the smaller one holds
        _overlaps(section, ranges, findings)


_Numbered = tuple[AddressRange, int]


def _overlaps(section: SectionValues, ranges: list[_Numbered], findings: Findings) -> None:
    """One sweep over ranges of one size, in the order of their addresses."""
    reaching: list[_Numbered] = []
    for span, number in sorted(ranges, key=lambda pair: (int(pair[0].first), pair[1])):
        reaching = [(other, earlier) for other, earlier in reaching if int(other.last) >= int(span.first)]
        if reaching:
            others = [earlier for _, earlier in reaching]
            _same_appliance(section, _most_different(section, number, others), number, findings)
        reaching.append((span, number))


def _most_different(section: SectionValues, number: int, others: list[int]) -> int:
    """Of the appliances that overlap: one with another secret, if there is one."""
    own = section.get("radius_secret", number)
    return next((other for other in others if section.get("radius_secret", other) != own), others[0])


def _same_appliance(section: SectionValues, one: int, other: int, findings: Findings) -> None:
    first, second = sorted((one, other))
    key, line = f"radius_ip_{second}", section.line_of("radius_ip", second)
    where = f"overlaps radius_ip_{first} on line {section.line_of('radius_ip', first)}"
    secrets = section.secret("radius_secret", first), section.secret("radius_secret", second)
    if secrets[0] == secrets[1]:
        findings.warning(line, section.name, key, f"{where}, which has the same secret: one is enough")
    elif all(secret is not None and secret.form is Form.PLAIN for secret in secrets):
        message = f"{where}, which has another secret: it is not clear which one holds"
        findings.error(line, section.name, key, message)
    else:
        findings.warning(line, section.name, key, f"{where}; unless their secrets are the same, logins will fail")
