"""A hook of mkdocs: what the pages link to outside docs/ (tests, examples, modules) becomes part of the site, as text.

In the checkout such a link leads to the file; on the site it leads to a page made of it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, InclusionLevel

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"(\]\()([^)#\s]+)")
LANGUAGES = {".py": "python", ".toml": "toml", ".md": "markdown"}


def target(page: str, link: str) -> str | None:
    """The path in the checkout that a link leads to, if it is outside docs/; ``page`` is a path below docs/."""
    if "://" in link or link.startswith("/"):
        return None
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
    return None if path == "docs" or path.startswith(("docs/", "../")) else path


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file that some page links to."""
    linked = {
        found
        for file in files.documentation_pages()
        for _, link in LINK.findall(file.content_string)
        if (found := target(file.src_uri, link)) is not None
    }
    for path in sorted(linked):
        files.append(File.generated(config, _page(path), content=_text(path), inclusion=InclusionLevel.NOT_IN_NAV))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  # mkdocs names them
    """Lead the links to the pages that were added."""
    here = page.file.src_uri
    if here.startswith("source/"):
        return markdown

    def replaced(match: re.Match[str]) -> str:
        path = target(here, match[2])
        if path is None:
            return match[0]
        return match[1] + posixpath.relpath(_page(path), posixpath.dirname(here) or ".")

    return LINK.sub(replaced, markdown)


def _page(path: str) -> str:
    return f"source/{path}.md"


def _text(path: str) -> str:
    source = ROOT / path
    hidden = "---\nsearch:\n  exclude: true\n---\n"
    if source.is_dir():
        names = "\n".join(f"- `{child.name}`" for child in sorted(source.iterdir()) if child.name != "__pycache__")
        return f"{hidden}# {path}/\n\n{names}\n"
    return f"{hidden}# {path}\n\n````{LANGUAGES.get(source.suffix, 'text')}\n{source.read_text().rstrip()}\n````\n"
