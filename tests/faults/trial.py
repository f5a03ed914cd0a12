"""Informers and a writer through one fault, and the proof that nothing was lost."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from aioinformer import SharedInformerFactory
from tests.faults.report import Measurement
from tests.faults.witness import Witness
from tests.faults.writer import CONFIGMAPS, Write, Writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from kubernetes_asyncio.client import ApiClient

    from aioinformer import Informer, InformerError, KubeObject
    from aioinformer.listwatch import InitialList
    from tests.faults.administrator import Administrator, Object
    from tests.faults.writer import Resource

SAFETY = 240.0
"""Seconds until something that should have recovered counts as hung; nothing is measured by it."""
POLL = 0.02
LOG = logging.getLogger("aioinformer.status")
MODES: tuple[InitialList, ...] = ("stream", "consistent", "cached")


class Requests(logging.Handler):
    """Counts the requests that informers say they send, by informer."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.sent: Counter[str] = Counter()

    def __enter__(self) -> Self:
        LOG.setLevel(logging.DEBUG)  # and leave it so: another trial may be under way
        LOG.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        LOG.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == "%s: %s %s" and isinstance(record.args, tuple):
            self.sent[str(record.args[0])] += 1


class Trial:
    """``async with trial: the fault``. Entering starts informers and a writer; leaving measures the recovery and checks.

    Several informers watch the same collection, two for each way to fetch a snapshot, each with a witness: backoff is
    random, and the longest recovery counts. The end of the body is the end of the fault: from then on it is measured
    until each cache is where the server is. Then writing stops, and each cache has to be what a fresh LIST says, version
    and body, and each witness's account has to agree with the log of writes.
    """

    def __init__(
        self,
        fault: str,
        administrator: Administrator,
        *,
        client: ApiClient | None,
        resource: Resource = CONFIGMAPS,
    ) -> None:
        self.fault = fault
        self.administrator = administrator
        self.namespace = administrator.namespace
        self.writer = Writer(administrator, resource)
        self.detected: float | None = None
        self.measurement: Measurement | None = None
        self._path = resource.path(self.namespace)
        self.factory = SharedInformerFactory(client, namespace=self.namespace)
        self.informers: list[Informer[KubeObject]] = [
            # any label will do that nothing has: it makes each an informer of its own
            self.factory.informer(
                resource.name, label_selector=f"informer!=n{number}", initial_list=mode, keep_managed_fields=True
            )
            for number, mode in enumerate(MODES * 2)
        ]
        self._witnesses = [Witness() for _ in self.informers]
        self._following: list[asyncio.Task[None]] = []
        self._requests = Requests()
        self._stack = AsyncExitStack()
        self._clock = asyncio.get_running_loop().time
        self._began = 0.0

    @property
    def relists(self) -> int:
        """The most snapshots that any informer fetched after its first."""
        return max(informer.status.restarts for informer in self.informers)

    async def all(self, condition: Callable[[Informer[KubeObject]], bool]) -> None:
        """Return when the condition holds for every informer."""
        deadline = self._clock() + SAFETY
        while not all(map(condition, self.informers)):
            assert self._clock() < deadline, [informer.status.explain() for informer in self.informers]
            await asyncio.sleep(POLL)

    async def first_failures(self) -> list[InformerError]:
        """What each informer met with first; returns when every one has met with something."""
        met: dict[str, InformerError] = {}

        def all_have_failed(_: object) -> bool:
            for status in (informer.status for informer in self.informers):
                if status.last_error is not None:
                    met.setdefault(status.name, status.last_error)  # the next attempt may fail in another way
            return len(met) == len(self.informers)

        await self.all(all_have_failed)
        return list(met.values())

    async def __aenter__(self) -> Self:
        try:
            self._stack.enter_context(self._requests)
            self._stack.push_async_callback(self._stop_following)
            await self._stack.enter_async_context(self.factory)
            self._stack.push_async_callback(self.writer.aclose)
            await self.factory.wait_for_cache_sync(SAFETY)
            for witness, informer in zip(self._witnesses, self.informers, strict=True):
                self._following.append(asyncio.create_task(witness.follow(informer)))
            self.writer.start()
            async with asyncio.timeout(SAFETY):
                await self.writer.writes(20)
        except BaseException:
            await self._stack.aclose()
            raise
        self._requests.sent.clear()
        self._began = self._clock()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._stack:
            if error is None:
                async with asyncio.timeout(2 * SAFETY):
                    await self._conclude()

    async def _conclude(self) -> None:
        lasted = self._clock() - self._began
        recovery = await self._recovery()
        requests = max(self._requests.sent[informer.status.name] for informer in self.informers)
        await self.writer.stop()
        await self._recovery()
        await self.all(lambda informer: not any(informer.status.pending))
        await self._check()
        self.measurement = Measurement(
            self.fault,
            informers=len(self.informers),
            writes=self.writer.count,
            requests=requests,
            relists=self.relists,
            lasted=round(lasted, 1),
            detected=self.detected,
            recovery=round(recovery, 3),
        )

    async def _recovery(self) -> float:
        """Seconds until each informer has what the server has now."""
        began = self._clock()
        version = await self.writer.put("mark")
        await asyncio.gather(*(informer.wait_for_version(version, SAFETY) for informer in self.informers))
        return self._clock() - began

    async def _check(self) -> None:
        listed = {key_of(item): item for item in await self.administrator.listed(self._path)}
        present = {
            key: Write(item["metadata"]["uid"], item["metadata"]["resourceVersion"]) for key, item in listed.items()
        }
        for informer, witness, following in zip(self.informers, self._witnesses, self._following, strict=True):
            if following.done():
                following.result()
            assert {obj.key: obj.to_dict() for obj in informer} == listed, f"{informer}: not what a fresh LIST says"
            assert not informer.quarantine
            witness.check(self.writer.log, present, gapless=informer.status.restarts == 0)

    async def _stop_following(self) -> None:
        for following in self._following:
            following.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)


def key_of(item: Object) -> str:
    """The key of an object in a LIST."""
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"
