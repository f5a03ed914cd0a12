"""docs/coming-from/hand-built.md: our lines are counted as it says, by the rule that it says."""

from __future__ import annotations

import ast
import io
import re
import tokenize

import pytest

from tests.docs.pages import DOCS, ROOT

PAGE = (DOCS / "coming-from" / "hand-built.md").read_text()
COUNTED = {
    "kubespawner_reflector": ["Resources", "ResourceReflector"],
    "dask_gateway_controller": ["Caches", "cluster_of", "Controller"],
    "airflow_pod_watcher": ["PodWatcher"],
}
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def lines_of(node: ast.stmt) -> range:
    assert node.end_lineno is not None
    return range(node.lineno, node.end_lineno + 1)


def code_lines(source: str, names: list[str]) -> int:
    """Lines that carry code in these definitions: no blank lines, no comments, no docstrings."""
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type not in NO_CODE]
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    definitions: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node) is not None:
                lines -= set(lines_of(node.body[0]))
            if node.name in names:
                decorators = range(min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.lineno)
                definitions |= {*lines_of(node), *decorators}
    return len(lines & definitions)


@pytest.mark.parametrize("example", COUNTED)
def test_the_lines_of_the_example_are_as_many_as_the_page_says(example: str) -> None:
    row = re.search(rf"\| \d+ \| \[`{example}\.py`\]\(.*?\) \| (\d+) \| \[test\]\((.*?)\) \|", PAGE)
    assert row is not None
    assert code_lines((ROOT / "examples" / f"{example}.py").read_text(), COUNTED[example]) == int(row[1])


def test_blank_lines_comments_and_docstrings_do_not_count() -> None:
    source = (
        'import a\n\n@b\ndef f(\n    x,\n):\n    """Says\n    it."""\n\n    # why\n    return x  # so\n\ndef g(): ...\n'
    )
    assert code_lines(source, ["f"]) == 5
