"""docs/faults.md: its table is what the verbs say of themselves."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from aioinformer.testing import ApiServer, FaultVerbs

PAGE = Path(__file__).parent.parent.parent / "docs" / "faults.md"
NO_FAULTS = ("heal", "send_bookmarks")
CAUSE = "Stands for "


def table() -> str:
    """A row for each verb: its parameters, what it does, what it stands for."""
    names = [name for name in vars(FaultVerbs) if not name.startswith("_") and name not in NO_FAULTS]
    rows = [f"| {' | '.join(row(name))} |" for name in (*names, "uninstall")]
    return "\n".join(["| verb | does | stands for |", "|---|---|---|", *rows])


def row(name: str) -> tuple[str, str, str]:
    """The cells of one verb, from its docstring."""
    method = getattr(ApiServer, name)
    paragraphs = [" ".join(each.split()) for each in (inspect.getdoc(method) or "").split("\n\n")]
    (cause,) = [each.removeprefix(CAUSE) for each in paragraphs if each.startswith(CAUSE)]
    does = [each for each in paragraphs if not each.startswith((CAUSE, "Raises:"))]
    parameters = [*inspect.signature(method).parameters.values()][1:]
    shown = ", ".join(
        f"**{each.name}"
        if each.kind is each.VAR_KEYWORD
        else f"{each.name}="
        if each.default is not each.empty
        else each.name
        for each in parameters
    )
    return f"`{name}({shown})`", cell(" ".join(does)), cell(cause)


def cell(text: str) -> str:
    """Text in a table's cell."""
    text = re.sub(r"``(.*?)``", r"`\1`", text)
    text = re.sub(r"(\w+/\w+)#(\d+)", r"[\1#\2](https://github.com/\1/issues/\2)", text)
    return text.replace("|", "\\|")


def test_the_table_is_what_the_verbs_say() -> None:
    """Paste what this prints when a docstring changes."""
    page = PAGE.read_text()
    start, end = page.index("| verb |"), page.rindex("|\n") + 1
    assert page[start:end] == table()
