"""Write the parts of docs/ that are drawn from the code and the tests; a test fails when they are out of date.

Run it from the project's root: ``python -m scripts.render_docs``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scripts import catalogue_page, fidelity_page, listwatch_page, promises_page

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parent.parent / "docs"
END = "<!-- end -->"
PARTS: dict[str, Callable[[], str]] = {
    "catalogue": catalogue_page.catalogue,
    "requests per minute": catalogue_page.requests_per_minute,
}
"""What is written between ``<!-- name: written by make docs -->`` and ``<!-- end -->`` of a page whose rest is by hand."""
PAGES: dict[str, Callable[[], str]] = {
    "listwatch.md": listwatch_page.rendered,
    "fidelity.md": fidelity_page.rendered,
    "promises.md": promises_page.rendered,
    "reliability.md": lambda: with_parts((DOCS / "reliability.md").read_text()),
}


def with_parts(page: str) -> str:
    """The page with its generated parts written anew."""
    for name, part in PARTS.items():
        begin = f"<!-- {name}: written by make docs -->"
        if begin not in page:
            raise LookupError(f"the page has lost its {begin}")
        before, after = page.split(begin, 1)
        page = f"{before}{begin}\n\n{part()}\n\n{END}{after.partition(END)[2]}"
    return page


if __name__ == "__main__":
    for name, rendered in PAGES.items():
        (DOCS / name).write_text(rendered())
        print(f"wrote {name}")
