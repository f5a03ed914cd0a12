"""docs/reference/: every public name is on one of its pages, and the tree of errors is the one in the code."""

from __future__ import annotations

import inspect
import re

import aioinformer
from aioinformer import errors
from tests.docs.pages import DOCS

PAGES = [path.read_text() for path in sorted((DOCS / "reference").glob("*.md"))]
LEFT_OUT = {"Event": "the union of the five events"}


def test_every_public_name_is_on_a_page() -> None:
    """Or says here why it is not."""
    named = {name for page in PAGES for name in re.findall(r"^::: aioinformer\.(\w+)$", page, re.MULTILINE)}
    assert set(aioinformer.__all__) - named == set(LEFT_OUT)


def test_the_tree_of_errors_is_that_of_the_code() -> None:
    """As the module draws it."""
    tree = (inspect.getdoc(errors) or "").partition("\n\n")[2]
    assert tree in (DOCS / "reference" / "errors.md").read_text()
