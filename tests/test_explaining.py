"""explaining.py: why an object is in a cache or is not, and why a subscriber has seen it or has not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aioinformer.informer import Informer
from aioinformer.options import InformerSpec
from aioinformer.selectors import LabelSelector
from tests.pod_server import PODS, Mirroring, PodServer

if TYPE_CHECKING:
    from aioinformer.objects import JSON, KubeObject

pytestmark = pytest.mark.looptime


def without_secrets(pod: dict[str, JSON]) -> dict[str, JSON] | None:
    """Leaves out what is called ``out``, and raises for what is called ``odd``."""
    match pod["metadata"]["name"]:
        case "out":
            return None
        case "odd":
            raise ValueError("hunter2")
        case _:
            return pod


async def test_it_says_why_an_object_is_in_the_cache_or_is_not() -> None:
    server = PodServer("a", "out", "odd")
    async with Mirroring(server, transform=without_secrets) as informer:
        assert informer.explain("d/a").reason == "in the cache at version 101"
        assert informer.explain("d/a").resource_version == "101"
        assert informer.explain("d/out").reason == "left out by transform"
        assert informer.explain("d/odd").reason.startswith("quarantined: ValueError at ")
        assert informer.explain("d/b").reason == ("not in the cache at version 103: the server has no such object")


async def test_an_earlier_version_that_stayed_is_told_with_the_one_that_could_not_be_taken_in() -> None:
    def on_node(pod: KubeObject) -> str:
        return str(pod["spec"]["nodeName"])

    server = PodServer()
    server.put("a", spec={"nodeName": "n"})
    async with Mirroring(server, indexers={"node": on_node}) as informer:
        server.put("a")
        await asyncio.sleep(1)
        reason = informer.explain("d/a").reason
        assert reason.startswith("in the cache at version 101; a later version was quarantined: KeyError at ")


async def test_what_the_informer_never_asked_for_is_told() -> None:
    options = {"namespace": "d", "label_selector": LabelSelector.parse("app=web"), "field_selector": "spec.nodeName=n"}
    async with Mirroring(PodServer("a"), **options) as informer:
        assert informer.explain("m/a").reason == "outside this informer's namespace, d"
        assert informer.explain("d/b").reason.endswith(
            "the server has no such object, or it does not match app=web and spec.nodeName=n"
        )


async def test_before_the_sync_it_says_how_that_stands() -> None:
    informer: Informer[KubeObject] = Informer(InformerSpec(PODS).checked())
    events = informer.events()
    explanation = informer.explain("d/a")
    assert explanation.reason.startswith("not known yet: pods.v1 is idle")
    assert (explanation.subscriptions, events.pending) == (("waits for the first sync",), 0)


async def test_it_says_why_a_subscriber_has_seen_it_or_has_not() -> None:
    server = PodServer("a")
    async with Mirroring(server) as informer:
        taking = informer.events()
        asleep = [
            informer.events(namespace="m"),
            informer.events(label_selector="app=web"),
            informer.events(where=lambda _: False, replay=False),
            informer.events(replay=False, max_pending=1),
        ]
        for _ in range(4):
            server.put("a")
            await asyncio.sleep(1)
        while taking.pending or taking.is_replaying:
            await anext(taking)
        await anext(asleep[3])
        assert informer.subscriptions
        found = dict(zip(informer.subscriptions, informer.explain("d/a").subscriptions, strict=True))
        assert found[taking] == "has taken all there was to take of it"
        assert [found[events] for events in asleep] == [
            "outside its namespaces, m",
            "its labels do not match app=web",
            "its where= says no",
            "2 events wait to be taken; 2 of the last events that were merged, because too many waited, were its",
        ]
        assert informer.explain("d/b").subscriptions[0]


async def test_a_replay_that_is_not_taken_yet_is_told() -> None:
    async with Mirroring(PodServer("a")) as informer:
        events = informer.events()
        assert informer.explain("d/a").subscriptions == ("is still taking the replay",)
        assert events.pending


async def test_it_prints_its_story() -> None:
    """A line for each thing that became of it, and one for each subscription."""
    server = PodServer("a")
    async with Mirroring(server) as informer:
        events = informer.events(namespace="m")
        server.put("a")
        await asyncio.sleep(1)
        server.cut()
        server.delete("a")
        server.expire()
        await asyncio.sleep(10)
        lines = str(informer.explain("d/a")).splitlines()
        assert [
            line.partition(":")[0] if number == 0 else line.strip().partition(" ")[2]
            for number, line in enumerate(lines)
        ] == [
            "d/a",
            "the cache was listed anew, 1 objects at 101",
            "updated at 102",
            "deleted while unwatched",
            "the cache was listed anew, 0 objects at 104",
            "0: is still taking the replay",
        ]
        assert not events.is_closed


async def test_no_body_is_in_it() -> None:
    """Neither of an object nor of what its transform raised."""
    server = PodServer()
    server.put("a", spec={"password": "hunter2"})
    server.put("odd", spec={"password": "hunter2"})
    async with Mirroring(server, transform=without_secrets) as informer:
        for key in ("d/a", "d/odd"):
            assert "hunter2" not in f"{informer.explain(key)} {informer.explain(key)!r}"
