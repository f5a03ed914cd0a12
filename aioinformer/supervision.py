"""The life of a factory: one task that owns every other one, the client, and what finds out which resources there are."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from aioinformer.collection import Collection
from aioinformer.credentials import default_client
from aioinformer.discovery import Discovery
from aioinformer.errors import NotRunning
from aioinformer.informer import Informer
from aioinformer.options import InformerSpec
from aioinformer.resource import GroupVersionResource
from aioinformer.served import ServedResources
from aioinformer.transport import Transport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from kubernetes_asyncio.client import ApiClient

    from aioinformer.objects import KubeObject

__all__ = ["Supervisor"]

logger = logging.getLogger(__name__)

DEFINITIONS = GroupVersionResource("apiextensions.k8s.io", "v1", "customresourcedefinitions")


class Supervisor:
    """Starts informers, from ``enter`` until ``leave``. ``None`` for a client: one of its own, by the configuration that is there."""

    def __init__(self, api_client: ApiClient | None) -> None:
        self.served: ServedResources | None = None
        self.has_ended = False
        self._api_client = api_client
        self._task: asyncio.Task[None] | None = None
        self._tasks: anyio.abc.TaskGroup | None = None
        self._transport: Transport | None = None
        self._discovery: Discovery | None = None

    @property
    def state(self) -> str:
        """``"idle"``, ``"running"`` or ``"ended"``."""
        return "ended" if self.has_ended else "idle" if self._tasks is None else "running"

    @property
    def is_running(self) -> bool:
        """Whether what is started now starts at once."""
        return self.state == "running"

    def check_running(self, what: str) -> None:
        """Refuse what makes sense only while it runs.

        Raises:
            NotRunning: it does not run; the message says to do ``what`` within its ``async with``.
        """
        if not self.is_running:
            raise NotRunning(f"the factory is not running: {what} within its 'async with'")

    def check_loop(self, spec: InformerSpec) -> None:
        """Refuse to start from elsewhere what can only be started where the factory runs.

        Raises:
            NotRunning: this is another thread, or no coroutine.
        """
        if self._task is None or self._tasks is None:
            return
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is not self._task.get_loop():
            raise NotRunning(
                f"the factory does not run in this thread: ask for {spec} in its event loop, from another thread by "
                "loop.call_soon_threadsafe or asyncio.run_coroutine_threadsafe"
            )

    async def enter(self, begin: Callable[[], None]) -> None:
        """Connect, and call ``begin`` as soon as informers can be started. Whatever it raises, nothing is left behind.

        Raises:
            NotRunning: it has been entered before.
            ConfigurationError: there is no usable client.
        """
        if self.has_ended or self._task is not None:
            raise NotRunning("a factory is entered once; make a new one")
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._supervise(ready, begin), name="aioinformer factory")
        try:
            await asyncio.wait({ready, self._task}, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            await self.leave()
            raise
        if not ready.done():
            self.has_ended = True
            self._task.result()

    async def leave(self) -> None:
        """End every task and connection; returns when they have ended, and raises a cancellation only then."""
        self.has_ended = True
        try:
            if self._task is not None:
                self._task.cancel()
                await _until_done(self._task)
        finally:
            if self.served is not None:
                self.served.finish()

    def start(self, informer: Informer[Any], spec: InformerSpec) -> None:
        """Let an informer follow what it is on."""
        assert self._tasks is not None and self._transport is not None and self._discovery is not None  # noqa: S101, PT018  # running
        informer.start(self._tasks, Collection(spec, self._transport, self._discovery), self.served)

    def close(self, informer: Informer[Any]) -> None:
        """Stop an informer, without waiting for it."""
        informer.finish()  # so that nobody is given it while it closes
        if self._tasks is not None:
            self._tasks.start_soon(informer.aclose)

    async def _supervise(self, ready: asyncio.Future[None], begin: Callable[[], None]) -> None:
        """Own every task and connection, in one task, so that ``async with`` may be left in another than it was entered in."""
        async with self._connected(), anyio.create_task_group() as self._tasks:
            assert self._discovery is not None  # noqa: S101  # connected
            self.served = ServedResources(self._discovery, self._definitions)
            self._tasks.start_soon(self.served.run, name="aioinformer served resources")
            begin()
            ready.set_result(None)
            await anyio.sleep_forever()

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            client, refresh = self._api_client, None
            if client is None:
                client, refresh = await default_client()
                stack.push_async_callback(client.close)
            self._transport = await stack.enter_async_context(Transport(client, refresh))
            self._discovery = Discovery(self._transport)
            yield

    def _definitions(self) -> Informer[KubeObject]:
        """An informer on CustomResourceDefinitions that is nobody else's."""
        spec = InformerSpec(DEFINITIONS, metadata_only=True)
        informer: Informer[KubeObject] = Informer(spec)
        self.start(informer, spec)
        return informer


async def _until_done(task: asyncio.Task[None]) -> None:
    """Wait for a task that has been cancelled, however often the waiting is; a cancellation is raised afterwards."""
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:
                cancelled = error
    defect = None if task.cancelled() else task.exception()
    if defect is not None:
        logger.error("the factory did not end cleanly", exc_info=defect)
    if cancelled is not None:
        raise cancelled
