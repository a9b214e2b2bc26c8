"""Whose entry a typed name means. On Active Directory a domain in it counts (MS-ADTS 5.1.1.1.1)."""

from __future__ import annotations

from authproxy.ldap import dn
from authproxy.ldap.dn import DnError
from authproxy.ldap.host import DirectoryHost
from authproxy.ldap.responses import Code, Entry
from authproxy.ldap.session import Answer
from authproxy.model import Denied, Reason
from authproxy.primary.bind_result import NotJudged, not_judged
from authproxy.primary.forest import Forest, ForestFinder
from authproxy.primary.login_name import LoginName
from authproxy.primary.user_search import UserSearch

_NAMES_SHOWN = 10


class UserLookup:
    """``DOMAIN\\name`` must be in that domain of the forest. ``user@domain`` is who has it as user principal name,
    or else, if it is a domain of the forest, the account ``user`` there. Other directories have no domains."""

    def __init__(self, search: UserSearch, forests: ForestFinder, search_dn: str) -> None:
        self._search = search
        self._forests = forests
        self._search_dn = search_dn

    async def entry(self, host: DirectoryHost, name: LoginName) -> Entry | Denied:
        """Raises NotJudged and ConnectionFailed."""
        domain = ""
        is_implicit = not name.realm and name.has_at and self._search.takes_upn
        if name.realm or is_implicit:
            forest = await self._forests.of(host)
            domain = forest.domains.get(name.realm or name.behind_at, "")
            if name.realm and forest.domains and not domain:
                return Denied(Reason.UNKNOWN_USER, _no_such_domain(name.realm, forest))
        is_implicit = is_implicit and bool(domain)
        answer = await host.search(self._search.find(name, is_implicit=is_implicit))
        if domain:
            meant = [entry for entry in answer.entries if _is_meant(entry, name, domain)]
            answer = answer._replace(entries=_with_own_upn(meant, name) or meant)
        return self.only_entry(host, answer)

    def only_entry(self, host: DirectoryHost, answer: Answer) -> Entry | Denied:
        """Raises NotJudged."""
        code = answer.result.code
        if len(answer.entries) > 1 or code == Code.SIZE_LIMIT_EXCEEDED:
            return Denied(Reason.AMBIGUOUS_USER, "several entries match below search_dn")
        if code != Code.SUCCESS:
            raise self.failed(host, answer)
        if not answer.entries:
            return Denied(Reason.UNKNOWN_USER, "no entry matches below search_dn")
        if not answer.entries[0].dn:
            raise NotJudged("the directory found an entry without a name")
        return answer.entries[0]

    def failed(self, host: DirectoryHost, answer: Answer) -> NotJudged:
        """For a search that ended with another result than success."""
        if answer.result.code == Code.OPERATIONS_ERROR:  # Active Directory's way to say: you aren't bound
            host.drop_service("the directory does not take it as bound any more")
        error = not_judged(answer.result, "the search")
        if answer.result.code == Code.NO_SUCH_OBJECT:
            return NotJudged(f"{error}; search_dn {self._search_dn!r} does not exist, or is not readable")
        return error


def _is_meant(entry: Entry, name: LoginName, domain: str) -> bool:
    return domain_of(entry) == domain or (not name.realm and bool(_with_own_upn([entry], name)))


def _with_own_upn(entries: list[Entry], name: LoginName) -> list[Entry]:
    """Those whose user principal name is the name as typed."""
    wanted = name.account.casefold()
    return [
        entry
        for entry in entries
        if any(upn.decode("utf-8", "replace").casefold() == wanted for upn in _upns(entry))
    ]


def _upns(entry: Entry) -> list[bytes]:
    return list(entry.attributes.get(b"userprincipalname", ()))


def domain_of(entry: Entry) -> str:
    """The DNS name of the domain that the entry is in, in lower case; empty for one without."""
    try:
        return (dn.domain(entry.dn.decode("utf-8", "replace")) or "").casefold()
    except DnError:
        return ""


def _no_such_domain(realm: str, forest: Forest) -> str:
    known = ", ".join(sorted(forest.domains)[:_NAMES_SHOWN])
    return f"the name's domain {realm!r} is not in this directory's forest ({known})"
