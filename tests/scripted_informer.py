"""An informer over a script: what its source answers is written down beforehand."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from aioinformer.informer import Informer
from aioinformer.options import InformerSpec
from aioinformer.resource import GroupVersionResource

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping

    from aioinformer import (
        KubeObject,
    )
    from aioinformer.selectors import LabelSelector

PODS = GroupVersionResource("", "v1", "pods")


def pod(name: str, version: int, *, uid: str | None = None, **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "d", "uid": uid or f"uid-{name}", "resourceVersion": str(version)}
    metadata |= fields.pop("metadata", {})
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, **fields}


def line(kind: str, document: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"type": kind, "object": document}) + b"\n"


def bookmark(version: int, *, end: bool = False) -> bytes:
    annotations = {"annotations": {"k8s.io/initial-events-end": "true"}} if end else {}
    document = {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": str(version), **annotations}}
    return line("BOOKMARK", document)


class Script:
    """A source that answers each request with the next script: chunks, errors to raise, then silence."""

    def __init__(self, metadata: Script | None = None) -> None:
        self.metadata = metadata or self
        """What answers requests for metadata alone."""
        self.queries: list[dict[str, str]] = []
        self._answers: list[list[bytes | Exception]] = []
        self._live: asyncio.Queue[bytes | Exception] = asyncio.Queue()

    def answer(self, *parts: bytes | Exception) -> Script:
        self._answers.append(list(parts))
        return self

    def snapshot(self, version: int, *pods: dict[str, Any]) -> Script:
        """A streamed list, which goes on as a watch."""
        return self.answer(*(line("ADDED", p) for p in pods), bookmark(version, end=True))

    def send(self, *parts: bytes | Exception) -> None:
        """On the response that is open."""
        for part in parts:
            self._live.put_nowait(part)

    @property
    def server(self) -> str:
        return "https://scripted"

    def metadata_only(self) -> Script:
        return self.metadata

    def scoped(self, namespace: str | None, label_selector: LabelSelector) -> Script:
        raise AssertionError("nothing here is rescoped")

    @asynccontextmanager
    async def open(self, query: Mapping[str, str]) -> AsyncGenerator[Script]:
        self.queries.append(dict(query))
        parts = self._answers.pop(0) if self._answers else []
        if parts and isinstance(parts[0], Exception):
            raise parts[0]
        self._live = asyncio.Queue()
        self.send(*parts)
        yield self

    async def read(self) -> bytes:
        part = await self._live.get()
        if isinstance(part, Exception):
            raise part
        return part


class Running:
    """An informer that runs on a script for as long as the context lasts."""

    def __init__(self, script: Script, **options: Any) -> None:
        self.informer: Informer[KubeObject] = Informer(InformerSpec(PODS, **options).checked())
        self._script = script

    async def __aenter__(self) -> Informer[KubeObject]:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self.informer.start(self._tasks, self._script)
        return self.informer

    async def __aexit__(self, *_: object) -> None:
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)


def names(pods: Iterable[KubeObject]) -> list[str]:
    return [p.name for p in pods]
