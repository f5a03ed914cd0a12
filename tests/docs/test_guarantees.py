"""docs/guarantees.md, docs/security.md and ARCHITECTURE.md: what they point to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
YOURS = "- What your own transform"
PROMISES = {
    "guarantees": (ROOT / "docs" / "guarantees.md").read_text().partition("## What Kubernetes permits")[0],
    "security": (ROOT / "docs" / "security.md").read_text().replace(YOURS, ""),
}
"""Without what is said of Kubernetes and of the user's own code, which is theirs to keep."""


@pytest.mark.parametrize("page", PROMISES)
def test_every_promise_names_tests_that_exist(page: str) -> None:
    """Each sentence stands on a test; renaming one means saying so there."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / f"{page}.md").read_text())
    missing = [f"{path}::{name}" for path, name in named if f"def {name}(" not in (ROOT / path).read_text()]
    assert missing == []
    assert len(named) > 20


@pytest.mark.parametrize("page", PROMISES)
def test_every_sentence_of_a_promise_has_a_test(page: str) -> None:
    """Only what describes Kubernetes itself may go without."""
    bullets = re.split(r"^- ", PROMISES[page], flags=re.MULTILINE)[1:]
    assert [bullet.splitlines()[0] for bullet in bullets if "tests/" not in bullet] == []


def test_the_architecture_names_every_module() -> None:
    """A module that is not on the page is in no room."""
    page = (ROOT / "ARCHITECTURE.md").read_text()
    modules = [path.name for path in (ROOT / "aioinformer").glob("*.py") if not path.name.startswith("__")]
    assert [module for module in modules if f"`{module}`" not in page] == []
