"""feed.py: one collection's way into a cache, and how it parks while its resource is missing."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from aioinformer import GroupVersionResource, Informer, InformerState, KubeObject, NotFound, UnknownResource
from aioinformer.options import InformerSpec
from tests.audited import in_words, keys, subscribed, told
from tests.pod_server import PODS, PodServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

pytestmark = pytest.mark.looptime


WIDGETS = GroupVersionResource("example.com", "v1", "widgets")


class Porter:
    """Who knows when a resource comes: whom they are to wake, and who came and left."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.story: list[str] = []

    def park(self, resource: object, wake: Callable[[], None]) -> Callable[[], None]:
        self.waiting.append(wake)
        self.story.append(f"parked {resource}")

        def unpark() -> None:
            self.waiting.remove(wake)
            self.story.append("left")

        return unpark


@asynccontextmanager
async def following(server: PodServer, porter: Porter) -> AsyncGenerator[Informer[KubeObject]]:
    informer: Informer[KubeObject] = Informer(InformerSpec(WIDGETS).checked())
    async with anyio.create_task_group() as tasks:
        informer.start(tasks, server, porter)
        yield informer
        tasks.cancel_scope.cancel()


async def test_it_parks_while_its_resource_is_missing_and_starts_when_it_is_woken() -> None:
    """At once, however long the wait was that is on; then it does not want to be woken any more."""
    server, porter = PodServer("a"), Porter()
    server.refusal = NotFound(404)
    async with following(server, porter) as informer:
        await asyncio.sleep(1)
        assert (informer.status.state, porter.story) == (InformerState.MISSING, ["parked widgets.v1.example.com"])
        server.refusal = None
        asked = len(server.queries)
        porter.waiting[0]()
        await asyncio.sleep(0.1)
        assert (informer.status.state, len(server.queries)) == (InformerState.LIVE, asked + 1)
        assert porter.story == ["parked widgets.v1.example.com", "left"]


async def test_woken_in_vain_it_stays_parked_and_waits_on() -> None:
    """One request each time, and the slow backoff in between."""
    server, porter = PodServer("a"), Porter()
    server.refusal = NotFound(404)
    async with following(server, porter) as informer:
        await asyncio.sleep(1)
        asked = len(server.queries)
        for _ in range(3):
            porter.waiting[0]()
            await asyncio.sleep(1)
        assert len(server.queries) == asked + 3
        assert (informer.status.state, porter.story) == (InformerState.MISSING, ["parked widgets.v1.example.com"])


async def test_waking_one_that_does_not_wait_is_harmless() -> None:
    server, porter = PodServer("a"), Porter()
    server.refusal = NotFound(404)
    async with following(server, porter) as informer:
        await asyncio.sleep(1)
        wake = porter.waiting[0]
        server.refusal = None
        for _ in range(5):
            wake()
        await asyncio.sleep(1)
        wake()
        server.put("b")
        await informer.wait_for("d/b", timeout=5)
        assert server.streams == 1 + 1  # the one that was refused, and one


async def test_a_built_in_resource_is_not_waited_for() -> None:
    """It comes with its server or not at all, and is tried at the slow end of the backoff."""
    server, porter = PodServer("a"), Porter()
    server.refusal = NotFound(404)
    informer: Informer[KubeObject] = Informer(InformerSpec(PODS).checked())
    async with anyio.create_task_group() as tasks:
        informer.start(tasks, server, porter)
        await asyncio.sleep(100)
        assert (informer.status.state, porter.story) == (InformerState.MISSING, [])
        tasks.cancel_scope.cancel()


async def test_closing_it_leaves_the_porter() -> None:
    server, porter = PodServer("a"), Porter()
    server.refusal = NotFound(404)
    async with following(server, porter) as informer:
        await asyncio.sleep(1)
        await informer.aclose()
        assert porter.story == ["parked widgets.v1.example.com", "left"]


@pytest.mark.parametrize(
    ("error", "expected"), [(UnknownResource(404), ["Deleted d/a"]), (NotFound(404), [])], ids=["gone", "only 404"]
)
async def test_only_a_resource_that_is_known_to_be_gone_takes_its_objects_along(
    error: Exception, expected: list[str]
) -> None:
    """A 404 alone may come from anywhere; and what comes back is compared with what was there."""
    server, porter = PodServer("a"), Porter()
    async with following(server, porter) as informer:
        await informer.wait_for_cache_sync()
        events = await subscribed(informer)
        server.refusal = error
        server.cut()
        await asyncio.sleep(5)
        assert in_words(await told(events)) == expected
        assert (informer.synced, len(informer)) == (True, 1 - len(expected))
        server.refusal = None
        porter.waiting[0]()
        await asyncio.sleep(5)
        assert keys(informer) == {"d/a"}
        assert in_words(await told(events)) == [word.replace("Deleted", "Added") for word in expected]


async def test_what_was_never_there_has_not_gone() -> None:
    """A name that discovery does not know is no snapshot, so it syncs nobody."""
    server, porter = PodServer("a"), Porter()
    server.refusal = UnknownResource(404)
    async with following(server, porter) as informer:
        events: Any = informer.events()
        await asyncio.sleep(100)
        assert (informer.synced, events.pending) == (False, 0)
