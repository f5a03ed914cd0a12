"""`ApiServer`: a Kubernetes API server in a box, on the caller's event loop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypedDict, Unpack

from aiohttp import web
from kubernetes_asyncio.client import ApiClient, Configuration

from aioinformer.resource import APIResource, GroupVersionResource
from aioinformer.testing.cluster import Cluster
from aioinformer.testing.encoding import JSON, encode
from aioinformer.testing.faults import Faults, Forbidden, Refusal, Target
from aioinformer.testing.open_watches import OpenWatches
from aioinformer.testing.requests import Journal, Request
from aioinformer.testing.routes import Router
from aioinformer.testing.statuses import ApiServerError, GroupResource

if TYPE_CHECKING:
    from aioinformer.testing.catalog import ResourceLike
    from aioinformer.testing.mvcc import Change

__all__ = ["ApiServer", "StatusFields"]

_HOST = "127.0.0.1"
_USER = "test-user"
_SHUTDOWN = 0.1  # seconds a response may take to finish before its connection is dropped
_ACCEPT_TURNS = 3  # loop iterations from accept() until aiohttp knows of the connection


class StatusFields(TypedDict, total=False):
    """What an injected error says besides its code; ``retry_after`` is in whole seconds."""

    reason: str
    message: str
    retry_after: int


@dataclass(eq=False, kw_only=True)
class ApiServer(Cluster):
    """A `Cluster` behind HTTP on 127.0.0.1, for as long as ``async with`` lasts.

    Args:
        port: where to listen; 0 takes a free port, and afterwards the attribute tells which.
        bookmark_interval: seconds between the bookmarks of a watch that allows them.
        token: the bearer token every request has to carry; without one all may do all.
        version_wait: seconds a request for a future resource version is held before it is refused.

    All in-process verbs work before, during and after. Leaving ends every watch and closes every connection.
    """

    port: int = 0
    bookmark_interval: float = 60.0
    token: str | None = field(default=None, repr=False)
    version_wait: float = 3.0

    def __post_init__(self) -> None:
        self._journal = Journal()
        self._faults = Faults()
        self._watches = OpenWatches(self._journal.changed)
        super().__post_init__()
        self.store.subscribe(self._written)

    async def __aenter__(self) -> Self:
        router = Router(
            cluster=self,
            journal=self._journal,
            faults=self._faults,
            watches=self._watches,
            token=self.token,
            bookmark_interval=self.bookmark_interval,
            version_wait=self.version_wait,
        )
        self._front = web.Server(router.handle, handler_cancellation=True, access_log=None)
        self._listener = await asyncio.get_running_loop().create_server(self._front, _HOST, self.port)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._watches.end(Target())
        await self._stop_accepting()
        transports = [connection.transport for connection in self._front.connections]
        self._front.pre_shutdown()
        await self._front.shutdown(_SHUTDOWN)
        for transport in transports:
            if transport is not None:
                transport.abort()  # a client that does not read would keep a merely closed one open
        await asyncio.sleep(0)

    async def _stop_accepting(self) -> None:
        """Close the listener once asyncio has made transports of all it accepted: earlier it would leak their sockets."""
        loop = asyncio.get_running_loop()
        for socket in self._listener.sockets:
            loop.remove_reader(socket.fileno())
        for _ in range(_ACCEPT_TURNS):
            await asyncio.sleep(0)
        self._listener.close()

    @property
    def url(self) -> str:
        """The base URL, such as ``http://127.0.0.1:35481``."""
        return f"http://{_HOST}:{self.port}"

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every HTTP request so far, in order of arrival."""
        return self._journal.requests

    def api_client(self) -> ApiClient:
        """A new client aimed at this server, with its token. The caller closes it. Needs a running loop."""
        keys = {} if self.token is None else {"BearerToken": f"Bearer {self.token}"}
        return ApiClient(Configuration(host=self.url, api_key=keys))

    def write_kubeconfig(self, path: str | Path) -> None:
        """Write a kubeconfig for this server, for kubectl or any client library."""
        name = "aioinformer-testing"
        user = {"token": self.token} if self.token is not None else {}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": self.url}}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
        Path(path).write_bytes(encode(config))

    def open_watches(self, resource: ResourceLike | None = None) -> int:
        """How many watches, of one resource or of all, are open."""
        return self._watches.count(self._target(resource))

    async def wait_for_watches(self, count: int, resource: ResourceLike | None = None) -> None:
        """Return as soon as exactly that many watches are open. Cancelling is harmless."""
        target = self._target(resource)
        await self._journal.until(lambda: self._watches.count(target) == count)

    async def wait_for_requests(
        self, count: int, resource: ResourceLike | None = None, *, verb: str | None = None
    ) -> None:
        """Return as soon as at least that many requests of a verb for a resource have arrived. Cancelling is harmless."""
        target = self._target(resource, verb)
        await self._journal.until(lambda: sum(target.covers(request) for request in self._journal.requests) >= count)

    def cut_watches(self, resource: ResourceLike | None = None) -> None:
        """Drop the connections of open watches in mid-stream; what they had not sent is lost."""
        self._watches.cut(self._target(resource))

    def end_watches(self, resource: ResourceLike | None = None) -> None:
        """End open watches cleanly, as at their time-out."""
        self._watches.end(self._target(resource))

    def send_bookmarks(self, resource: ResourceLike | None = None) -> None:
        """Have open watches that allow bookmarks send one now."""
        self._watches.bookmark(self._target(resource))

    def emit_error(self, status: int, resource: ResourceLike | None = None, **fields: Unpack[StatusFields]) -> None:
        """End open watches with an ERROR event that carries a Status with that code."""
        self._watches.fail(self._target(resource), _error(status, fields))

    def respond(
        self,
        status: int,
        *,
        resource: ResourceLike | None = None,
        verb: str | None = None,
        times: int = 1,
        **fields: Unpack[StatusFields],
    ) -> None:
        """Answer the next ``times`` matching requests with a Status of that code instead of serving them."""
        self._faults.add(Refusal(self._target(resource, verb), _error(status, fields), times))

    def forbid(self, resource: ResourceLike, namespace: str | None = None) -> None:
        """Answer 403 to requests for a resource, in one namespace or (``None``) everywhere, until `permit`.

        Forbidden in one namespace only, requests for all namespaces still pass.
        """
        self._faults.add(self._forbidden(resource, namespace))

    def permit(self, resource: ResourceLike, namespace: str | None = None) -> None:
        """Take back `forbid` with the same arguments."""
        self._faults.discard(self._forbidden(resource, namespace))

    def compact(self, revision: int | None = None) -> None:
        """As `Cluster.compact`, waking the requests that wait for a version."""
        super().compact(revision)
        self._journal.changed()

    def _forbidden(self, resource: ResourceLike, namespace: str | None) -> Forbidden:
        target = self._target(resource)
        return Forbidden(Target(target.resource, namespace=namespace), _USER)

    def _target(self, resource: ResourceLike | None, verb: str | None = None) -> Target:
        if isinstance(resource, APIResource):
            resource = resource.gvr
        if isinstance(resource, GroupVersionResource):  # which need not be served (any more)
            return Target(GroupResource(resource.group, resource.resource), verb)
        return Target(None if resource is None else self.catalog.find(resource).group_resource, verb)

    def _withdraw(self, gvr: GroupVersionResource) -> None:
        super()._withdraw(gvr)
        self._watches.end(Target(GroupResource(gvr.group, gvr.resource), version=gvr.version))

    def _written(self, _change: Change) -> None:
        self._journal.changed()


def _error(status: int, fields: StatusFields) -> ApiServerError:
    retry_after = fields.get("retry_after")
    details: JSON | None = {"retryAfterSeconds": retry_after} if retry_after is not None else None
    return ApiServerError(status, fields.get("reason"), fields.get("message"), details=details)
