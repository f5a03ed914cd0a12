"""reads.py: what an informer's cache can be asked."""

from __future__ import annotations

from typing import Any

import pytest

from aioinformer import (
    InvalidOption,
)
from tests.scripted_informer import Running, Script, names, pod

pytestmark = pytest.mark.looptime


async def test_reads_are_views_of_their_own() -> None:
    """What a reader does to what it got changes nobody else's."""
    async with Running(Script().snapshot(1, pod("a", 1, spec={"x": [1]}))) as informer:
        await informer.wait_for_cache_sync()
        first = informer.list("d")[0]
        first.spec["x"].append(2)
        again = informer.get("d/a")
        assert again is not None
        assert again.spec == {"x": [1]}
        assert repr(informer) == "<Informer pods.v1 live objects=1 version=1>"


async def test_a_stopped_informer_reads_as_it_last_was() -> None:
    """Reads go on; the status says that nothing follows the server any more."""
    async with Running(Script().snapshot(1, pod("a", 1))) as informer:
        await informer.wait_for_cache_sync()
        await informer.aclose()
        assert names(informer) == ["a"]
        assert informer.status.state == "stopped"
        assert not informer.status.ready


async def test_a_name_without_its_namespace_is_not_taken_for_an_absent_object() -> None:
    """A built-in resource is known to have namespaces; an informer on one of them needs none."""
    async with Running(Script().snapshot(1, pod("a", 1))) as informer:
        await informer.wait_for_cache_sync()
        with pytest.raises(InvalidOption, match="which namespace's 'a'"):
            informer.get("a")
        assert informer.get("d/a") == informer.get("a", "d")
    async with Running(Script().snapshot(1, pod("a", 1)), namespace="d") as informer:
        await informer.wait_for_cache_sync()
        assert informer.get("a") is not None


async def test_indexes_at_run_time() -> None:
    """An indexer added later covers what is there; a second of the same name and a missing one are refused."""
    async with Running(Script().snapshot(1, pod("a", 1, spec={"nodeName": "n1"}), pod("b", 1, spec={}))) as informer:
        await informer.wait_for_cache_sync()
        informer.add_indexer("node", lambda p: p.spec.get("nodeName"))
        assert names(informer.by_index("node", "n1")) == ["a"]
        assert informer.index_keys("node", "n1") == ["d/a"]
        assert informer.index_values("node") == ["n1"]
        with pytest.raises(InvalidOption, match="there is an index named 'node'"):
            informer.add_indexer("node", lambda _: None)
        with pytest.raises(InvalidOption, match="no index named 'zone'"):
            informer.by_index("zone", "z")


@pytest.mark.parametrize("index", ["none", ["app"], None])
async def test_an_index_that_is_not_there_is_refused_by_every_read_of_one(index: Any) -> None:
    """With the names that there are; also what could be no name."""
    async with Running(Script().snapshot(9), indexers={"app": lambda p: p.labels.get("app")}) as informer:
        for read in (
            lambda: informer.by_index(index, "x"),
            lambda: informer.index_keys(index, "x"),
            lambda: informer.index_values(index),
            lambda: informer.remove_indexer(index),
        ):
            with pytest.raises(InvalidOption, match=r"there is no index named .*; there are \['app'\]"):
                read()
        with pytest.raises(InvalidOption, match="value is one of an index's"):
            informer.index_keys("app", 5)  # type: ignore[arg-type]  # the point


async def test_an_indexer_that_gives_what_is_no_value_is_told_so() -> None:
    """Added, it adds nothing; asked for with the informer, it sets the object aside."""

    def wrong(_: object) -> Any:
        return 5

    async with Running(Script().snapshot(9, pod("a", 1))) as informer:
        await informer.wait_for_cache_sync()
        with pytest.raises(TypeError, match="an indexer gives a string, several, or None, not int"):
            informer.add_indexer("wrong", wrong)
    async with Running(Script().snapshot(9, pod("a", 1)), indexers={"wrong": wrong}) as informer:
        await informer.wait_for_cache_sync()
        assert "an indexer gives a string, several, or None, not int" in str(informer.quarantine["d/a"].error)
