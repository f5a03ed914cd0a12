"""functions.py: what may be given as a predicate, a transform or an indexer."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from aioinformer import InvalidOption, SharedInformerFactory
from aioinformer.conditions import satisfies
from aioinformer.functions import is_function


class _Callable:
    def __call__(self) -> bool:
        return True


class _Awaited:
    async def __call__(self) -> bool:
        return True


async def slowly(_: Any) -> bool:
    return False


@pytest.mark.parametrize("function", [len, str, lambda: True, partial(len, ""), _Callable(), _Callable().__call__])
def test_whatever_answers_at_once_is_one(function: Any) -> None:
    assert is_function(function)


@pytest.mark.parametrize("value", [slowly, partial(slowly, 1), _Awaited(), _Awaited().__call__, "len", None, 7])
def test_what_has_to_be_awaited_is_none(value: Any) -> None:
    """Its answer would count as true before it is there."""
    assert not is_function(value)


def test_an_async_def_is_refused_wherever_a_function_is_asked_for() -> None:
    informer, wrong = SharedInformerFactory().core.v1.pods, slowly
    function: Any = wrong
    for ask, option in (
        (lambda: SharedInformerFactory(transform=function), "transform"),
        (lambda: SharedInformerFactory(indexers={"a": function}), "indexers"),
        (lambda: informer.add_indexer("a", function), "indexer"),
        (lambda: informer.events(where=function), "where"),
        (lambda: satisfies("d/a", function), "predicate"),
    ):
        with pytest.raises(InvalidOption, match=f"{option} .*<function slowly"):
            ask()


async def test_an_async_def_is_no_predicate_to_wait_for() -> None:
    wrong: Any = slowly
    with pytest.raises(
        InvalidOption, match="what to wait for is a key, a predicate or a condition, not <function slowly"
    ):
        await SharedInformerFactory().core.v1.pods.wait_for(wrong)
