"""The dictionary and what hypothesis keeps are many objects; frozen, they cost the per-test collection nothing."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.radius import door


@pytest.fixture(autouse=True, scope="session")
def _settled_memory() -> Iterator[None]:
    assert door.DICTIONARY
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
