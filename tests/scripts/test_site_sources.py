"""scripts/site_sources.py: which links of the pages lead out of docs/."""

from __future__ import annotations

import pytest

pytest.importorskip("mkdocs", reason="`make docs` installs mkdocs")

from scripts.site_sources import target


@pytest.mark.parametrize(
    ("page", "link", "path"),
    [
        ("fidelity.md", "../tests/conformance", "tests/conformance"),
        ("coming-from/hand-built.md", "../../examples/a.py", "examples/a.py"),
        ("coming-from/hand-built.md", "../tutorial/controller.md#how", None),
        ("index.md", "promises.md", None),
        ("index.md", "https://example.com/../x", None),
        ("index.md", "/etc/passwd", None),
        ("index.md", "../../elsewhere.md", None),
        ("index.md", "#here", None),
    ],
)
def test_a_link_leads_into_the_project_or_stays_on_the_site(page: str, link: str, path: str | None) -> None:
    """Nothing outside the checkout becomes part of the site."""
    assert target(page, link) == path
