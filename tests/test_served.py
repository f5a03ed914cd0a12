"""served.py, feed.py and collection.py: resources that come and go, over the embedded API server in virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import (
    Deleted,
    InformerState,
    NotFound,
    NotRunning,
    ResourceAppeared,
    ResourceVanished,
    SharedInformerFactory,
    Synced,
    UnknownResource,
)
from aioinformer.batches import Delta
from aioinformer.served import POLL, RARE_POLL
from aioinformer.store import Store
from aioinformer.testing import ApiServer
from tests.audited import in_words, told

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aioinformer import Informer, KubeObject
    from aioinformer.batches import Change, Deltas
    from aioinformer.served import ResourceChange, ResourceChanges

pytestmark = pytest.mark.looptime

DEFINITIONS = "customresourcedefinitions"
GROUP = "example.com"
PROMPT = 2.0
"""Seconds that are prompt."""


def definition(*versions: str, plural: str = "widgets") -> dict[str, Any]:
    names = {"plural": plural, "kind": plural.removesuffix("s").capitalize()}
    served = [{"name": version, "served": True, "storage": version == versions[0]} for version in versions]
    spec = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": served}
    return {"metadata": {"name": f"{plural}.{GROUP}"}, "spec": spec}


def widget(server: ApiServer, name: str, version: str = "v1") -> None:
    server.create(f"widgets.{version}.{GROUP}", {"metadata": {"name": name, "namespace": "default"}})


def serve_only(server: ApiServer, *versions: str) -> None:
    server.patch(DEFINITIONS, f"widgets.{GROUP}", {"spec": definition(*versions)["spec"]})


@pytest.fixture
async def server() -> AsyncGenerator[ApiServer]:
    async with ApiServer() as server:
        yield server


@pytest.fixture
async def factory(server: ApiServer) -> AsyncGenerator[SharedInformerFactory]:
    async with server.api_client() as client, SharedInformerFactory(client) as factory:
        yield factory


async def until_parked(informer: Informer[Any]) -> None:
    async for state in informer.states():
        if state is InformerState.MISSING:
            return


async def after_the_present(changes: ResourceChanges) -> set[str]:
    """Take what is served; its names."""
    first = await anext(changes)
    names = {str(first.resource.gvr)}
    while changes._due:
        change = await anext(changes)
        assert isinstance(change, ResourceAppeared)
        assert change.initial
        names.add(str(change.resource.gvr))
    return names


def named(change: ResourceChange) -> str:
    return f"{'+' if isinstance(change, ResourceAppeared) else '-'}{change.resource.gvr}"


@pytest.mark.parametrize("name", [f"widgets.v1.{GROUP}", f"widgets.{GROUP}", "widgets"])
async def test_an_informer_on_what_is_not_installed_parks_and_starts_when_it_is(
    server: ApiServer, factory: SharedInformerFactory, name: str
) -> None:
    """However it was named; MISSING until then, in sync at once after."""
    informer = factory.informer(name)
    await until_parked(informer)
    await asyncio.sleep(300)
    assert (informer.status.state, informer.synced) == (InformerState.MISSING, False)
    server.create(DEFINITIONS, definition("v1"))
    widget(server, "a")
    async with asyncio.timeout(PROMPT):
        await informer.wait_for_cache_sync(keep_waiting=True)
    assert [o.name for o in informer] == ["a"]


async def test_parking_is_cheap(server: ApiServer, factory: SharedInformerFactory) -> None:
    """A try at the slow end of the backoff, a watch on definitions, and rare looks at discovery."""
    await until_parked(factory.informer(f"widgets.v1.{GROUP}"))
    before = len(server.requests)
    await asyncio.sleep(600)
    asked = server.requests[before:]
    assert sum("widgets" in request.path for request in asked) <= 600 / 15
    assert sum(request.path == "/apis" for request in asked) <= 600 / RARE_POLL + 1
    assert len(asked) < 80


async def test_without_the_right_to_definitions_discovery_is_polled(
    server: ApiServer, factory: SharedInformerFactory
) -> None:
    """Then it takes up to one period, and definitions are not asked for again and again."""
    server.on(DEFINITIONS).revoke()
    informers = [factory.informer(f"{name}.v1.{GROUP}") for name in ("widgets", "gadgets")]
    for informer in informers:
        await until_parked(informer)
    await asyncio.sleep(300)
    definitions = [request for request in server.requests if DEFINITIONS in request.path]
    assert 1 <= len(definitions) <= 3
    server.create(DEFINITIONS, definition("v1"))
    async with asyncio.timeout(POLL + PROMPT):
        await informers[0].wait_for_cache_sync(keep_waiting=True)
    assert not informers[1].synced


async def test_a_defect_in_following_definitions_costs_nobody_else_their_informer(
    server: ApiServer, factory: SharedInformerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Discovery is polled from then on."""
    apply = Store.apply

    def fails_for_definitions(store: Store, batch: Deltas, part: str = "") -> list[Change]:
        if any(isinstance(item, Delta) and item.record.key == f"widgets.{GROUP}" for item in batch.items):
            raise ZeroDivisionError
        return apply(store, batch, part)

    pods, widgets = factory.core.v1.pods, factory.informer(f"widgets.v1.{GROUP}")
    await pods.wait_for_cache_sync()
    await until_parked(widgets)
    await asyncio.sleep(1)
    monkeypatch.setattr(Store, "apply", fails_for_definitions)
    server.create(DEFINITIONS, definition("v1"))
    async with asyncio.timeout(2 * POLL):
        await widgets.wait_for_cache_sync(keep_waiting=True)
    assert not pods.is_stopped


async def test_nobody_asks_when_nobody_wants_to_know(server: ApiServer, factory: SharedInformerFactory) -> None:
    """Neither before anybody did, nor for long after."""
    await factory.core.v1.pods.wait_for_cache_sync()
    await asyncio.sleep(200)
    assert not [r for r in server.requests if r.path in {"/api", "/apis"} or DEFINITIONS in r.path]
    async with factory.watch_resources() as changes:
        await after_the_present(changes)
        assert server.open_watches(DEFINITIONS) == 1
    await asyncio.sleep(2 * RARE_POLL)
    asked = len(server.requests)
    assert server.open_watches(DEFINITIONS) == 0
    await asyncio.sleep(200)
    assert not [r for r in server.requests[asked:] if r.path in {"/api", "/apis"}]


async def test_uninstalling_is_deletes_then_parking_and_installing_again_a_new_start(
    server: ApiServer, factory: SharedInformerFactory
) -> None:
    """One informer and one subscription through all of it."""
    server.create(DEFINITIONS, definition("v1"))
    widget(server, "a")
    informer = factory.informer(f"widgets.{GROUP}")
    await factory.wait_for_cache_sync(PROMPT)
    events = informer.events(replay=False)
    assert isinstance(await anext(events), Synced)
    with server.uninstall(f"widgets.{GROUP}"):
        async with asyncio.timeout(PROMPT):
            assert in_words([await anext(events)]) == ["Deleted default/a"]
        await until_parked(informer)
        assert (len(informer), informer.synced, informer.status.ready) == (0, True, False)
        await asyncio.sleep(100)
    widget(server, "b")
    async with asyncio.timeout(PROMPT):
        assert in_words([await anext(events)]) == ["Added default/b"]
    assert informer.status.state is InformerState.LIVE


async def test_deletes_that_were_missed_come_when_the_resource_is_known_to_be_gone(
    server: ApiServer, factory: SharedInformerFactory
) -> None:
    """The watch was down while the definition was deleted; a 404 that discovery confirms is the end of all its objects."""
    server.create(DEFINITIONS, definition("v1"))
    widget(server, "a")
    informer = factory.informer(f"widgets.v1.{GROUP}")
    await factory.wait_for_cache_sync(PROMPT)
    events = informer.events(replay=False)
    assert isinstance(await anext(events), Synced)
    away = server.on("widgets").respond(503, times=1000)
    server.on("widgets").cut()
    await asyncio.sleep(1)
    server.uninstall(f"widgets.{GROUP}")
    away.heal()
    async with asyncio.timeout(60):
        gone = await anext(events)
    assert isinstance(gone, Deleted)
    assert (gone.key, gone.final_state_known) == ("default/a", False)
    assert isinstance(informer.status.last_error, UnknownResource)


async def test_a_404_that_discovery_does_not_confirm_deletes_nothing(
    server: ApiServer, factory: SharedInformerFactory
) -> None:
    """Something in front of the server, or a replica that lags, may say so."""
    server.create(DEFINITIONS, definition("v1"))
    widget(server, "a")
    informer = factory.informer(f"widgets.v1.{GROUP}")
    await factory.wait_for_cache_sync(PROMPT)
    events = informer.events(replay=False)
    assert isinstance(await anext(events), Synced)
    fault = server.on("widgets").respond(404, times=1000)
    server.on("widgets").cut()
    await until_parked(informer)
    await asyncio.sleep(100)
    assert (len(informer), events.pending) == (1, 0)
    fault.heal()
    await asyncio.sleep(60)
    assert (informer.status.state, events.pending) == (InformerState.LIVE, 0)


async def test_another_served_version_is_followed_without_a_storm(
    server: ApiServer, factory: SharedInformerFactory
) -> None:
    """Where the version was not asked for by name: objects that remain are not mentioned, and the next change comes."""
    server.create(DEFINITIONS, definition("v1beta1", "v1"))
    widget(server, "a")
    server.patch(DEFINITIONS, f"widgets.{GROUP}", {"spec": definition("v1beta1")["spec"]})
    informer = factory.informer(f"widgets.{GROUP}")
    await factory.wait_for_cache_sync(PROMPT)
    events = informer.events(replay=False)
    assert isinstance(await anext(events), Synced)
    serve_only(server, "v1beta1", "v1")
    await asyncio.sleep(60)
    assert {r.path.split("/")[3] for r in server.watches(f"widgets.v1beta1.{GROUP}")} == {"v1beta1"}
    serve_only(server, "v1")
    await asyncio.sleep(5)
    assert (informer.status.state, events.pending) == (InformerState.LIVE, 0)
    assert [o.name for o in informer] == ["a"]
    widget(server, "b")
    async with asyncio.timeout(PROMPT):
        added = await anext(events)
    assert in_words([added]) == ["Added default/b"]
    assert next(o for o in informer if o.name == "b").api_version == f"{GROUP}/v1"


async def test_a_version_asked_for_by_name_is_waited_for(server: ApiServer, factory: SharedInformerFactory) -> None:
    """Its objects live on in another version, so nothing is said to be deleted; and the status says what there is instead."""
    server.create(DEFINITIONS, definition("v1", "v1beta1"))
    widget(server, "a")
    informer = factory.informer(f"widgets.v1beta1.{GROUP}")
    await factory.wait_for_cache_sync(PROMPT)
    events = informer.events(replay=False)
    assert isinstance(await anext(events), Synced)
    serve_only(server, "v1")
    await until_parked(informer)
    await asyncio.sleep(60)
    assert (len(informer), events.pending) == (1, 0)
    error = informer.status.last_error
    assert isinstance(error, NotFound)
    assert not isinstance(error, UnknownResource)
    assert "but v1 is: ask without a version" in str(error)
    serve_only(server, "v1", "v1beta1")
    widget(server, "b")
    async with asyncio.timeout(PROMPT):
        assert in_words([await anext(events)]) == ["Added default/b"]
    server.delete(DEFINITIONS, f"widgets.{GROUP}")
    await asyncio.sleep(60)
    assert sorted(in_words(await told(events))) == ["Deleted default/a", "Deleted default/b"]


async def test_resources_are_told_as_they_come_and_go(server: ApiServer, factory: SharedInformerFactory) -> None:
    """Those that are there first, as initial; then each version that comes, and each that goes."""
    changes = factory.watch_resources()
    present = await after_the_present(changes)
    assert {"pods.v1", "deployments.v1.apps"} <= present
    server.create(DEFINITIONS, definition("v1"))
    async with asyncio.timeout(PROMPT):
        appeared = await anext(changes)
    assert appeared.resource.kind == "Widget"
    assert isinstance(appeared, ResourceAppeared)
    assert (named(appeared), appeared.initial) == (f"+widgets.v1.{GROUP}", False)
    serve_only(server, "v1", "v2")
    async with asyncio.timeout(PROMPT):
        assert named(await anext(changes)) == f"+widgets.v2.{GROUP}"
    server.delete(DEFINITIONS, f"widgets.{GROUP}")
    async with asyncio.timeout(PROMPT):
        vanished = [await anext(changes) for _ in range(2)]
    assert all(isinstance(change, ResourceVanished) for change in vanished)
    assert sorted(map(named, vanished)) == [f"-widgets.v1.{GROUP}", f"-widgets.v2.{GROUP}"]


async def test_resources_are_told_to_those_who_may_not_watch_definitions(
    server: ApiServer, factory: SharedInformerFactory
) -> None:
    """Within a period of the polls."""
    server.on(DEFINITIONS).revoke()
    changes = factory.watch_resources()
    await after_the_present(changes)
    server.create(DEFINITIONS, definition("v1"))
    async with asyncio.timeout(POLL + PROMPT):
        assert named(await anext(changes)) == f"+widgets.v1.{GROUP}"


async def test_a_slow_reader_gets_what_has_become_of_it(server: ApiServer, factory: SharedInformerFactory) -> None:
    """What came and went meanwhile is not mentioned, and nothing piles up."""
    changes = factory.watch_resources()
    await after_the_present(changes)
    for _ in range(3):
        server.create(DEFINITIONS, definition("v1"))
        await asyncio.sleep(10)
        server.delete(DEFINITIONS, f"widgets.{GROUP}")
        await asyncio.sleep(10)
    server.create(DEFINITIONS, definition("v1", plural="gadgets"))
    assert changes._due == []
    async with asyncio.timeout(PROMPT):
        assert named(await anext(changes)) == f"+gadgets.v1.{GROUP}"


async def test_a_look_that_fails_says_nothing(server: ApiServer, factory: SharedInformerFactory) -> None:
    """Discovery that cannot be asked makes no resource vanish."""
    server.on(DEFINITIONS).revoke()
    changes = factory.watch_resources()
    await after_the_present(changes)
    fault = server.respond(503, times=10_000)
    await asyncio.sleep(5 * POLL)
    fault.heal()
    server.create(DEFINITIONS, definition("v1"))
    async with asyncio.timeout(POLL + PROMPT):
        assert named(await anext(changes)) == f"+widgets.v1.{GROUP}"


async def test_it_ends_with_the_factory_or_when_it_is_closed(server: ApiServer) -> None:
    """A reader that waits gets the end; outside async with there is nothing to watch."""
    before = asyncio.all_tasks()
    async with server.api_client() as client:
        factory = SharedInformerFactory(client)
        with pytest.raises(NotRunning, match="within its 'async with'"):
            factory.watch_resources()
        async with factory:
            parked = factory.informer(f"widgets.v1.{GROUP}")
            await until_parked(parked)
            one, other = factory.watch_resources(), factory.watch_resources()
            await after_the_present(one)
            waiting = asyncio.create_task(_drain(other))
            await asyncio.sleep(1)
            assert repr(one).startswith("<ResourceChanges open told=")
            await one.aclose()
            assert repr(one).startswith("<ResourceChanges closed")
            assert [change async for change in one] == []
            assert not waiting.done()
        await waiting
        with pytest.raises(NotRunning):
            factory.watch_resources()
    assert asyncio.all_tasks() == before


async def _drain(changes: ResourceChanges) -> None:
    async for _ in changes:
        pass


async def test_the_present_is_one_answer_for_all_who_ask(server: ApiServer, factory: SharedInformerFactory) -> None:
    """Several watchers and parked informers cost no more than one."""
    parked: list[Informer[KubeObject]] = [factory.informer(f"widgets{i}.v1.{GROUP}") for i in range(5)]
    for informer in parked:
        await until_parked(informer)
    watchers = [factory.watch_resources() for _ in range(5)]
    first = await asyncio.gather(*map(after_the_present, watchers))
    assert all(names == first[0] for names in first)
    assert sum(request.path == "/apis" for request in server.requests) <= 3
    assert server.open_watches(DEFINITIONS) == 1
