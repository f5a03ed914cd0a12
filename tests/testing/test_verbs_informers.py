"""What each fault does to an informer, and that it is right again once the fault is healed. Time is virtual."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aioinformer import SharedInformerFactory
from aioinformer.resource import APIResource, GroupVersionResource
from aioinformer.testing import ApiServer
from aioinformer.testing.settling import settle
from tests.testing.fault_bench import on_virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer import Informer
    from aioinformer.testing.verbs import FaultVerbs

    Verb = Callable[[FaultVerbs], object]

WIDGETS = APIResource(GroupVersionResource("example.com", "v1", "widgets"), "Widget", namespaced=True)
MINUTES = 15 * 60  # longer than an informer that has learnt no rhythm yet takes silence for life


def cut_and(verb: Verb) -> Verb:
    """A fault that only new requests meet."""

    def act(verbs: FaultVerbs) -> None:
        verb(verbs)
        verbs.cut()

    return act


def streamed(verb: Verb) -> Verb:
    """A fault that only a new snapshot meets."""

    def act(verbs: FaultVerbs) -> None:
        verb(verbs)
        verbs.expire_history()

    return act


SURVIVED: dict[str, Verb] = {
    "expire_history": lambda verbs: verbs.expire_history(),
    "cut": lambda verbs: verbs.cut(),
    "cut in mid-line": lambda verbs: verbs.cut(mid_line=True),
    "end_cleanly": lambda verbs: verbs.end_cleanly(),
    "end_cleanly in mid-line": lambda verbs: verbs.end_cleanly(mid_line=True),
    "end_cleanly after a minute": lambda verbs: verbs.end_cleanly(after=60),
    "end_cleanly after 0 s": cut_and(lambda verbs: verbs.end_cleanly(after=0)),
    "stall": lambda verbs: verbs.stall(),
    "slow": lambda verbs: verbs.slow(1000),
    "respond": cut_and(lambda verbs: verbs.respond(503, times=3)),
    "respond with a wait": cut_and(lambda verbs: verbs.respond(429, retry_after=30)),
    "emit_error": lambda verbs: verbs.emit_error(500),
    "emit_error of expiry": lambda verbs: verbs.emit_error(410),
    "garbage": lambda verbs: verbs.garbage(times=3),
    "drop_bookmarks": lambda verbs: verbs.drop_bookmarks(),
    "drop_bookmarks of the state": streamed(lambda verbs: verbs.drop_bookmarks(initial=True)),
    "reject_streaming_lists": streamed(lambda verbs: verbs.reject_streaming_lists()),
    "reject_streaming_lists by 405": streamed(lambda verbs: verbs.reject_streaming_lists(405)),
    "ignore streaming lists": streamed(lambda verbs: verbs.reject_streaming_lists(None)),
    "revoke": lambda verbs: verbs.revoke(),
    "expire_tokens": cut_and(lambda verbs: verbs.expire_tokens()),
}
"""During these an informer stays up to date, or is so again within minutes, without being healed."""

ENDURED: dict[str, Verb] = {
    "stall of all": lambda verbs: verbs.stall(new_requests=True),
    "slow as can be": lambda verbs: verbs.slow(0.1),
    "refuse": lambda verbs: verbs.refuse(),
    "respond for ever": cut_and(lambda verbs: verbs.respond(500, times=None)),
    "garbage for ever": lambda verbs: verbs.garbage(times=None),
    "revoke and cut": lambda verbs: verbs.revoke(cut=True),
}
"""Under these an informer cannot know what is new."""

PARTS: dict[str, Callable[[ApiServer], FaultVerbs]] = {
    "all": lambda server: server,
    "pods": lambda server: server.on("pods"),
}


class Mirror:
    """A server, and an informer of its pods."""

    def __init__(self, server: ApiServer, pods: Informer[object]) -> None:
        self.server = server
        self.pods = pods

    def change(self) -> None:
        """One comes, one goes, one changes."""
        self.server.create("pods", {"metadata": {"name": "new"}})
        self.server.delete("pods", "old")
        self.server.patch("pods", "kept", {"metadata": {"labels": {"changed": "1"}}})

    @property
    def is_right(self) -> bool:
        """Whether every object is there in its latest version, and no other."""
        mirrored = {(pod.name, pod.resource_version) for pod in self.pods.list()}  # type: ignore[attr-defined]
        stored = {(pod["metadata"]["name"], pod["metadata"]["resourceVersion"]) for pod in self.server.list("pods")}
        return mirrored == stored


async def mirrored(act: Callable[[Mirror], object], *, healed: bool) -> None:
    """Let something happen to an informer in sync, wait some minutes, and see that it has what it should."""
    async with (
        ApiServer(bookmark_interval=60) as server,
        server.api_client("mirror", refresh=True) as client,
        SharedInformerFactory(client) as factory,
    ):
        for name in ("old", "kept"):
            server.create("pods", {"metadata": {"name": name}})
        mirror = Mirror(server, factory.core.v1.pods)  # type: ignore[arg-type]
        await factory.wait_for_cache_sync(timeout=10)
        act(mirror)
        mirror.change()
        await asyncio.sleep(MINUTES)
        assert mirror.is_right is not healed
        server.heal()
        await settle(server, factory, timeout=MINUTES)
        assert mirror.is_right


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("verb", SURVIVED.values(), ids=SURVIVED)
@on_virtual_time
async def test_an_informer_survives(verb: Verb, part: Callable[[ApiServer], FaultVerbs]) -> None:
    await mirrored(lambda mirror: verb(part(mirror.server)), healed=False)


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("verb", ENDURED.values(), ids=ENDURED)
@on_virtual_time
async def test_an_informer_is_right_again_after(verb: Verb, part: Callable[[ApiServer], FaultVerbs]) -> None:
    await mirrored(lambda mirror: verb(part(mirror.server)), healed=True)


@on_virtual_time
async def test_an_informer_of_a_stale_replica_is_right_once_it_catches_up() -> None:
    await mirrored(lambda mirror: mirror.server.stale(mirror.server.resource_version), healed=True)


@on_virtual_time
async def test_faults_of_another_client_are_not_this_ones() -> None:
    await mirrored(lambda mirror: mirror.server.on(client="other").refuse(), healed=False)


@on_virtual_time
async def test_an_object_that_cannot_be_decoded_is_set_aside_until_its_next_whole_version() -> None:
    async with (
        ApiServer() as server,
        server.api_client() as client,
        SharedInformerFactory(client) as factory,
    ):
        server.create("pods", {"metadata": {"name": "kept"}})
        pods = factory.core.v1.pods
        await factory.wait_for_cache_sync(timeout=10)
        with server.undecodable("default/kept"):
            server.patch("pods", "kept", {"metadata": {"labels": {"a": "1"}}})
            await settle(server, factory)
            assert "default/kept" in pods.quarantine
        await settle(server, factory)
        assert "default/kept" in pods.quarantine, "the server does not send it again"
        server.patch("pods", "kept", {"metadata": {"labels": {"a": "2"}}})
        await settle(server, factory)
        assert "default/kept" not in pods.quarantine
        (pod,) = pods.list()
        assert pod.labels == {"a": "2"}


@on_virtual_time
async def test_an_informer_of_an_uninstalled_resource_is_empty_and_fills_again() -> None:
    server = ApiServer()
    server.register(WIDGETS)
    async with server, server.api_client() as client, SharedInformerFactory(client) as factory:
        server.create("widgets", {"metadata": {"name": "w"}})
        widgets = factory.informer("widgets.v1.example.com")
        await factory.wait_for_cache_sync(timeout=10)
        with server.uninstall("widgets"):
            await asyncio.sleep(MINUTES)
            assert len(widgets) == 0
        server.create("widgets", {"metadata": {"name": "w2"}})
        await settle(server, factory)
        assert [widget.name for widget in widgets] == ["w2"]
