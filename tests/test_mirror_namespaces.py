"""mirror.py and feed.py: several namespaces, each watched by itself, as one cache; one that is refused degrades itself alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from aioinformer import (
    CacheSyncError,
    Failure,
    Forbidden,
    Informer,
    InformerState,
    InvalidOption,
    KubeObject,
    NotFound,
    ServerError,
    Synced,
    WaitTimeout,
)
from aioinformer.health import assess
from aioinformer.options import InformerSpec
from tests import corruption
from tests.audited import findings, in_words, keys, subscribed, told
from tests.pod_server import PODS, PodServer

if TYPE_CHECKING:
    from typing import Self

pytestmark = pytest.mark.looptime


class Following:
    """An informer on several namespaces, a server for each; it runs for as long as the context lasts."""

    def __init__(self, *names: str, **options: Any) -> None:
        self.servers = {name: PodServer("x", namespace=name) for name in names}
        self.informer: Informer[KubeObject] = Informer(InformerSpec(PODS, names, **options).checked())

    def __getitem__(self, namespace: str) -> PodServer:
        return self.servers[namespace]

    async def __aenter__(self) -> Self:
        source = PodServer()
        source.scopes = {(name, ""): server for name, server in self.servers.items()}
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self.informer.start(self._tasks, source)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)

    def states(self) -> dict[str, str]:
        return {name: str(status.state) for name, status in self.informer.status.namespaces.items()}


async def test_several_namespaces_are_one_view() -> None:
    """One replay, one Synced, then what changes in any of them."""
    async with Following("a", "b") as it:
        events = it.informer.events()
        first = [await anext(events) for _ in range(3)]
        assert in_words(first) == ["Added a/x", "Added b/x", "Synced"]
        it["b"].put("y")
        it["a"].delete("x")
        assert sorted(in_words([await anext(events), await anext(events)])) == ["Added b/y", "Deleted a/x"]
        assert keys(it.informer) == {"b/x", "b/y"}
        assert [pod.key for pod in it.informer.list("a")] == []
        assert it.informer.namespaces == ("a", "b")
        assert it.informer.namespace is None


async def test_each_namespace_is_resumed_and_relisted_by_itself() -> None:
    """A relist of one finds what vanished there and nothing elsewhere, and the other's watch goes on."""
    async with Following("a", "b") as it:
        events = await subscribed_when_synced(it)
        it["a"].hold_back()
        it["a"].delete("x")
        it["a"].put("z")
        it["a"].expire()
        await asyncio.sleep(5)
        assert in_words(await told(events)) == ["Deleted a/x", "Added a/z"]
        assert (it["a"].streams, it["b"].streams, len(it["b"].queries)) == (2, 1, 1)
        assert it.informer.status.restarts == 1


async def subscribed_when_synced(it: Following) -> Any:
    await it.informer.wait_for_cache_sync()
    return await subscribed(it.informer)


async def test_a_refused_namespace_degrades_itself_alone() -> None:
    """The others sync and stay live; the status says which one is refused, and why."""
    it = Following("a", "b", "c")
    it["b"].refusal = Forbidden(403, "Forbidden", "no pods for you in b")
    async with it:
        await it.informer.wait_for_cache_sync(timeout=5)
        status = it.informer.status
        assert keys(it.informer) == {"a/x", "c/x"}
        assert it.states() == {"a": "live", "b": "denied", "c": "live"}
        assert (status.state, status.synced, status.ready) == (InformerState.DEGRADED, True, True)
        assert list(status.degraded) == ["b"]
        assert status.namespaces["b"].last_error is status.last_error is it["b"].refusal
        assert not status.namespaces["b"].synced
        assert "namespace b is denied: 403 Forbidden: no pods for you in b" in status.explain()
        health = assess([status], None)
        assert health
        assert "namespace b is denied" in health.degraded["pods.v1 in a, b, c"]
        it["a"].put("y")
        await it.informer.wait_for("a/y", timeout=5)


async def test_a_namespace_that_is_granted_later_comes_as_changes() -> None:
    """Subscribers that have had their Synced get its objects as ordinary additions; the state is live again."""
    it = Following("a", "b")
    it["b"].refusal = Forbidden(403)
    async with it:
        events = await subscribed_when_synced(it)
        it["b"].refusal = None
        async with asyncio.timeout(60):
            await it.informer.wait_for_cache_sync(keep_waiting=True)
        added = await anext(events)
        assert in_words([added]) == ["Added b/x"]
        assert not getattr(added, "initial", True)
        assert (it.informer.status.state, it.states()) == ("live", {"a": "live", "b": "live"})


async def test_a_namespace_that_loses_access_keeps_what_was_known() -> None:
    """A 403 says nothing of the objects: none is told to be deleted."""
    async with Following("a", "b") as it:
        events = await subscribed_when_synced(it)
        it["b"].refusal = Forbidden(403)
        it["b"].cut()
        await asyncio.sleep(20)
        assert (it.informer.status.state, it.states()["b"]) == ("degraded", "denied")
        assert keys(it.informer) == {"a/x", "b/x"}
        assert events.pending == 0


async def test_the_sync_fails_when_every_namespace_is_refused() -> None:
    it = Following("a", "b")
    for server in it.servers.values():
        server.refusal = Forbidden(403)
    async with it:
        with pytest.raises(CacheSyncError, match=r"pods\.v1 in a, b is denied"):
            await it.informer.wait_for_cache_sync(timeout=5)
        assert it.informer.status.state is InformerState.DENIED
        assert not it.informer.synced


async def test_a_namespace_that_is_only_slow_is_waited_for() -> None:
    """In sync is what has nothing more to wait for; a server's failure is waited out, unlike a refusal."""
    it = Following("a", "b")
    it["b"].refusal = ServerError(503, retry_after=20)
    async with it:
        await asyncio.sleep(10)
        assert (it.informer.synced, it.informer.status.state) == (False, "syncing")
        it["b"].refusal = None
        await it.informer.wait_for_cache_sync(timeout=30)
        assert keys(it.informer) == {"a/x", "b/x"}


async def test_what_happens_before_the_whole_is_in_sync_is_part_of_the_replay() -> None:
    """A subscriber is told once of what one namespace's watch brought while another's list was under way."""
    it = Following("a", "b")
    it["b"].refusal = ServerError(503, retry_after=20)
    async with it:
        events = it.informer.events()
        await asyncio.sleep(5)
        it["a"].put("y")
        it["a"].delete("x")
        await asyncio.sleep(1)
        it["b"].refusal = None
        seen = [await anext(events) for _ in range(3)]
        assert in_words(seen) == ["Added a/y", "Added b/x", "Synced"]
        assert events.pending == 0


async def test_versions_are_each_namespaces_own() -> None:
    """The whole stands where the one stands that is furthest behind; a wait may name the write's own namespace."""
    async with Following("a", "b") as it:
        await it.informer.wait_for_cache_sync()
        it["a"].put("y")
        version = str(it["a"].version)
        await it.informer.wait_for_version(version, timeout=5, namespace="a")
        assert (it.informer.resource_version, it.informer.status.namespaces["a"].resource_version) == ("101", version)
        with pytest.raises(WaitTimeout, match="stands at version 101"):
            await it.informer.wait_for_version(version, timeout=5)
        it["b"].write_elsewhere()
        it["b"].bookmark()
        await it.informer.wait_for_version(version, timeout=5)
        with pytest.raises(InvalidOption, match="namespace 'c' is none of those of"):
            await it.informer.wait_for_version(version, namespace="c")


async def test_an_audit_looks_at_each_namespace() -> None:
    """What is wrong in one is found and put right there; a namespace that is refused is not audited."""
    it = Following("a", "b", "c")
    it["c"].refusal = Forbidden(403)
    async with it:
        await it.informer.wait_for_cache_sync()
        corruption.forget(it.informer._store, "a/x")
        corruption.age(it.informer._store, "b/x")
        report = await it.informer.audit()
        assert findings(report) == {"missing": ("a/x",), "outdated": ("b/x",)}
        assert (report.checked, report.repaired) == (2, True)
        assert (await it.informer.audit()).clean
        assert keys(it.informer) == {"a/x", "b/x"}
        assert it["c"].metadata.queries == []


async def test_a_damaged_index_is_one_namespaces_finding() -> None:
    async with Following("a", "b", indexers={"name": lambda pod: pod.name}) as it:
        await it.informer.wait_for_cache_sync()
        corruption.misindex(it.informer._store, "b/x")
        assert findings(await it.informer.audit()) == {"damaged": ("b/x",)}
        assert {pod.key for pod in it.informer.by_index("name", "x")} == {"a/x", "b/x"}
        assert (await it.informer.audit()).clean


async def test_leaving_ends_every_watch() -> None:
    before = asyncio.all_tasks()
    async with Following("a", "b", "c") as it:
        await it.informer.wait_for_cache_sync()
        events = it.informer.events(replay=False)
        await it.informer.aclose()
        assert [type(event) async for event in events] == [Synced]
        assert [server.watches for server in it.servers.values()] == [[], [], []]
    assert asyncio.all_tasks() == before


async def test_a_namespace_without_the_resource_is_a_degraded_one() -> None:
    """404 is told like 403; the others are not waited with."""
    it = Following("a", "b")
    it["b"].refusal = NotFound(404)
    async with it:
        await it.informer.wait_for_cache_sync(timeout=5)
        assert it.states() == {"a": "live", "b": "missing"}


async def test_a_failure_says_which_namespace_is_concerned() -> None:
    """The hook gets each one's own; the counters are of all of them, and survive a change of scope."""
    heard: list[Failure] = []
    async with Following("a", "b", on_error=heard.append) as it:
        await it.informer.wait_for_cache_sync()
        it["b"].refusal = Forbidden(403)
        it["b"].cut()
        await asyncio.sleep(2)
        assert [(f.namespace, f.informer, f.decision.value) for f in heard] == [
            ("b", "pods.v1 in b", "resume"), ("b", "pods.v1 in b", "park"),
        ]  # fmt: skip
        await it.informer.rescope(namespaces="a")
        assert it.informer.status.failures == {"resume": 1, "park": 1}
        assert it.informer.status.name == "pods.v1 in a"


async def test_what_was_counted_of_a_namespace_stays_counted_when_it_is_left() -> None:
    """A counter that fell would look like a restart of the process."""
    async with Following("a", "b") as it:
        await it.informer.wait_for_cache_sync()
        it["b"].expire()
        await asyncio.sleep(30)
        before = it.informer.status
        assert (before.restarts, before.failures) == (1, {"relist": 1})
        await it.informer.rescope(namespaces="a")
        after = it.informer.status
        assert (after.restarts, after.failures) == (1, {"relist": 1})
        assert sum(after.requests.values()) >= sum(before.requests.values())
