"""A pytest plugin that writes down which conformance tests there are, and which skip a backend, instead of running them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pytest

OUTPUT = "AIOINFORMER_CASES"
"""The environment variable that names the file to write."""
BACKENDS = ("embedded", "real")


class Case(NamedTuple):
    """A conformance test on one backend; ``skipped`` is why it does not run there, if it does not."""

    module: str
    says: str
    backend: str
    skipped: str


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write the cases."""
    cases = [case for item in session.items if (case := _case(item)) is not None]
    Path(os.environ[OUTPUT]).write_text(json.dumps(cases))


def _case(item: pytest.Item) -> Case | None:
    backend = getattr(item, "callspec", None) and item.callspec.params.get("real")  # type: ignore[attr-defined]  # of functions with parameters
    if backend not in BACKENDS:
        return None
    test = item.obj  # type: ignore[attr-defined]  # a function has one
    only, skip = item.get_closest_marker("only_on"), item.get_closest_marker("skip")
    skipped = only.kwargs["reason"] if only and backend not in only.args else ""
    skipped = skip.kwargs.get("reason", "always") if skip else skipped
    name = test.__name__.removeprefix("test_").replace("_", " ")
    says = " ".join((test.__doc__ or "").split())
    return Case(test.__globals__["__doc__"].split("\n")[0], f"{name}: {says}" if says else name, backend, skipped)
