"""audit.py against any corruption of any cache: afterwards the cache is the server's, and replaying a subscription gives it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from aioinformer import Deleted, Synced
from aioinformer.testing.virtual_time import VirtualTimeLoop
from tests import corruption
from tests.audited import assert_right, findings
from tests.pod_server import Mirroring, PodServer

if TYPE_CHECKING:
    from aioinformer import Informer, KubeObject, Subscription

Action: TypeAlias = tuple[str, str]

NAMES = st.sampled_from("abcde")
WRITES = st.sampled_from(["put", "put", "delete"])
CORRUPTIONS = [
    corruption.forget, corruption.lose, corruption.invent, corruption.age, corruption.swap_uid, corruption.forge,
    corruption.truncate, corruption.mislabel, corruption.unindex, corruption.misindex, corruption.index_twice,
    corruption.unname, corruption.name_twice,
]  # fmt: skip
WRONGS = {corrupt.__name__: corrupt for corrupt in CORRUPTIONS}
BLINDING = {"forget", "lose"}
"""After which the cache cannot know that a subscriber has ever seen the object."""


class Scene:
    """An informer, its server, and subscribers who joined at any time and take events when they like."""

    def __init__(self, informer: Informer[KubeObject], server: PodServer) -> None:
        self.informer = informer
        self.server = server
        self.blinded: set[str] = set()
        self.subscribers: list[tuple[Subscription[KubeObject], dict[str, KubeObject]]] = []

    def write(self, kind: str, name: str) -> None:
        if kind == "put":
            self.server.put(name)
        elif name in self.server.pods:
            self.server.delete(name)

    def lose(self, kind: str, name: str) -> None:
        """A write whose event never arrives."""
        self.server.hold_back()
        self.write(kind, name)
        self.server._held = []
        self.server.deliver()

    def corrupt(self, kind: str, name: str) -> None:
        with suppress(KeyError):  # it is not there any more
            WRONGS[kind](self.informer._store, f"d/{name}")
            if kind in BLINDING:
                self.blinded.add(f"d/{name}")

    async def act(self, kind: str, name: str) -> None:
        match kind:
            case "put" | "delete":
                self.write(kind, name)
                await asyncio.sleep(0.01)
            case "lost put" | "lost delete":
                self.lose(kind.removeprefix("lost "), name)
            case "join":
                self.subscribers.append((self.informer.events(max_pending=3), {}))
            case "take":
                for events, seen in self.subscribers:
                    await self.take(events, seen)
            case _:
                self.corrupt(kind, name)

    async def take(self, events: Subscription[KubeObject], seen: dict[str, KubeObject]) -> None:
        while events.pending:
            event = await anext(events)
            if isinstance(event, Deleted):
                seen.pop(event.key, None)
            elif not isinstance(event, Synced):
                seen[event.key] = event.object

    async def check(self) -> None:
        """The audit has put everything right, and a second one finds nothing."""
        assert_right(self.informer, self.server)
        cached = {pod.key: pod.to_dict() for pod in self.informer}
        for events, seen in self.subscribers:
            await self.take(events, seen)
            unknowable = self.blinded - cached.keys()
            assert {key: pod.to_dict() for key, pod in seen.items() if key not in unknowable} == cached
        streams = self.server.streams
        assert findings(await self.informer.audit()) == {}
        assert self.server.streams == streams


async def play(before: list[Action], wrongs: list[Action]) -> None:
    server = PodServer("a", "b")
    async with Mirroring(server, indexers={"name": lambda pod: pod.name}, page_size=2) as informer:
        scene = Scene(informer, server)
        for kind, name in [*before, *wrongs]:
            await scene.act(kind, name)
        server.bookmark()
        report = await informer.audit()
        assert (report.repaired, server.streams) == (not report.clean, 1 if report.clean else 2)
        await scene.check()


ordinary = st.tuples(st.one_of(WRITES, st.sampled_from(["join", "take"])), NAMES)
wrong = st.tuples(st.sampled_from([*WRONGS, "lost put", "lost delete", "join", "take"]), NAMES)


@settings(max_examples=300)
@given(st.lists(ordinary, max_size=8), st.lists(wrong, max_size=8))
def test_after_an_audit_the_cache_is_the_servers_whatever_was_wrong(before: list[Action], wrongs: list[Action]) -> None:
    """Any mixture of lost events and corrupted records, indexes and namespaces takes one relist."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(play(before, wrongs))
