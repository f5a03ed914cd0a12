"""mirror.py and feed.py: another scope while running, by relist and difference."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from aioinformer import (
    CacheSyncError,
    Deleted,
    Forbidden,
    Informer,
    InformerClosed,
    InvalidOption,
    KubeObject,
    NetworkError,
    NotRunning,
    ServerError,
)
from aioinformer.options import InformerSpec, namespace_scope
from tests.audited import findings, in_words, keys, subscribed, told
from tests.pod_server import PODS, PodServer

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Self

pytestmark = pytest.mark.looptime


class World:
    """Pods in namespaces ``a``, ``b`` and ``c``, an informer on some of them, and a subscriber that has its replay."""

    def __init__(self, scope: str | Collection[str] | None, **options: Any) -> None:
        self.a, self.b, self.c = (PodServer("x", "y", namespace=name) for name in "abc")
        self.everywhere = PodServer()
        for server in (self.a, self.b, self.c):
            self.everywhere.pods |= {f"{server.namespace}-{name}": pod for name, pod in server.pods.items()}
        self.everywhere.version = 200
        self.labelled = PodServer(namespace="a")
        self.labelled.pods = {"x": self.a.pods["x"]}
        self.scopes: dict[tuple[str | None, str], PodServer] = {
            ("a", ""): self.a, ("b", ""): self.b, ("c", ""): self.c, (None, ""): self.everywhere, ("a", "l"): self.labelled,
        }  # fmt: skip
        spec = InformerSpec(PODS, namespace_scope(scope), **options).checked()
        self.informer: Informer[KubeObject] = Informer(spec)
        self._source = self.scopes.get((spec.one_namespace, ""), PodServer())
        for server in (*self.scopes.values(), self._source):
            server.scopes = self.scopes

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self.informer.start(self._tasks, self._source)
        await self.informer.wait_for_cache_sync()
        self.events = await subscribed(self.informer)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def told(self) -> list[str]:
        return sorted(in_words(await told(self.events)))


async def test_other_labels_are_a_relist_whose_difference_is_told() -> None:
    """Leavers come as Deleted with their last known state, and what stays is not mentioned."""
    async with World("a") as it:
        await it.informer.rescope(label_selector="l")
        assert keys(it.informer) == {"a/x"}
        (gone,) = await told(it.events)
        assert isinstance(gone, Deleted)
        assert (gone.key, gone.final_state_known, gone.object.name) == ("a/y", False, "y")
        assert (str(it.informer.label_selector), it.informer.status.name) == ("l", "pods.v1 in a (l)")
        assert (it.a.watches, len(it.labelled.watches)) == ([], 1)
        it.labelled.put("z")
        assert in_words([await anext(it.events)]) == ["Added a/z"]
        await it.informer.rescope(label_selector=None)
        assert await it.told() == ["Added a/y", "Deleted a/z"]


async def test_a_namespace_more_costs_one_list_and_leaves_the_other_watch_alone() -> None:
    async with World("a") as it:
        await it.informer.rescope(namespaces=["b", "a"])
        assert await it.told() == ["Added b/x", "Added b/y"]
        assert (len(it.a.queries), len(it.b.queries)) == (1, 1)
        assert it.informer.namespaces == ("a", "b")
        it.a.put("z")
        assert in_words([await anext(it.events)]) == ["Added a/z"]
        it.a.expire()
        await asyncio.sleep(5)
        assert await it.told() == []
        assert len(it.informer) == 5


async def test_a_namespace_less_lets_its_objects_go_and_costs_no_request() -> None:
    async with World(["a", "b"]) as it:
        await it.informer.rescope(namespaces="a")
        assert await it.told() == ["Deleted b/x", "Deleted b/y"]
        assert (len(it.a.queries), len(it.b.queries), it.b.watches) == (1, 1, [])
        assert it.informer.status.namespaces == {}
        assert it.informer.get("x") is not None
        it.a.expire()
        await asyncio.sleep(5)
        assert keys(it.informer) == {"a/x", "a/y"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a", "b", ["Added b/x", "Added b/y", "Deleted a/x", "Deleted a/y"]),
        (None, ["a", "b"], ["Deleted c/x", "Deleted c/y"]),
        (None, "c", ["Deleted a/x", "Deleted a/y", "Deleted b/x", "Deleted b/y"]),
        (["a", "b"], None, ["Added c/x", "Added c/y"]),
        ("c", None, ["Added a/x", "Added a/y", "Added b/x", "Added b/y"]),
        (["a", "b"], ["b", "c"], ["Added c/x", "Added c/y", "Deleted a/x", "Deleted a/y"]),
        (["a", "b"], {"b", "a"}, []),
    ],
)
async def test_from_any_scope_to_any_other_nothing_is_told_of_what_stays(
    before: Any, after: Any, expected: list[str]
) -> None:
    async with World(before) as it:
        await it.informer.rescope(namespaces=after)
        assert await it.told() == expected
        names = "abc" if after is None else sorted(after)
        assert keys(it.informer) == {f"{name}/{pod}" for name in names for pod in "xy"}
        assert it.informer.status.state == "live"


async def test_reads_show_what_was_known_until_the_new_scope_is_whole() -> None:
    """Nothing is told, either; and the wait that is on after a failure goes on."""
    async with World("a") as it:
        it.b.refusal = ServerError(503, retry_after=10)
        it.labelled.refusal = NetworkError("reset")
        waiting = asyncio.create_task(it.informer.rescope(namespaces=["a", "b"]))
        await asyncio.sleep(5)
        assert keys(it.informer) == {"a/x", "a/y"}
        assert (it.informer.status.state, waiting.done(), it.events.pending) == ("resuming", False, 0)
        it.b.refusal = None
        await waiting
        assert len(it.informer) == 4


async def test_of_several_at_a_time_the_last_one_holds_and_all_return() -> None:
    async with World("a") as it:
        await asyncio.gather(
            it.informer.rescope(namespaces=["a", "b"]),
            it.informer.rescope(namespaces=None),
            it.informer.rescope(label_selector="l", namespaces="a"),
            it.informer.rescope(label_selector=None, namespaces=["c", "a"]),
        )
        assert it.informer.namespaces == ("a", "c")
        assert keys(it.informer) == {"a/x", "a/y", "c/x", "c/y"}
        assert await it.told() == ["Added c/x", "Added c/y"]
        assert it.b.watches == it.everywhere.watches == it.labelled.watches == []


async def test_back_and_forth_in_one_turn_is_no_change() -> None:
    async with World(["a", "b"]) as it:
        away = asyncio.create_task(it.informer.rescope(namespaces="b"))
        await asyncio.sleep(0)
        await it.informer.rescope(namespaces=["a", "b"])
        await away
        assert keys(it.informer) == {"a/x", "a/y", "b/x", "b/y"}
        replayed = await it.told()
        assert replayed in ([], ["Added a/x", "Added a/y", "Deleted a/x", "Deleted a/y"])
        it.a.put("x")
        it.b.put("x")
        assert sorted(in_words([await anext(it.events), await anext(it.events)])) == ["Updated a/x", "Updated b/x"]


async def test_cancelling_ends_the_waiting_and_not_the_change() -> None:
    async with World("a") as it:
        it.b.refusal = ServerError(503)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await it.informer.rescope(namespaces="b")
        assert it.informer.namespace == "b"
        it.b.refusal = None
        await it.informer.wait_for("b/x", timeout=60)
        assert keys(it.informer) == {"b/x", "b/y"}


async def test_during_a_relist_the_former_scopes_snapshot_does_not_count() -> None:
    """A rescope returns when the cache is from the new scope, not when some snapshot has come."""
    async with World("a") as it:
        it.informer._mirror.relist()
        await it.informer.rescope(label_selector="l")
        assert keys(it.informer) == {"a/x"}


async def test_during_the_first_sync_the_new_scope_is_what_is_synced() -> None:
    it = World("a")
    it.a.refusal = ServerError(503)
    async with anyio.create_task_group() as tasks:
        it.informer.start(tasks, it._source)
        await asyncio.sleep(1)
        assert not it.informer.synced
        await it.informer.rescope(namespaces=["b", "c"])
        assert it.informer.synced
        assert keys(it.informer) == {"b/x", "b/y", "c/x", "c/y"}
        tasks.cancel_scope.cancel()


async def test_a_scope_that_is_refused_says_so_and_is_tried_on() -> None:
    """What was known is still shown; another rescope is tried at once."""
    async with World("a") as it:
        it.b.refusal = Forbidden(403, "Forbidden", "not yours")
        with pytest.raises(CacheSyncError, match=r"cannot be rescoped yet: pods\.v1 in b is denied.*not yours"):
            await it.informer.rescope(namespaces="b")
        begun = asyncio.get_running_loop().time()
        await it.informer.rescope(namespaces=["b", "c"])
        assert asyncio.get_running_loop().time() - begun < 1
        assert keys(it.informer) == {"c/x", "c/y"}
        assert (it.informer.status.state, list(it.informer.status.degraded)) == ("degraded", ["b"])
        it.b.refusal = None
        await it.informer.wait_for("b/x", timeout=60)


async def test_other_labels_are_tried_at_once_where_the_former_were_refused() -> None:
    async with World("a") as it:
        it.a.refusal = Forbidden(403)
        it.a.cut()
        await asyncio.sleep(1)
        begun = asyncio.get_running_loop().time()
        await it.informer.rescope(label_selector="l")
        assert asyncio.get_running_loop().time() - begun < 1


async def test_an_audit_compares_with_the_scope_that_holds() -> None:
    """One that is under way while the scope changes looks again, and finds nothing wrong with a healthy cache."""
    async with World("a") as it:
        it.a.metadata.seconds = 5
        auditing = asyncio.create_task(it.informer.audit())
        await asyncio.sleep(1)
        await it.informer.rescope(label_selector="l")
        report = await auditing
        assert (findings(report), report.checked) == ({}, 1)
        assert len(it.labelled.metadata.queries) == 1


async def test_what_cannot_work_is_refused_and_changes_nothing() -> None:
    async with World("a") as it:
        wrong: list[dict[str, Any]] = [{"namespaces": []}, {"namespaces": [""]}, {"label_selector": "in in"}]
        for arguments in wrong:
            with pytest.raises(InvalidOption):
                await it.informer.rescope(**arguments)
        assert (it.informer.namespace, str(it.informer.label_selector)) == ("a", "")
        await it.informer.rescope()
        assert len(it.a.queries) == 1
        await it.informer.aclose()
        with pytest.raises(InformerClosed):
            await it.informer.rescope(namespaces="b")
    with pytest.raises(NotRunning, match="async with"):
        await World("a").informer.rescope(namespaces="b")


async def test_closing_ends_a_rescope_that_waits() -> None:
    async with World("a") as it:
        it.b.refusal = ServerError(503)
        waiting = asyncio.create_task(it.informer.rescope(namespaces="b"))
        await asyncio.sleep(1)
        await it.informer.aclose()
        with pytest.raises(InformerClosed):
            await waiting


async def test_a_large_namespace_leaves_in_slices() -> None:
    """Deletes of thousands come while others get their turns, and all of them come."""
    it = World(["a", "b"])
    for n in range(3000):
        it.b.put(f"pod-{n}")
    async with it:
        await it.informer.rescope(namespaces="a")
        deleted = 0
        while deleted < 3002:
            deleted += isinstance(await anext(it.events), Deleted)
        assert keys(it.informer) == {"a/x", "a/y"}
