"""writing.py: a writer's view of an informer over a scripted source, in virtual time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from kubernetes_asyncio.client import V1ConfigMap, V1ObjectMeta, V1OwnerReference, V1Pod, V1PodSpec, V1Status

from aioinformer import (
    Deleted,
    InformerClosed,
    InvalidOption,
    KubeObject,
    LabelSelector,
    NotRunning,
    Synced,
    Updated,
    WaitTimeout,
)
from aioinformer import indexers as by
from aioinformer.informer import Informer
from aioinformer.options import InformerSpec
from aioinformer.writing import REMEMBERED
from tests.scripted_informer import PODS, Running, Script, bookmark, line, pod

pytestmark = pytest.mark.looptime


async def test_a_writer_reads_what_it_wrote_and_others_read_what_the_watch_brought() -> None:
    script = Script().snapshot(9, pod("a", 1))
    async with Running(script) as informer:
        await informer.wait_for_cache_sync()
        mine, anothers, events = informer.writing(), informer.writing(), informer.events(replay=False)
        shown = mine.wrote(pod("a", 12, status={"phase": "Running"}))
        assert shown is not None
        assert (shown.status, mine.get("a", "d")) == ({"phase": "Running"}, shown)
        assert mine.wrote(pod("b", 13)) in mine.list("d")
        for other in (informer, anothers):
            assert [o.resource_version for o in other.list()] == ["1"]
        assert (mine.pending, anothers.pending) == (("d/a", "d/b"), ())
        assert isinstance(await anext(events), Synced)
        assert events.pending == 0


async def test_a_view_that_is_kept_gives_way_to_what_the_watch_brings() -> None:
    script = Script().snapshot(9, pod("a", 1))
    async with Running(script) as informer:
        await informer.wait_for_cache_sync()
        mine = informer.writing()
        mine.wrote(pod("a", 12))
        for version, seen in ((11, "12"), (12, "12"), (13, "13")):
            script.send(line("MODIFIED", pod("a", version)))
            await asyncio.sleep(1)
            found = mine.get("d/a")
            assert found is not None
            assert found.resource_version == seen
        assert mine.pending == ()


async def test_leaving_the_block_waits_until_everybody_can_read_what_was_written() -> None:
    script = Script().snapshot(9, pod("a", 1))
    async with Running(script) as informer:
        await informer.wait_for_cache_sync()
        loop = asyncio.get_running_loop()
        start = loop.time()
        loop.call_later(2, script.send, line("MODIFIED", pod("a", 12)))
        async with informer.writing(timeout=30) as mine:
            mine.wrote(pod("a", 12))
            assert loop.time() == start
        assert loop.time() - start == pytest.approx(2)
        assert [o.resource_version for o in informer] == ["12"]


async def test_a_write_that_failed_is_waited_for_by_nobody() -> None:
    """What was raised in the block comes out of it, at once."""
    async with Running(Script().snapshot(9, pod("a", 1))) as informer:
        await informer.wait_for_cache_sync()
        mine = informer.writing()
        mine.wrote(pod("a", 12))
        assert not await mine.__aexit__(ConnectionError)  # type: ignore[func-returns-value]
        async with informer.writing() as mine:
            assert [o.resource_version for o in mine] == ["1"]


async def test_what_does_not_come_back_in_time_is_named() -> None:
    async with Running(Script().snapshot(9)) as informer:
        await informer.wait_for_cache_sync()
        with pytest.raises(WaitTimeout, match=r"d/a did not come back by the watch within 3 s: pods.v1 is live"):
            async with informer.writing(timeout=3) as mine:
                mine.wrote(pod("a", 12, data="secret"))
        assert "secret" not in repr(mine)
        waiting = asyncio.create_task(mine.settled())
        await asyncio.sleep(1)
        await informer.aclose()
        with pytest.raises(InformerClosed):
            await waiting
        await informer.writing().settled()


async def test_settling_needs_a_running_informer() -> None:
    informer: Informer[Any] = Informer(InformerSpec(PODS))
    mine = informer.writing()
    await mine.settled()
    mine.wrote(pod("a", 1))
    with pytest.raises(NotRunning):
        await mine.settled()


async def test_what_was_deleted_is_seen_no_more() -> None:
    script = Script().snapshot(9, pod("a", 1), pod("b", 2))
    async with Running(script) as informer:
        await informer.wait_for_cache_sync()
        mine = informer.writing()
        mine.deleted("d/a")
        mine.deleted("d/unknown")
        with pytest.raises(InvalidOption, match="key is an object's, such as 'default/web'"):
            mine.deleted(5)  # type: ignore[arg-type]  # the point
        assert [o.name for o in mine] == ["b"]
        assert len(informer) == 2
        script.send(line("DELETED", pod("a", 12)))
        await mine.settled()
        assert [o.name for o in informer] == ["b"]


async def test_an_event_that_tells_only_of_its_own_write_is_an_echo() -> None:
    script = Script().snapshot(9, pod("a", 1), pod("b", 2))
    async with Running(script) as informer:
        await informer.wait_for_cache_sync()
        mine, events = informer.writing(), informer.events(replay=False)
        mine.wrote(pod("a", 12))
        mine.deleted("d/b")
        script.send(
            line("MODIFIED", pod("a", 11)),
            line("MODIFIED", pod("a", 12)),
            line("MODIFIED", pod("a", 13)),
            line("DELETED", pod("b", 14)),
            line("DELETED", pod("a", 15)),
        )
        told = [await anext(events) for _ in range(6)]
        assert [(type(event), mine.is_echo(event)) for event in told] == [
            (Synced, False), (Updated, False), (Updated, True), (Updated, False), (Deleted, True), (Deleted, False),
        ]  # fmt: skip
        assert not any(informer.writing().is_echo(event) for event in told)


async def test_echoes_of_the_last_writes_only_are_remembered() -> None:
    async with Running(Script().snapshot(9)) as informer:
        await informer.wait_for_cache_sync()
        mine = informer.writing()
        for version in range(10, 11 + REMEMBERED):
            mine.wrote(pod("a", version))

        def is_known(version: int) -> bool:
            obj = KubeObject.from_json(msgspec.json.encode(pod("a", version)))
            return mine.is_echo(Updated(obj, obj, "d/a"))

        assert [is_known(version) for version in (10, 11, 10 + REMEMBERED)] == [False, True, True]


async def test_a_clients_model_is_taken_for_what_it_stands_for() -> None:
    """With the API's names, nested models and times as the server writes them, and nothing for what is not set."""
    owner = V1OwnerReference(api_version="apps/v1", kind="ReplicaSet", name="web", uid="u1", controller=True)
    metadata = V1ObjectMeta(
        name="a", namespace="d", uid="uid-a", resource_version="12", labels={"app": "web"}, owner_references=[owner],
        creation_timestamp=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
    )  # fmt: skip
    spec = V1PodSpec(containers=[], node_selector={"disk": "ssd"}, termination_grace_period_seconds=5)
    async with Running(Script().snapshot(9), indexers={"owner": by.owner_uid}) as informer:
        await informer.wait_for_cache_sync()
        mine = informer.writing()
        shown = mine.wrote(V1Pod(metadata=metadata, spec=spec))
        assert shown is not None
        assert mine.by_index("owner", "u1") == mine.list(label_selector="app=web") == [shown]
        assert shown.to_dict() == {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {
                "name": "a", "namespace": "d", "uid": "uid-a", "resourceVersion": "12", "labels": {"app": "web"},
                "creationTimestamp": "2030-01-02T03:04:05Z",
                "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u1", "controller": True}
                ],
            },
            "spec": {"containers": [], "nodeSelector": {"disk": "ssd"}, "terminationGracePeriodSeconds": 5},
        }  # fmt: skip


async def test_it_goes_the_way_of_every_object() -> None:
    """Transformed, indexed, cut and selected as what the watch brings would be."""

    def transform(document: dict[str, Any]) -> dict[str, Any] | None:
        document["seen"] = True
        return document if document.get("wanted") else None

    script = Script().snapshot(9, pod("a", 1, wanted=1), pod("b", 2, wanted=1))
    async with Running(script, transform=transform, indexers={"name": lambda o: o.name}) as informer:
        await informer.wait_for_cache_sync()
        mine = informer.writing()
        shown = mine.wrote(pod("a", 12, wanted=1, metadata={"managedFields": [{}]}))
        assert shown is not None
        assert (shown["seen"], shown.metadata.managed_fields) == (True, [])
        assert mine.by_index("name", "a") == [shown]
        assert mine.wrote(pod("b", 13)) is None
        assert [o.name for o in mine] == ["a"]


@pytest.mark.parametrize(
    ("options", "written"),
    [
        ({"label_selector": "app=web"}, pod("a", 12, metadata={"labels": {"app": "db"}})),
        ({"namespace": "d"}, pod("a", 12, metadata={"namespace": "elsewhere"})),
    ],
)
async def test_what_is_outside_of_the_informers_scope_is_not_seen(options: Any, written: dict[str, Any]) -> None:
    script = Script().snapshot(9, pod("a", 1, metadata={"labels": {"app": "web"}}))
    async with Running(script, **_parsed(options)) as informer:
        await informer.wait_for_cache_sync()
        mine = informer.writing()
        assert mine.wrote(written) is None
        assert (mine.get("a", "elsewhere"), len(mine)) == (None, 0 if "label_selector" in options else 1)
        script.send(bookmark(13))
        await mine.settled()
        assert mine.pending == ()


def _parsed(options: dict[str, Any]) -> dict[str, Any]:
    return {k: LabelSelector.parse(v) if k == "label_selector" else v for k, v in options.items()}


async def test_an_informer_on_metadata_shows_the_metadata() -> None:
    async with Running(Script().snapshot(9), metadata_only=True) as informer:
        await informer.wait_for_cache_sync()
        shown = informer.writing().wrote(pod("a", 12, spec={}))
        assert shown is not None
        assert (shown.kind, sorted(shown)) == ("PartialObjectMetadata", ["apiVersion", "kind", "metadata"])


class Named(msgspec.Struct):
    kind: str


async def test_a_model_is_what_is_read_and_what_it_cannot_hold_is_the_writers_error() -> None:
    async with Running(Script().snapshot(9), model=Named) as informer:
        await informer.wait_for_cache_sync()
        mine: Any = informer.writing()
        assert mine.wrote(pod("a", 12)) == mine.get("d/a") == Named("Pod")
        with pytest.raises(InvalidOption, match="Named has no metadata with uid and resource_version"):
            mine.is_echo(Updated(Named("Pod"), Named("Pod"), "d/a"))
    async with Running(Script().snapshot(9), model=V1Pod) as informer:
        await informer.wait_for_cache_sync()
        mine = informer.writing()
        shown = mine.wrote(pod("a", 12))
        assert isinstance(shown, V1Pod)
        assert mine.is_echo(Updated(shown, shown, "d/a"))
        with pytest.raises(AttributeError):
            mine.wrote(pod("a", 12, spec={"containers": 5}) | {"spec": 5})
        assert mine.pending == ("d/a",)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (5, "a kubernetes_asyncio model, a dict or a KubeObject, not int"),
        (None, "not NoneType"),
        ({}, "no metadata.name"),
        ({"metadata": []}, "no metadata.name"),
        ({"metadata": {"name": "a"}}, "no metadata.uid: give what the API returned, not what was sent"),
        (
            {"metadata": {"name": "a", "uid": "u", "resource_version": "1"}},
            "no metadata.resourceVersion: .* API's own names",
        ),
        (V1Status(status="Success"), r"for a delete that returned a Status use deleted\(key\)"),
        (
            V1ConfigMap(kind="ConfigMap", metadata=V1ObjectMeta(name="a", uid="u", resource_version="1")),
            "a ConfigMap was",
        ),
        (pod("a", 1) | {"metadata": {"name": "a", "uid": "u", "resourceVersion": "x"}}, "not a resource version"),
        (pod("a", 1, spec=object()), "is not JSON"),
    ],
)
async def test_what_no_server_can_have_returned_is_refused(returned: Any, message: str) -> None:
    async with Running(Script().snapshot(9)) as informer:
        await informer.wait_for_cache_sync()
        mine = informer.writing()
        with pytest.raises(InvalidOption, match=message):
            mine.wrote(returned)
        assert mine.pending == ()


async def test_a_time_that_is_none_is_refused() -> None:
    wrong: Any = "5"
    async with Running(Script().snapshot(9)) as informer:
        with pytest.raises(InvalidOption, match="timeout is a number of seconds"):
            informer.writing(timeout=wrong)
        with pytest.raises(InvalidOption, match="timeout is a number of seconds"):
            await informer.writing().settled(-1)
