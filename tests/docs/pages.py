"""The pages of docs/, taken apart: their blocks, their headings, their links."""

from __future__ import annotations

import ast
import inspect
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SHOWN = frozenset({"console", "text", "mermaid", "json", "yaml", "go"})
"""Fences that are there to be read: what a person types, what comes out, what others write."""

_BLOCK = re.compile(r"^( *)```(.*)\n((?:.*\n)*?) *```$|^<!-- test\n((?:.*\n)*?)-->$", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```$|`[^`\n]+`|<!--.*?-->", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fence of a page, or what a test does between two fences, which no reader sees: ``<!-- test`` to ``-->``."""

    language: str
    title: str
    text: str
    line: int

    async def run(self, page: str, names: dict[str, Any]) -> None:
        """Run it, awaits included; what it defines is left among the names."""
        padded = "\n" * (self.line - 1) + self.text
        code = compile(padded, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        assert isinstance(code, CodeType)
        if code.co_flags & inspect.CO_COROUTINE:
            await eval(code, names)  # noqa: S307  # our own page
        else:
            exec(code, names)  # noqa: S102  # our own page


def blocks(page: str) -> Iterator[Block]:
    """In the order of the page."""
    for match in _BLOCK.finditer(page):
        line = page.count("\n", 0, match.start()) + 2
        if match[4] is not None:
            yield Block("test", "", match[4], line)
            continue
        language, _, rest = match[2].partition(" ")
        title = re.search(r'title="([^"]+)"', rest)
        text = re.sub(f"^{match[1]}", "", match[3], flags=re.MULTILINE)
        yield Block(language, title[1] if title else "", text, line)


def fences(page: str) -> int:
    """How many lines open or close a fence."""
    return len(re.findall(r"^ *```", page, re.MULTILINE))


def slug(heading: str) -> str:
    """The anchor of a heading, as Python-Markdown makes it."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading)
    ascii_only = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", ascii_only).strip().lower())


def headings(page: str) -> list[str]:
    """The headings of a page, in order; what looks like one in a block is none."""
    return re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)


def anchors(page: str) -> frozenset[str]:
    """Where links to a page can lead; of two equal headings only the first counts."""
    return frozenset(map(slug, headings(page))) | frozenset(re.findall(r"^::: ([\w.]+)$", page, re.MULTILINE))


def links(page: str) -> list[str]:
    """What a page links to in this project, pictures included."""
    return re.findall(r"\]\((?!https?:)([^)\s]+)\)", _CODE.sub("", page))
