"""What pages translate by its value: names and descriptions that the rooms behind them hold."""

from __future__ import annotations

from collections.abc import Iterator

from authproxy.model import Factor, Reason
from authproxy.secondfactor import invitations, phones
from authproxy.secondfactor.policy_kinds import Words
from authproxy.secondfactor.policy_sections import SECTIONS, Field
from authproxy.secondfactor.pushes import PushStatus
from authproxy.secondfactor.roles import Permission
from authproxy.secondfactor.setting_kinds import Word
from authproxy.secondfactor.setting_list import SETTINGS, Setting


def words() -> Iterator[str]:
    """Some of them more than once."""
    described: list[Setting | Field] = [setting for setting in SETTINGS if not setting.is_kept_only]
    described += [field for fields in SECTIONS.values() for field in fields.values()]
    for each in described:
        yield each.about
        if isinstance(each.kind, Word | Words):
            yield from (word.replace("_", " ") for word in each.kind.words)
    for names in (Factor, Permission, PushStatus, Reason):
        yield from names
    yield from invitations.STATES
    yield from phones.TYPES
