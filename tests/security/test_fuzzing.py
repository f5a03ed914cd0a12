"""The properties of ``make fuzz``, on every input that once broke one, and on some that Hypothesis makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from fuzz.inputs import CORPUS, corpus, inputs
from fuzz.properties import PROPERTIES

if TYPE_CHECKING:
    from pathlib import Path

SOME = settings(
    max_examples=150, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
KEPT = [(target, path) for target in PROPERTIES for path in corpus(target)]


@pytest.mark.parametrize(("target", "path"), KEPT, ids=[f"{target}/{path.name}" for target, path in KEPT])
def test_what_is_in_the_corpus_breaks_nothing(target: str, path: Path) -> None:
    PROPERTIES[target](path.read_bytes())


@pytest.mark.parametrize("target", PROPERTIES)
def test_nothing_that_a_server_may_say_breaks_what_reads_it(target: str) -> None:
    SOME(given(inputs(target))(PROPERTIES[target]))()


def test_every_directory_of_the_corpus_is_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} == PROPERTIES.keys()
