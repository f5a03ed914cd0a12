"""Pods on a server, as an informer's source: streamed, watched, and their metadata listed; with what goes wrong on request."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
import msgspec

from aioinformer.errors import Invalid, NetworkError, ResourceExpired
from aioinformer.informer import Informer
from aioinformer.options import InformerSpec
from aioinformer.resource import GroupVersionResource

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from aioinformer.objects import KubeObject
    from aioinformer.selectors import LabelSelector

Document: TypeAlias = dict[str, Any]
Part: TypeAlias = bytes | Exception

PODS = GroupVersionResource("", "v1", "pods")
NAMESPACE = "d"


def line(kind: str, document: Document) -> bytes:
    return msgspec.json.encode({"type": kind, "object": document}) + b"\n"


class Stream:
    """The body of one response: whatever is sent, then silence."""

    def __init__(self, *parts: Part) -> None:
        self._parts: asyncio.Queue[Part] = asyncio.Queue()
        self.send(*parts)

    def send(self, *parts: Part) -> None:
        for part in parts:
            self._parts.put_nowait(part)

    async def read(self) -> bytes:
        part = await self._parts.get()
        if isinstance(part, Exception):
            raise part
        return part


class PodServer:
    """Writes reach the open watches at once, unless they are held back. Versions grow by one per write."""

    def __init__(self, *names: str, namespace: str = NAMESPACE) -> None:
        self.namespace = namespace
        self.scopes: dict[tuple[str | None, str], PodServer] = {}
        """What is there in other scopes, by namespace and label selector."""
        self.pods: dict[str, Document] = {}
        self.version = 100
        self.queries: list[dict[str, str]] = []
        self.watches: list[Stream] = []
        self.refusal: Exception | None = None
        """What opening a stream or a watch raises, if not ``None``."""
        self.streams_lists = True
        """Whether it can; else it refuses with 422, and answers lists, in one page."""
        self.metadata = Listing(self)
        self._history: list[tuple[int, bytes]] = []
        self._oldest = 0
        self._held: list[bytes] | None = None
        for name in names:
            self.put(name)

    def put(self, name: str, **fields: Any) -> None:
        """Create a pod, or update it."""
        old = self.pods.get(name)
        uid = old["metadata"]["uid"] if old else f"uid-{name}-{self.version + 1}"
        self._write("MODIFIED" if old else "ADDED", name, uid, fields)

    def delete(self, name: str) -> None:
        """Delete a pod."""
        gone = self.pods.pop(name)
        self.version += 1
        gone["metadata"]["resourceVersion"] = str(self.version)
        self._told(line("DELETED", gone))

    def write_elsewhere(self) -> None:
        """Another resource is written: versions go on, and no watch of pods hears of it before its next bookmark."""
        self.version += 10

    def hold_back(self) -> None:
        """Events and bookmarks stay under way from now on."""
        self._held = []

    def deliver(self) -> None:
        """What was under way arrives."""
        held, self._held = self._held or [], None
        self._send(*held)

    def bookmark(self) -> None:
        """Watches are told of the present version."""
        self._send(_bookmark(self.version))

    def end(self, with_: Part = b"") -> None:
        """Open watches end cleanly, or with an error; what was under way is lost."""
        for stream in self.watches:
            stream.send(with_)
        self.watches.clear()
        self._held = None

    def cut(self) -> None:
        """The connections of open watches break."""
        self.end(NetworkError("the connection broke: reset"))

    def expire(self) -> None:
        """History is forgotten up to now, and open watches are told so."""
        self.version += 1
        self._oldest = self.version
        self.end(line("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}))

    def metadata_only(self) -> Listing:
        return self.metadata

    def scoped(self, namespace: str | None, label_selector: LabelSelector) -> PodServer:
        return self.scopes[namespace, str(label_selector)]

    @property
    def streams(self) -> int:
        """How many snapshots were asked for."""
        return sum("sendInitialEvents" in query for query in self.queries)

    @asynccontextmanager
    async def open(self, query: Mapping[str, str]) -> AsyncGenerator[Stream]:
        self.queries.append(dict(query))
        if self.refusal is not None:
            raise self.refusal
        if "watch" not in query:
            yield Stream(self._listed(), b"")
            return
        if "sendInitialEvents" in query and not self.streams_lists:
            raise Invalid(422, "Invalid", "sendInitialEvents is forbidden")
        stream = Stream(*self._missed(query))
        self.watches.append(stream)
        try:
            yield stream
        finally:
            if stream in self.watches:
                self.watches.remove(stream)

    def _listed(self) -> bytes:
        metadata = {"resourceVersion": str(self.version)}
        items = list(self.pods.values())
        return msgspec.json.encode({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items})

    def _missed(self, query: Mapping[str, str]) -> list[bytes]:
        """What a stream says before it says what is new."""
        if "sendInitialEvents" in query:
            return [*(line("ADDED", pod) for pod in self.pods.values()), _bookmark(self.version, end=True)]
        since = int(query["resourceVersion"])
        if since < self._oldest:
            raise ResourceExpired(410, "Expired", "too old")
        return [event for version, event in self._history if version > since]

    def _write(self, kind: str, name: str, uid: str, fields: Document) -> None:
        self.version += 1
        metadata = {"name": name, "namespace": self.namespace, "uid": uid, "resourceVersion": str(self.version)}
        metadata |= fields.pop("metadata", {})
        self.pods[name] = {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, **fields}
        self._told(line(kind, self.pods[name]))

    def _told(self, event: bytes) -> None:
        self._history.append((self.version, event))
        self._send(event)

    def _send(self, *parts: Part) -> None:
        for part in parts:
            if self._held is not None and isinstance(part, bytes) and part:
                self._held.append(part)
                continue
            for stream in self.watches:
                stream.send(part)


class Listing:
    """The same pods' metadata, in pages at the version of the first; ``answers`` are raised instead, one per request."""

    def __init__(self, server: PodServer) -> None:
        self.queries: list[dict[str, str]] = []
        self.answers: list[Exception | None] = []
        self.listed: Callable[[], object] = lambda: None
        """Called when a page is on its way, which takes ``seconds``."""
        self.seconds = 0.0
        self.version = ""
        """The version that lists bear; the server's if empty."""
        self.open_now = 0
        self._server = server
        self._snapshot: list[Document] = []
        self._version = ""

    @asynccontextmanager
    async def open(self, query: Mapping[str, str]) -> AsyncGenerator[Stream]:
        self.queries.append(dict(query))
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        body = self._page(int(query.get("limit", "0")), query.get("continue", ""))
        self.listed()
        self.open_now += 1
        try:
            await asyncio.sleep(self.seconds)
            yield Stream(body, b"")
        finally:
            self.open_now -= 1

    def _page(self, limit: int, token: str) -> bytes:
        if not token:
            self._snapshot = [{"metadata": dict(pod["metadata"])} for pod in self._server.pods.values()]
            self._version = self.version or str(self._server.version)
        start = int(token or "0")
        rest = len(self._snapshot) - start - limit if limit else 0
        version = (
            str(self._server.version) if token else self._version
        )  # what continues a list need not bear its version
        metadata = {"resourceVersion": version, "continue": str(start + limit) if rest > 0 else ""}
        items = self._snapshot[start : start + limit] if limit else self._snapshot
        return msgspec.json.encode(
            {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items}
        )

    @staticmethod
    def metadata_only() -> Listing:
        raise AssertionError("it is that already")


class Mirroring:
    """An informer on pods that runs for as long as the context lasts, and is in sync when it begins."""

    def __init__(self, server: PodServer, **options: Any) -> None:
        self.informer: Informer[KubeObject] = Informer(InformerSpec(PODS, **options).checked())
        self._server = server

    async def __aenter__(self) -> Informer[KubeObject]:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self.informer.start(self._tasks, self._server)
        await self.informer.wait_for_cache_sync()
        return self.informer

    async def __aexit__(self, *_: object) -> None:
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)


def _bookmark(version: int, *, end: bool = False) -> bytes:
    annotations = {"annotations": {"k8s.io/initial-events-end": "true"}} if end else {}
    return line("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": str(version), **annotations}})
