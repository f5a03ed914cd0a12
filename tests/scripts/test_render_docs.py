"""scripts/render_docs.py and the pages it writes: they are up to date, and a broken page is told."""

from __future__ import annotations

import pytest

from scripts.render_docs import DOCS, PAGES, with_parts


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_up_to_date(page: str) -> None:
    """It is what the code and the tests say; `make docs` writes it."""
    assert (DOCS / page).read_text() == PAGES[page]()


def test_what_is_written_by_hand_stays() -> None:
    """Only what stands between the marks is written anew."""
    page = (DOCS / "reliability.md").read_text()
    assert with_parts(f"by hand\n{page}by hand") == f"by hand\n{page}by hand"


def test_a_page_that_lost_a_mark_is_told() -> None:
    """Nothing would be written, and nobody would notice."""
    with pytest.raises(LookupError, match="catalogue"):
        with_parts("no marks")
