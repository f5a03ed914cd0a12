"""docs/promises.md: what hurts elsewhere, what is promised here, where a user reads how, and which tests hold it."""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.docs.pages import headings, slug

ROOT = Path(__file__).parent.parent
DOCS, TESTS = ROOT / "docs", ROOT / "tests"
TABLE = TESTS / "docs" / "promises.toml"
HEAD = """# Promises, and the tests that hold them

What users of other informers suffer, gathered from the issue trackers of client-go, controller-runtime, kube-rs, fabric8, the JavaScript,
Python and C# clients, and from applications that have built an informer by hand; and what is promised here. `make docs` makes this
table of [promises.toml](../tests/docs/promises.toml), and fails when a row lacks its section or its test.

The same library's promises sentence by sentence are its [guarantees](guarantees.md).

| # | where it hurts | here | how | shown by |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Promise:
    """A row. ``docs`` are ``page#section`` below docs/, ``tests`` are ``path::name`` below tests/."""

    pain: str
    answer: str
    docs: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)

    def checked(self) -> Promise:
        """Itself.

        Raises:
            LookupError: it has no section or no test, or names one that is not there.
        """
        if not self.docs or not self.tests:
            raise LookupError(f"nobody can read about, or nothing shows: {self.pain}")
        for test in self.tests:
            path, _, name = test.partition("::")
            if name not in _tests_in(path):
                raise LookupError(f"there is no tests/{test}, which shows: {self.pain}")
        for section in self.docs:
            _title(section)
        return self

    def row(self, number: int) -> str:
        """Its line of the table."""
        how = ", ".join(f"[{_title(section)}]({section})" for section in self.docs)
        shown = "<br>".join(f"[{test.partition('::')[2]}](../tests/{test.partition('::')[0]})" for test in self.tests)
        return f"| {number} | {self.pain} | {self.answer} | {how} | {shown} |"


def promises() -> list[Promise]:
    """All of them, in their order."""
    return [Promise(**row) for row in tomllib.loads(TABLE.read_text())["promise"]]


def rendered() -> str:
    """The page.

    Raises:
        LookupError: a promise that nothing shows, or that nobody can read about.
    """
    return HEAD + "\n".join(promise.checked().row(number) for number, promise in enumerate(promises(), start=1)) + "\n"


@cache
def _tests_in(path: str) -> frozenset[str]:
    file = TESTS / path
    if not file.exists():
        return frozenset()
    nodes = ast.walk(ast.parse(file.read_text()))
    return frozenset(
        node.name
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def _title(section: str) -> str:
    """The heading that a section's link leads to."""
    page, _, anchor = section.partition("#")
    file = DOCS / page
    titles = headings(file.read_text()) if file.exists() else []
    found = [title for title in titles if not anchor or slug(title) == anchor]
    if not found:
        raise LookupError(f"there is no docs/{section}")
    return found[0]
