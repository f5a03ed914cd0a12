"""docs/promises.md: every pain has a section that tells a user how, and tests that exist; what has not is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.promises_page import Promise, promises, rendered

PAINS = 22
GOOD = promises()[0]


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise.pain[:40])
def test_a_promise_is_kept_somewhere_and_told_somewhere(promise: Promise) -> None:
    """Renaming a test or a heading means saying so in promises.toml."""
    promise.checked()


def test_no_pain_is_left_out() -> None:
    """Each has a row of its own."""
    assert len({promise.pain for promise in promises()}) == PAINS
    assert rendered().count("\n| ") == PAINS + 1


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (replace(GOOD, tests=[]), "nothing shows: A watch dies"),
        (replace(GOOD, docs=[]), "nobody can read about"),
        (replace(GOOD, tests=["test_health.py::test_that_is_none"]), "no tests/test_health.py::test_that_is_none"),
        (replace(GOOD, tests=["test_none.py::test_it"]), "no tests/test_none.py"),
        (replace(GOOD, docs=["howto/staying-live.md#nowhere"]), "no docs/howto/staying-live.md#nowhere"),
        (replace(GOOD, docs=["howto/none.md"]), "no docs/howto/none.md"),
    ],
    ids=["no test", "no section", "a test that is none", "a file that is none", "no such heading", "no such page"],
)
def test_a_row_that_lacks_something_fails_the_build(broken: Promise, why: str) -> None:
    """The page is not written, and `make docs` ends with the reason."""
    with pytest.raises(LookupError, match=why):
        broken.checked()
