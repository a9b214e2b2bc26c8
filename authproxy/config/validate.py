"""A parsed file against the schema: every problem at once, and the values of what is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from authproxy.config import hints
from authproxy.config.check_entries import read_entries
from authproxy.config.check_sections import check_section
from authproxy.config.check_telephony import check_calls
from authproxy.config.check_whole import check_whole
from authproxy.config.ini import Document, Section
from authproxy.config.problems import Findings, Problem, Severity, in_file_order
from authproxy.config.schema import section_base
from authproxy.config.schema_global import MAIN, SERVICE
from authproxy.config.sections import section_type
from authproxy.config.values import Checked, SectionValues


def check(document: Document, *, syntax_only: bool = False) -> Checked:
    """Looks at the text alone, at no file and no host.

    ``syntax_only``: a secret that only Windows could read is a warning, for the file itself is sound.
    """
    findings = Findings(document.source, list(document.problems))
    sections = [
        values for section in document.sections if (values := _values(section, document, findings)) is not None
    ]
    by_name = {section.name: section for section in reversed(sections)}
    main = by_name.get("main") or SectionValues("main", MAIN, 1)
    service = by_name.get("service") or SectionValues("service", SERVICE, 1)
    if not document.sections:
        _nothing(document, findings)
    else:
        for section in sections:
            section.main = main if section is not main else None
            check_section(section, findings, syntax_only=syntax_only)
        if sections:
            check_whole(sections, document, findings)
        check_calls(sections, service, findings)
    problems = tuple(in_file_order(_weighed(findings.problems, sections)))
    return Checked(document.source, problems, tuple(sections), main, service)


def _weighed(problems: Sequence[Problem], sections: Sequence[SectionValues]) -> list[Problem]:
    """What is wrong in a section that has no effect keeps nobody from using the rest of the file. Keys that belong
    to another section are not its own: they have an effect elsewhere, or should."""
    idle = {section.name: section.type for section in sections if not section.is_served}

    def is_idle(problem: Problem) -> bool:
        kind = idle.get(problem.section)
        return kind is not None and (not problem.key or kind.resolve(problem.key) is not None)

    return [
        replace(problem, severity=Severity.WARNING)
        if problem.severity is Severity.ERROR and is_idle(problem)
        else problem
        for problem in problems
    ]


def _values(section: Section, document: Document, findings: Findings) -> SectionValues | None:
    kind = section_type(section.name)
    if kind:
        return read_entries(section, kind, document, findings)
    findings.error(section.line, section.name, "", _unknown_section(section.name))
    return None


def _unknown_section(name: str) -> str:
    if "accounting" in name:
        return (
            "RADIUS accounting is not part of this product (nor of Duo's proxy): "
            "send accounting to your accounting server, and remove this section"
        )
    base = section_base(name)
    if base != name and section_type(base):
        return f"there can be only one [{base}]"
    return f"unknown section{hints.did_you_mean(_bracketed(hints.closest_section(name)))}"


def _bracketed(name: str | None) -> str | None:
    return f"[{name}]" if name else None


def _nothing(document: Document, findings: Findings) -> None:
    message = "nothing is configured: the file has no active section"
    if document.commented_headers:
        first = document.commented_headers[0]
        message += f"; remove the comment marks from [{first.name}] (line {first.line}) and what belongs to it"
    findings.error(
        1,
        "",
        "",
        message,
        wanted="a client section such as [ad_client] and a server section such as [radius_server_auto]",
    )
