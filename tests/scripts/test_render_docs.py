"""scripts/render_docs.py: the page about list and watch is the table's."""

from __future__ import annotations

from scripts.render_docs import TARGET, rendered


def test_the_page_is_up_to_date() -> None:
    """docs/listwatch.md is what the table says; `make docs` writes it."""
    assert TARGET.read_text() == rendered()
