"""Every shell line of the documentation does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
import segno

from tests.docs.conftest import DocsSite
from tests.docs.pages import OURS, PAGES, Block, blocks, name_of

ALL = [block for page in PAGES for block in blocks(page)]


def shell_of(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.language == "sh" and not block.reason]


@pytest.mark.parametrize("page", [page for page in PAGES if shell_of(page)], ids=name_of)
def test_the_shell_lines_of_a_page_run(page: Path, docs_site: DocsSite, tmp_path: Path) -> None:
    config = tmp_path / "authproxy.cfg"
    config.write_text(docs_site.daemon.config.read_text())
    config.chmod(0o600)
    segno.make("logo").save(str(tmp_path / "example-corp.png"), scale=10)
    problems = []
    for block in shell_of(page):
        try:
            docs_site.sh(block.text, tmp_path)
        except AssertionError as error:
            problems.append(f"{block}: {error}")
    assert problems == [], "\n\n".join(problems)


@pytest.mark.parametrize("block", [block for block in ALL if OURS.search(block.text)], ids=str)
def test_a_shell_line_is_run_or_has_a_reason(block: Block) -> None:
    """Fence it as ``sh``, or put ``<!-- not run: REASON -->`` on the line before it."""
    assert block.language == "sh" or len(block.reason) > 10


def test_a_line_that_fails_is_noticed(docs_site: DocsSite, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="exit status 1"):
        docs_site.sh("authproxy user show nobody\ntrue", tmp_path)
    assert docs_site.sh("authproxy user list | grep -c alice", tmp_path) == "1\n"
