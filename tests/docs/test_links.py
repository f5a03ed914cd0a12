"""Links between the pages, and from them into the project, lead somewhere; and every page can be found."""

from __future__ import annotations

import pytest

from tests.docs.pages import DOCS, ROOT, anchors, links, slug

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "benchmarks").glob("*.md"), *DOCS.rglob("*.md")])


@pytest.mark.parametrize("page", [str(path.relative_to(ROOT)) for path in PAGES])
def test_every_link_leads_to_a_file_and_a_heading_of_it(page: str) -> None:
    """No page points to what is not there."""
    path, broken = ROOT / page, []
    for link in links(path.read_text()):
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", [str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")])
def test_every_page_is_in_the_navigation(page: str) -> None:
    """A page that nobody can find is none."""
    assert f"- {page}\n" in (ROOT / "mkdocs.yml").read_text()


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Nothing is lost", "nothing-is-lost"),
        ("`wait_for` and what it raises", "wait_for-and-what-it-raises"),
        ("List, then watch: what follows what", "list-then-watch-what-follows-what"),
    ],
)
def test_anchors_are_those_that_the_site_makes(heading: str, anchor: str) -> None:
    """Otherwise the check of the links checks something else."""
    assert slug(heading) == anchor
