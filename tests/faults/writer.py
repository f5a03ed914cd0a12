"""Who writes to the cluster all along, and the log of every write that counts.

Nothing is logged on a guess. A write whose answer got lost is repeated with the same precondition (a name that must be
free, a version that must be current) until the server says that it is done, or that it was done the first time.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from tests.faults.administrator import Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.administrator import Administrator, Object

RETRY = 0.1
"""Seconds between attempts while the server is away."""


class Resource(NamedTuple):
    """What is written: its name for informers, where its collections are, and what its objects hold beside metadata."""

    name: str
    prefix: str
    plural: str
    fields: Callable[[int], Object]

    def path(self, namespace: str) -> str:
        """The collection of a namespace."""
        return f"{self.prefix}/namespaces/{namespace}/{self.plural}"


CONFIGMAPS = Resource(
    "configmaps.v1", "/api/v1", "configmaps", lambda step: {"data": {"step": str(step), "text": "é\u2028"}}
)


class Write(NamedTuple):
    """One write that counts, or one event about it. ``version`` is ``""`` for a delete, whose answer does not tell it."""

    uid: str
    version: str

    @property
    def deletes(self) -> bool:
        """Whether the object is gone after it."""
        return not self.version


class Writer:
    """Creates, changes and deletes objects of one collection until it is stopped, some at a time.

    ``log``: for each key the writes that count, in the order in which the server did them. ``pace``: seconds between two
    writes of a lane.
    """

    def __init__(self, administrator: Administrator, resource: Resource, *, lanes: int = 2, pace: float = 0.05) -> None:
        self.log: dict[str, list[Write]] = defaultdict(list)
        self._administrator = administrator
        self._resource = resource
        self._path = resource.path(administrator.namespace)
        self._pace = pace
        self._steps = count(1)
        self._stopping = False
        self._lanes = [[f"lane-{lane}-{name}" for name in range(6)] for lane in range(lanes)]
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def count(self) -> int:
        """Writes so far."""
        return sum(map(len, self.log.values()))

    def start(self) -> None:
        """Begin."""
        self._tasks = [asyncio.create_task(self._run(names)) for names in self._lanes]

    async def stop(self) -> None:
        """Return when every write that was begun is settled."""
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def aclose(self) -> None:
        """Stop at once, whatever the log then lacks."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def writes(self, count: int) -> None:
        """Return after so many further writes."""
        goal = self.count + count
        while self.count < goal:
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(self._pace)

    async def put(self, name: str, **fields: object) -> str:
        """Create or change an object, with these fields instead of the usual ones; its version."""
        step = next(self._steps)
        known = self._present(name)
        metadata: Object = {"name": name, "annotations": {"step": str(step)}}
        if known is not None:
            metadata["resourceVersion"] = known.version
        body = {"metadata": metadata, **(fields or self._resource.fields(step))}
        method, path = ("POST", self._path) if known is None else ("PUT", f"{self._path}/{name}")
        written = await self._settled(method, path, name, body)
        if written is None:  # somebody else took it away
            self._note(name, Write(known.uid if known else "", ""))
            return await self.put(name, **fields)
        self._note(name, Write(written["metadata"]["uid"], written["metadata"]["resourceVersion"]))
        return str(written["metadata"]["resourceVersion"])

    async def delete(self, name: str) -> None:
        """Delete an object that is there."""
        known = self._present(name)
        assert known is not None
        preconditions = {"uid": known.uid, "resourceVersion": known.version}
        await self._settled("DELETE", f"{self._path}/{name}", name, {"preconditions": preconditions})
        self._note(name, Write(known.uid, ""))

    async def _run(self, names: list[str]) -> None:
        dice = random.Random(names[0])
        while not self._stopping:
            name = dice.choice(names)
            if self._present(name) is not None and dice.random() < 0.25:
                await self.delete(name)
            else:
                await self.put(name)
            await asyncio.sleep(self._pace)

    async def _settled(self, method: str, path: str, name: str, body: Object) -> Object | None:
        """The object after the write, ``None`` if it is gone."""
        while True:
            try:
                status, answer = await self._administrator.request(method, path, body)
                if status in {200, 201, 202}:
                    return None if method == "DELETE" else answer
                if status == 404 and method != "POST":  # a POST has to wait until the server knows the resource
                    return None
                if status == 409 and method != "DELETE":
                    return await self._done_before(name, body)
                assert status in {404, 405}, answer  # 405: a definition is being deleted
            except Unanswered:
                pass
            await asyncio.sleep(RETRY)

    async def _done_before(self, name: str, body: Object) -> Object:
        """The object, which an attempt of this write has made what it is; its answer was lost."""
        status, there = await self._administrator.request("GET", f"{self._path}/{name}")
        assert status == 200, there
        assert there["metadata"]["annotations"] == body["metadata"]["annotations"], "somebody else writes here"
        return there

    def _present(self, name: str) -> Write | None:
        writes = self.log.get(f"{self._administrator.namespace}/{name}")
        return writes[-1] if writes and not writes[-1].deletes else None

    def _note(self, name: str, write: Write) -> None:
        self.log[f"{self._administrator.namespace}/{name}"].append(write)
