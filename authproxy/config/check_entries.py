"""Every key and value of one section by itself: known, of the right kind, and no trap in how it is written."""

from __future__ import annotations

from authproxy.config import hints
from authproxy.config.ini import Document, Entry, Section
from authproxy.config.options import BadValue
from authproxy.config.problems import Findings, Severity, masked, quoted
from authproxy.config.schema import Form, Option, Resolved, SectionType, Shape
from authproxy.config.sections import section_type
from authproxy.config.values import PROTECTED_PREFIX, Given, SecretSource, SectionValues

WINDOWS_VALUE = "AQAAA"  # base64 of the first bytes of a DPAPI blob
_BOOLEAN_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "1", "0"))


def read_entries(section: Section, kind: SectionType, document: Document, findings: Findings) -> SectionValues:
    """The section's values; what is wrong with its entries goes to ``findings``."""
    values = SectionValues(section.name, kind, section.line)
    previous: Entry | None = None
    for entry in section.entries:
        resolved = kind.resolve(entry.key)
        if resolved is None and _lacks_number(entry, kind):
            pass
        elif resolved is None:
            _unknown(entry, previous, section, kind, document, findings)
        else:
            _read(entry, resolved, values, findings)
        previous = entry
    _without_number(section, kind, values, findings)
    return values


# ---------------------------------------------------------------- keys that are not known


def _unknown(
    entry: Entry,
    previous: Entry | None,
    section: Section,
    kind: SectionType,
    document: Document,
    findings: Findings,
) -> None:
    # The value stays unsaid: it may be a secret under a misspelled key.
    severity, message, wanted = (
        _commented_header(entry, section, document)
        or _wrong_number(entry, kind)
        or _continuation(entry, previous)
        or _other(entry, kind)
    )
    findings.add(severity, entry.line, section.name, entry.key, message, wanted=wanted)


_Finding = tuple[Severity, str, str]


def _commented_header(entry: Entry, section: Section, document: Document) -> _Finding | None:
    for header in reversed(document.commented_headers):
        kind = section_type(header.name)
        if section.line < header.line < entry.line and kind and kind.resolve(entry.key):
            message = (
                f"no option of [{section.name}]; line {header.line} has the header [{header.name}] commented out, "
                f"so the keys below it fall into [{section.name}]: comment them out, too, or restore the header"
            )
            return Severity.ERROR, message, ""
    return None


def _wrong_number(entry: Entry, kind: SectionType) -> _Finding | None:
    base, underscore, digits = entry.key.rpartition("_")
    known = kind.bases.get(base) if underscore and digits.isdigit() else None
    if not known:
        return None
    option, form = known
    if option.shape is Shape.SINGLE:
        return Severity.WARNING, "ignored: this option has no number", option.key(0, form)
    if option.shape is Shape.FAILOVER and digits in ("0", "1"):
        bare, second = option.key(1, form), option.key(2, form)
        return Severity.WARNING, f"ignored: the first goes without a number ({bare}), the second is {second}", ""
    return Severity.ERROR, "its number can't be used", f"{option.key(2, form)}="


def _continuation(entry: Entry, previous: Entry | None) -> _Finding | None:
    if previous is None or entry.indent <= previous.indent:
        return None
    message = (
        f"unknown, and further indented than {previous.key} on line {previous.line}; "
        "if it goes on with that value: a value must be on one line"
    )
    return Severity.ERROR, message, ""


def _other(entry: Entry, kind: SectionType) -> _Finding:
    homes = hints.homes(entry.key, kind)
    guess = hints.closest_key(entry.key, kind)
    if homes and not guess:
        shown = ", ".join(f"[{name}]" for name in homes[:3])
        return Severity.WARNING, f"ignored: no option of [{kind.name}] but of {shown}", ""
    return Severity.WARNING, f"ignored: unknown option{hints.did_you_mean(guess)}", ""


# ---------------------------------------------------------------- keys that lack their number


def _lacks_number(entry: Entry, kind: SectionType) -> bool:
    base = kind.bases.get(entry.key)
    return base is not None and base[0].shape is Shape.NUMBERED


def _without_number(section: Section, kind: SectionType, values: SectionValues, findings: Findings) -> None:
    """``radius_ip=`` and ``radius_secret=``: an error each, and what they stand for is not called missing."""
    for entry in section.entries:
        if not _lacks_number(entry, kind):
            continue
        option, form = kind.bases[entry.key]
        numbers = _fitting_numbers(option, values)
        message = "its number is missing"
        if len(numbers) > 1:
            message += ", and each number needs its own"
        wanted = ", ".join(f"{option.key(number, form)}=" for number in numbers[:3])
        findings.error(entry.line, section.name, entry.key, message, wanted=wanted)
        values.unusable.update((option.name, number) for number in numbers)


def _fitting_numbers(option: Option, values: SectionValues) -> list[int]:
    """The numbers that the other half of a pair of options is given with, or the next free one."""
    pair = {"radius_ip": "radius_secret", "radius_secret": "radius_ip"}.get(option.name)
    taken = values.numbers(option.name)
    open_ = [number for number in values.numbers(pair) if number not in taken] if pair else []
    return open_ or [max(taken, default=0) + 1]


# ---------------------------------------------------------------- keys that are known


def _read(entry: Entry, resolved: Resolved, values: SectionValues, findings: Findings) -> None:
    place = (resolved.option.name, resolved.number)
    if not entry.value:
        if place not in values.given:
            values.empty.add(place)
        return
    if place in values.given or place in values.unusable:
        first = values.given.get(place)
        message = f"given twice, as {first.key if first else 'another form'} and as {entry.key}; keep one"
        findings.error(entry.line, values.name, entry.key, message)
    elif resolved.option.secret:
        _read_secret(entry, resolved, values, findings)
    else:
        _read_plain(entry, resolved, values, findings)


def _read_plain(entry: Entry, resolved: Resolved, values: SectionValues, findings: Findings) -> None:
    option, place = resolved.option, (resolved.option.name, resolved.number)
    try:
        value = option.kind.parse(entry.value)
    except BadValue as bad:
        values.unusable.add(place)
        _bad_value(entry, option, str(bad), values.name, findings)
        return
    stripped = hints.without_inline_comment(entry.value)
    if stripped == "":
        message = "nothing but a comment is read as the value; put comments on lines of their own"
        findings.warning(entry.line, values.name, entry.key, message, quoted(entry.value))
    elif stripped is not None:
        message = "what looks like a comment behind the value is part of it; put comments on lines of their own"
        findings.warning(entry.line, values.name, entry.key, message, quoted(entry.value))
    if hints.is_quoted(entry.value):
        _quotes(entry, values.name, quoted(entry.value), findings)
    _invisible(entry, values.name, findings)
    values.given[place] = Given(entry.key, entry.line, value)
    if option.pending and not values.type.pending and not _is_default(option, value):
        findings.warning(entry.line, values.name, entry.key, f"has no effect: {option.pending}")


def _bad_value(entry: Entry, option: Option, wanted: str, section: str, findings: Findings) -> None:
    message = "bad value"
    stripped = hints.without_inline_comment(entry.value)
    if stripped is not None and (not stripped or _parses(option, stripped)):
        message = "comments can't stand behind a value, they become part of it; put the comment on its own line"
        wanted = quoted(stripped) if stripped else wanted
    elif hints.is_quoted(entry.value) and _parses(option, entry.value[1:-1]):
        message = "quotes are not removed, they become part of the value"
        wanted = entry.value[1:-1]
    elif (hidden := hints.invisible_character(entry.value)) is not None:
        message = f"bad value: it contains the invisible character {hidden}"
    findings.error(entry.line, section, entry.key, message, quoted(entry.value), wanted)


def _parses(option: Option, text: str) -> bool:
    try:
        option.kind.parse(text)
    except BadValue:
        return False
    return bool(text)


def _is_default(option: Option, value: object) -> bool:
    return bool(option.default) and option.kind.parse(option.default) == value


def _quotes(entry: Entry, section: str, found: str, findings: Findings) -> None:
    message = "the quotes are part of the value: INI files need none"
    findings.warning(entry.line, section, entry.key, message, found)


def _invisible(entry: Entry, section: str, findings: Findings) -> None:
    hidden = hints.invisible_character(entry.value)
    if hidden:
        message = f"contains the invisible character {hidden}, perhaps from copy and paste"
        findings.warning(entry.line, section, entry.key, message)


def _read_secret(entry: Entry, resolved: Resolved, values: SectionValues, findings: Findings) -> None:
    option, place = resolved.option, (resolved.option.name, resolved.number)
    values.given[place] = Given(entry.key, entry.line, SecretSource(resolved.form, entry.value))
    if resolved.form is Form.PROTECTED:
        _check_protected(entry, resolved, values, findings)
        return
    shown = masked(entry.value) if resolved.form is Form.PLAIN else quoted(entry.value)
    if hints.is_quoted(entry.value):
        _quotes(entry, values.name, shown, findings)
    _invisible(entry, values.name, findings)
    if resolved.form is Form.PLAIN:
        try:
            option.kind.parse(entry.value)
        except BadValue as bad:
            values.unusable.add(place)
            findings.error(entry.line, values.name, entry.key, "bad value", shown, str(bad))


def _check_protected(entry: Entry, resolved: Resolved, values: SectionValues, findings: Findings) -> None:
    """A value that is neither ours nor from Windows; the latter is judged when it is known who needs it."""
    if entry.value.startswith((PROTECTED_PREFIX, WINDOWS_VALUE)):
        return
    values.unusable.add((resolved.option.name, resolved.number))
    if entry.value.lower() in _BOOLEAN_WORDS:
        message = "not a switch: it holds the protected secret itself"
    else:
        message = f"not a protected value; a plain secret belongs in {resolved.option.key(resolved.number)}"
    wanted = "what 'authproxy passwd' prints"
    findings.error(entry.line, values.name, entry.key, message, masked(entry.value), wanted)
