"""warm.py: a cache that starts from a file, and what its readers and subscribers see of that."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioinformer import (
    Added,
    Deleted,
    InformerError,
    InvalidOption,
    NotRunning,
    ResourceExpired,
    ServerError,
    SharedInformerFactory,
    Synced,
    Updated,
)
from aioinformer.informer import Informer
from aioinformer.options import InformerSpec
from aioinformer.snapshot_file import Origin
from aioinformer.store import Store
from aioinformer.turns import Lane
from aioinformer.warm import restore, save
from aioinformer.wire import decode_item
from tests.pod_server import PODS, Mirroring, PodServer
from tests.stored import put

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from aioinformer.events import Event
    from aioinformer.objects import KubeObject
    from aioinformer.subscription import Subscription

pytestmark = pytest.mark.looptime

ORIGIN = Origin("https://here", "pods.v1", "", "", "", metadata_only=False, managed_fields=False)


def told(event: Event[KubeObject]) -> str:
    """An event in a few letters: ``+a (initial)``, ``synced 103``, ``~a``, ``-a``."""
    match event:
        case Added(object=new, initial=initial):
            return f"+{new.name}{' (initial)' if initial else ''}"
        case Updated(object=new):
            return f"~{new.name}"
        case Deleted(object=gone, final_state_known=known):
            return f"-{gone.name}{'' if known else ' (unseen)'}"
        case Synced(resource_version=version):
            return f"synced {version}"
        case _:
            return str(event)


async def taken(events: Subscription[KubeObject]) -> list[str]:
    """What there is to take without waiting."""
    found = []
    while events.pending or events.is_replaying:
        found.append(told(await anext(events)))
    return found


@asynccontextmanager
async def starting(server: PodServer, **options: Any) -> AsyncGenerator[Informer[KubeObject]]:
    """An informer at work that need not be in sync yet."""
    informer: Informer[KubeObject] = Informer(InformerSpec(PODS, **options).checked())
    async with anyio.create_task_group() as tasks:
        informer.start(tasks, server)
        yield informer
        tasks.cancel_scope.cancel()


async def saved(server: PodServer, path: Path, **options: Any) -> None:
    """A file of the server as it is now."""
    async with Mirroring(server, **options) as informer:
        await informer.snapshot_to(path)


async def test_a_watch_resumes_and_what_changed_meanwhile_comes_out_once(tmp_path: Path) -> None:
    """No list is asked for; subscribers get the replay of what was saved, then ``Synced``, then the changes."""
    server, path = PodServer("a", "b", "c"), tmp_path / "cache"
    await saved(server, path)
    server.put("a", spec={"nodeName": "n"})
    server.delete("b")
    server.put("d")
    streams = server.streams
    mirroring = Mirroring(server, restore_from=path)
    events = mirroring.informer.events()
    async with mirroring as informer:
        await asyncio.sleep(1)
        assert await taken(events) == [
            "+a (initial)", "+b (initial)", "+c (initial)", "synced 103", "~a", "-b", "+d",
        ]  # fmt: skip
        assert {pod.name: pod.resource_version for pod in informer} == {"a": "104", "c": "103", "d": "106"}
        assert (server.streams, server.queries[-1]["resourceVersion"]) == (streams, "103")
        warm = informer.status.warm_start
        assert warm is not None
        assert (warm.refused, warm.objects, warm.resource_version, warm.resumes) == ("", 3, "103", True)
        assert informer.status.restarts == 0


@pytest.mark.parametrize("as_an_event", [True, False])
async def test_lost_history_is_a_snapshot_compared_with_what_was_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, as_an_event: bool
) -> None:
    """Exactly what differs comes out. Whether the 410 is the answer's status or an event in it, nothing old is shown before."""
    server, path = PodServer("a", "b", "c", "reborn"), tmp_path / "cache"
    await saved(server, path)
    server.put("a")
    server.delete("b")
    server.delete("reborn")
    server.put("reborn")
    server.put("d")
    server.expire()
    if as_an_event:
        gone = msgspec.json.encode(
            {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}
        )
        missed = server._missed

        def said_late(query: Any) -> list[bytes]:
            try:
                return missed(query)
            except ResourceExpired:
                return [gone + b"\n"]

        monkeypatch.setattr(server, "_missed", said_late)
    mirroring = Mirroring(server, restore_from=path)
    events = mirroring.informer.events()
    server.hold_back()
    async with mirroring as informer:
        assert {pod.name for pod in informer} == {"a", "c", "d", "reborn"}
        replayed, rest = (seen := await taken(events))[:5], seen[5:]
        assert replayed == ["+a (initial)", "+b (initial)", "+c (initial)", "+reborn (initial)", "synced 104"]
        assert sorted(rest) == ["+d", "+reborn", "-b (unseen)", "-reborn (unseen)", "~a"]
        assert rest.index("-reborn (unseen)") < rest.index("+reborn")


async def test_nothing_is_visible_before_the_server_has_answered(tmp_path: Path) -> None:
    """What was saved may be hours old: ``synced`` does not say that it is the server's."""
    server, path = PodServer("a"), tmp_path / "cache"
    await saved(server, path)
    server.refusal = ServerError(503)
    async with starting(server, restore_from=path) as informer:
        await asyncio.sleep(30)
        assert (informer.synced, len(informer), informer.status.state) == (False, 0, "syncing")
        server.refusal = None
        await informer.wait_for_cache_sync()
        assert (informer.synced, len(informer), informer.resource_version) == (True, 1, "101")


async def test_a_quiet_server_syncs_it_at_once(tmp_path: Path) -> None:
    """Without an event or a bookmark: that the watch stays open is enough."""
    server, path = PodServer("a"), tmp_path / "cache"
    await saved(server, path)
    start = asyncio.get_running_loop().time()
    async with Mirroring(server, restore_from=path) as informer:
        assert asyncio.get_running_loop().time() - start < 5
        assert (len(informer), informer.status.state) == (1, "live")


async def test_a_late_subscriber_gets_the_cache_as_it_is(tmp_path: Path) -> None:
    server, path = PodServer("a", "b"), tmp_path / "cache"
    await saved(server, path)
    server.delete("a")
    async with Mirroring(server, restore_from=path) as informer:
        await asyncio.sleep(1)
        assert await taken(informer.events()) == ["+b (initial)", "synced 103"]


async def test_what_was_in_quarantine_gets_its_next_try_by_a_snapshot(tmp_path: Path) -> None:
    """The version of the cache was past it: a watch from there would never bring it again."""

    def on_node(pod: KubeObject) -> str:
        return str(pod["spec"]["nodeName"])

    server, path = PodServer(), tmp_path / "cache"
    server.put("a", spec={"nodeName": "n"})
    server.put("b")
    await saved(server, path, indexers={"node": on_node})
    async with Mirroring(server, restore_from=path) as informer:
        assert {pod.name for pod in informer} == {"a", "b"}
        warm = informer.status.warm_start
        assert warm is not None
        assert (warm.resumes, server.streams) == (False, 2)


async def test_indexes_are_built_of_what_was_restored_also_while_nobody_sees_it(tmp_path: Path) -> None:
    server, path = PodServer("a", "b"), tmp_path / "cache"
    await saved(server, path)
    server.refusal = ServerError(503)
    async with starting(server, restore_from=path, indexers={"name": lambda pod: pod.name}) as informer:
        while informer.status.warm_start is None:  # noqa: ASYNC110  # turns of the loop, not time
            await asyncio.sleep(0)
        informer.add_indexer("late", lambda pod: pod.name)
        server.refusal = None
        await informer.wait_for_cache_sync()
        for index in ("name", "late"):
            assert informer.index_keys(index, "a") == ["d/a"]


async def test_a_file_that_cannot_be_used_means_a_cold_start_and_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Damaged, of another server, or none at all."""
    server, path = PodServer("a"), tmp_path / "cache"
    await saved(server, path)
    good = path.read_bytes()
    (damaged := tmp_path / "damaged").write_bytes(good[:-1])
    elsewhere = PodServer("x")
    elsewhere.address = "https://elsewhere"
    (directory := tmp_path / "directory").mkdir()
    for served, file, reason in (
        (server, damaged, "damaged or cut off"),
        (elsewhere, path, "another server: 'https://pods', not 'https://elsewhere'"),
        (server, directory, "Is a directory"),
    ):
        caplog.clear()
        events = (mirroring := Mirroring(served, restore_from=file)).informer.events()
        async with mirroring as informer:
            warm = informer.status.warm_start
            assert warm is not None
            assert reason in warm.refused
            assert (len(informer), informer.status.state) == (1, "live")
            assert [event.partition(" ")[2] for event in await taken(events)] == ["(initial)", str(served.version)]
        assert [(record.levelno, reason in record.getMessage()) for record in caplog.records] == [
            (logging.WARNING, True)
        ]


async def test_the_first_start_of_all_is_cold_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """There is no file yet."""
    async with Mirroring(PodServer("a"), restore_from=tmp_path / "cache") as informer:
        warm = informer.status.warm_start
        assert warm is not None
        assert (warm.refused, len(informer)) == ("there is no such file", 1)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_it_can_be_saved_after_it_was_stopped_but_not_before_it_is_in_sync(tmp_path: Path) -> None:
    """A service saves on its way out."""
    server, path = PodServer("a"), tmp_path / "cache"
    with pytest.raises(NotRunning):
        await Informer[Any](InformerSpec(PODS)).snapshot_to(path)
    server.refusal = ServerError(503)
    async with starting(server) as informer:
        await asyncio.sleep(1)
        with pytest.raises(InformerError, match="first sync"):
            await informer.snapshot_to(path)
        server.refusal = None
        await informer.wait_for_cache_sync()
    await informer.snapshot_to(path)
    streams = server.streams
    async with Mirroring(server, restore_from=path) as informer:
        assert (len(informer), server.streams) == (1, streams)


async def test_stopping_while_it_restores_ends_it(tmp_path: Path) -> None:
    server, path = PodServer(*(f"p{n}" for n in range(500))), tmp_path / "cache"
    await saved(server, path)
    async with starting(server, restore_from=path) as informer:
        while not informer._store._stagings:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0)
        await informer.aclose()
        assert (informer.is_stopped, informer.status.warm_start, len(informer)) == (True, None, 0)


def test_what_cannot_be_told_from_something_else_is_neither_saved_nor_started_from(tmp_path: Path) -> None:
    """The message names the option and what to do."""
    factory = SharedInformerFactory()
    path = tmp_path / "cache"
    with pytest.raises(InvalidOption, match="restore_from does not go with transform"):
        factory.informer("pods", restore_from=path, transform=lambda pod: pod)
    with pytest.raises(InvalidOption, match="needs the resource in full"):
        factory.informer("widgets", restore_from=path)
    with pytest.raises(InvalidOption, match="one namespace or for all"):
        factory.informer("pods", restore_from=path, namespace=["m", "n"])
    wrong: Any = 7
    with pytest.raises(InvalidOption, match="restore_from is the path of a file, not 7"):
        factory.informer("pods", restore_from=wrong)
    for_all: Any = {"restore_from": path}
    with pytest.raises(InvalidOption, match="one informer's own file"):
        SharedInformerFactory(**for_all)


async def test_a_transforming_informer_is_not_saved(tmp_path: Path) -> None:
    async with Mirroring(PodServer("a"), transform=lambda pod: pod) as informer:
        with pytest.raises(InvalidOption, match="snapshot_to does not go with transform"):
            await informer.snapshot_to(tmp_path / "cache")


async def test_what_is_no_path_is_refused() -> None:
    async with Mirroring(PodServer("a")) as informer:
        for wrong in (7, None, ""):
            nowhere: Any = wrong
            with pytest.raises(InvalidOption, match="snapshot_to is the path of a file, not"):
                await informer.snapshot_to(nowhere)


objects = st.dictionaries(
    st.from_regex("[a-z0-9]{1,8}", fullmatch=True),
    st.tuples(
        st.sampled_from(["n", "m", ""]),
        st.integers(1, 2**70),
        st.text(max_size=8),
        st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
        st.text(max_size=200),
    ),
    max_size=80,
)


@given(contents=objects)
def test_any_cache_comes_back_as_it_was(contents: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keys, uids, versions, labels and bytes, in their order."""
    store, restored = Store(), Store()
    for name, (namespace, version, uid, labels, text) in contents.items():
        metadata = {
            "name": name, "namespace": namespace, "uid": uid, "resourceVersion": str(version), "labels": labels,
        }  # fmt: skip
        delta: Any = decode_item(msgspec.json.encode({"metadata": metadata, "data": {"text": text}}), "ConfigMap", "v1")
        store.apply(put(delta.record))
    while store.pack():
        pass

    async def there_and_back() -> None:
        path = tmp_path_factory.mktemp("cache") / "cache"
        await save(path, store, ORIGIN)
        warm = await restore(path, restored, ORIGIN, lane=Lane())
        assert (warm.refused, warm.objects) == ("", len(contents))
        assert len(restored) == 0
        restored.unshelve(warm.resource_version)

    def everything(of: Store) -> list[tuple[object, ...]]:
        return [(r.key, r.uid, r.resource_version, r.labels, r.raw) for r in of.records()]

    asyncio.run(there_and_back())
    assert everything(restored) == everything(store)
    assert restored.resource_version == store.resource_version
