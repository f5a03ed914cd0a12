"""tests/catalogue/catalogue.toml: what it points to is there, and runs where it is said to."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from scripts.catalogue_page import SUITE, Clause, clauses

TESTS = Path(__file__).parent.parent
CATALOGUE = clauses()


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of the tests of a file, in classes or not."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((TESTS / path).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return frozenset(names)


@pytest.mark.parametrize("clause", CATALOGUE, ids=lambda clause: clause.text[:40])
def test_the_tests_of_a_clause_exist(clause: Clause) -> None:
    """Renaming a test means saying so in the catalogue."""
    named = [test.split("::") for test in clause.tests]
    assert [f"{path}::{name}" for path, name in named if name not in names_in(path)] == []


@pytest.mark.parametrize("clause", CATALOGUE, ids=lambda clause: clause.text[:40])
def test_a_clause_is_shown_on_the_machine_and_on_both_servers(clause: Clause) -> None:
    """No clause rests on one kind of test; where one kind would show nothing, the catalogue says so."""
    shown = {"machine": clause.machine, "embedded": clause.both + clause.embedded, "real": clause.both + clause.real}
    assert [kind for kind, tests in shown.items() if not tests] == [
        kind for kind in shown if clause.without.startswith(kind)
    ]


def test_tests_run_where_the_catalogue_says() -> None:
    """Only the conformance suite runs on both servers; faults/ needs a real one, and nothing else does."""
    assert all(test.startswith(SUITE) for clause in CATALOGUE for test in clause.both)
    assert all(test.startswith((SUITE, "faults/")) for clause in CATALOGUE for test in clause.real)
    assert not any(
        test.startswith((SUITE, "faults/")) for clause in CATALOGUE for test in clause.machine + clause.embedded
    )
