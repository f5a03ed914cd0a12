"""A scripted API server for the reflector: what it answers is written down beforehand, what it is asked afterwards."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

from aioinformer.batches import Batch, Delta, Deltas, SnapshotBegin, SnapshotCommit, SnapshotPage, Undecodable
from aioinformer.listwatch import InitialList, ListWatch
from aioinformer.reflector import Reflector

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from aioinformer.errors import InformerError
    from aioinformer.listwatch import Request, Step

Chunk: TypeAlias = bytes | Exception | float
Answer: TypeAlias = list[Chunk] | Exception
"""What a body gives, one ``read`` each (a number is seconds of silence), or what opening raises."""

FOR_EVER = float("inf")


def thing(name: str, version: int, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version), "uid": name, **metadata}}


def event(kind: str, name: str, version: int, **metadata: Any) -> bytes:
    return json.dumps({"type": kind, "object": thing(name, version, **metadata)}).encode() + b"\n"


def bookmark(version: int, *, end: bool = False) -> bytes:
    annotations = {"k8s.io/initial-events-end": "true"} if end else {}
    return event("BOOKMARK", "", version, annotations=annotations)


def failure(code: int, reason: str) -> bytes:
    status = {"kind": "Status", "code": code, "reason": reason}
    return json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"


def page(*items: dict[str, Any], version: int = 10, token: str = "", kind: str = "PodList") -> bytes:
    metadata = {"resourceVersion": str(version), "continue": token}
    return json.dumps({"kind": kind, "apiVersion": "v1", "metadata": metadata, "items": items}).encode()


class Lowest(Random):
    """The shortest time-outs and the longest waits, always."""

    def randint(self, a: int, b: int) -> int:
        return a

    def uniform(self, a: float, b: float) -> float:
        return b


class ScriptedBody:
    def __init__(self, chunks: list[Chunk]) -> None:
        self._chunks = iter(chunks)
        self.reads = 0

    async def read(self) -> bytes:
        self.reads += 1
        for chunk in self._chunks:
            if isinstance(chunk, float):
                await (asyncio.Event().wait() if chunk == FOR_EVER else asyncio.sleep(chunk))
            elif isinstance(chunk, Exception):
                raise chunk
            else:
                return chunk
        return b""


class Scripted:
    """A source that answers by script, and keeps what it was asked; past the script nothing answers any more."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = iter(answers)
        self.queries: list[dict[str, str]] = []
        self.bodies: list[ScriptedBody] = []
        self.open_now = 0
        self.finished = asyncio.Event()
        self.metadata: Scripted | None = None
        """What answers requests for metadata alone."""

    @property
    def server(self) -> str:
        return "https://scripted"

    def metadata_only(self) -> Scripted:
        self.metadata = self.metadata or Scripted()
        return self.metadata

    @asynccontextmanager
    async def open(self, query: Mapping[str, str]) -> AsyncGenerator[ScriptedBody]:
        self.queries.append(dict(query))
        answer = next(self._answers, None)
        if answer is None:
            self.finished.set()
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        assert answer is not None
        self.bodies.append(ScriptedBody(answer))
        self.open_now += 1
        try:
            yield self.bodies[-1]
        finally:
            self.open_now -= 1


class Told:
    """An observer that writes down what it is told."""

    def __init__(self) -> None:
        self.story: list[str] = []
        self.errors: list[InformerError | None] = []
        self.pauses: list[float] = []

    def requested(self, request: Request) -> None:
        self.story.append(str(request.state))

    def heard(self) -> None:
        if self.story[-1] != "heard":
            self.story.append("heard")

    def ended(self, step: Step, error: InformerError | None) -> None:
        self.story.append(str(step.after))
        self.errors.append(error)
        self.pauses.append(step.pause)


class Run:
    """One reflector on a script."""

    def __init__(
        self, *answers: Answer, initial_list: InitialList = "stream", queue_size: int = 0, dense: bool = False
    ) -> None:
        self.source = Scripted(*answers)
        self.machine = ListWatch(Lowest(), initial_list=initial_list)
        self.queue: asyncio.Queue[Batch] = asyncio.Queue(queue_size)
        self.told = Told()
        self.slept: list[float] = []
        clock = asyncio.get_running_loop().time
        self.reflector = Reflector(
            self.source, self.machine, self.queue, self.told, clock=clock, sleep=self.sleep, dense=lambda: dense
        )
        self.task = asyncio.ensure_future(self.reflector.run())

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds)

    async def batches(self) -> list[Batch]:
        """Play the script to its end; everything that came onto the queue."""
        finished = asyncio.ensure_future(self.source.finished.wait())
        await asyncio.wait([self.task, finished], return_when=asyncio.FIRST_COMPLETED)
        finished.cancel()
        if self.task.done():
            await self.task
        await self.stop()
        return self.waiting()

    def waiting(self) -> list[Batch]:
        return [self.queue.get_nowait() for _ in range(self.queue.qsize())]

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])
        assert self.task.cancelled()
        assert self.source.open_now == 0


def told(batches: list[Batch]) -> list[str]:
    """Batches as short lines: ``page +a@1``, ``deltas -a@2 (3)``."""

    def item(each: Delta | Undecodable) -> str:
        if isinstance(each, Undecodable):
            return f"?{each.key}@{each.resource_version}"
        return f"{'-' if each.deleted else '+'}{each.record.key}@{each.record.resource_version}"

    lines = []
    for batch in batches:
        match batch:
            case SnapshotBegin():
                lines.append("begin")
            case SnapshotPage(items):
                lines.append(" ".join(["page", *map(item, items)]))
            case SnapshotCommit(version):
                lines.append(f"commit {version}")
            case Deltas(items, version):
                lines.append(" ".join(["deltas", *map(item, items), f"({version})"]))
    return lines


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
