"""`ApiServer`: a Kubernetes API server in a box, on the caller's event loop."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from aioinformer.testing.clients import make_client, write_kubeconfig
from aioinformer.testing.cluster import Cluster
from aioinformer.testing.conditions import Refused
from aioinformer.testing.faults import Fault, Faults, Target
from aioinformer.testing.front import Front
from aioinformer.testing.installing import uninstall
from aioinformer.testing.link import Links
from aioinformer.testing.open_watches import OpenWatches
from aioinformer.testing.requests import Journal, Request
from aioinformer.testing.routes import Router
from aioinformer.testing.statuses import GroupResource
from aioinformer.testing.tokens import Tokens
from aioinformer.testing.verbs import FaultVerbs, Premises

if TYPE_CHECKING:
    from pathlib import Path

    from kubernetes_asyncio.client import ApiClient

    from aioinformer.resource import GroupVersionResource
    from aioinformer.testing.catalog import ResourceLike
    from aioinformer.testing.mvcc import Change

__all__ = ["ApiServer"]

_HOST = "127.0.0.1"


@dataclass(eq=False, kw_only=True)
class ApiServer(Cluster, FaultVerbs):
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
        self._faults = Faults(self._faults_changed)
        self._watches = OpenWatches(self._journal.changed)
        self._links = Links()
        self._tokens = Tokens(self.token, self._token_renewed)
        self._front: Front | None = None
        Cluster.__post_init__(self)
        premises = Premises(
            catalog=self.catalog,
            store=self.store,
            journal=self._journal,
            faults=self._faults,
            watches=self._watches,
            links=self._links,
            tokens=self._tokens,
            expire=self._expire,
        )
        FaultVerbs.__init__(self, premises, Target())
        self.store.subscribe(self._written)

    async def __aenter__(self) -> Self:
        router = Router(
            cluster=self,
            journal=self._journal,
            faults=self._faults,
            watches=self._watches,
            links=self._links,
            tokens=self._tokens,
            bookmark_interval=self.bookmark_interval,
            version_wait=self.version_wait,
        )
        self._front = Front(_HOST, self.port, router.handle)
        self.port = self._front.port
        self._faults_changed()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        front, self._front = self._front, None
        self._watches.end(Target())
        self._links.drop_held()
        if front is not None:
            await front.aclose()

    @property
    def url(self) -> str:
        """The base URL, such as ``http://127.0.0.1:35481``."""
        return f"http://{_HOST}:{self.port}"

    @property
    def requests(self) -> tuple[Request, ...]:
        """Every HTTP request so far, in order of arrival."""
        return self._journal.requests

    def api_client(self, name: str = "", *, refresh: bool = False) -> ApiClient:
        """A new client aimed at this server, with its token. The caller closes it. Needs a running loop.

        The name is what ``on(client=...)`` knows it by; it is sent as the User-Agent. With ``refresh`` the client gets the latest token
        once its own has been refused, as from a credentials plugin.
        """
        return make_client(self.url, self._tokens, name=name, refresh=refresh)

    def write_kubeconfig(self, path: str | Path) -> None:
        """Write a kubeconfig for this server with its present token, for kubectl or any client library."""
        write_kubeconfig(path, self.url, self.token)

    def watches(self, resource: ResourceLike | None = None) -> tuple[Request, ...]:
        """The open watches of one resource or of all, as the requests that opened them; ``on(watch=...)`` takes one."""
        matching = self._watches.matching(self._premises.target(resource))
        return tuple(self._journal.requests[watch.request.number - 1] for watch in matching)

    def open_watches(self, resource: ResourceLike | None = None) -> int:
        """How many watches, of one resource or of all, are open."""
        return self._watches.count(self._premises.target(resource))

    async def wait_for_watches(self, count: int, resource: ResourceLike | None = None) -> None:
        """Return as soon as exactly that many watches are open. Cancelling is harmless."""
        target = self._premises.target(resource)
        await self._journal.until(lambda: self._watches.count(target) == count)

    async def wait_for_requests(
        self, count: int, resource: ResourceLike | None = None, *, verb: str | None = None
    ) -> None:
        """Return as soon as at least that many requests of a verb for a resource have arrived. Cancelling is harmless."""
        target = self._premises.target(resource, verb)
        await self._journal.until(lambda: sum(target.covers(request) for request in self._journal.requests) >= count)

    def on(
        self,
        resource: ResourceLike | None = None,
        *,
        namespace: str | None = None,
        client: str | None = None,
        watch: Request | None = None,
    ) -> FaultVerbs:
        """The fault verbs for a part: requests for a resource, in a namespace, of a client; or one of the `watches`.

        A namespace means the requests that name it, not those for all. A client is known by what it was named in `api_client`, or by
        what its User-Agent begins with (``"kubectl"``).

        Raises:
            LookupError: the resource is not served.
        """
        target = self._premises.target(resource)
        number = None if watch is None else watch.number
        return FaultVerbs(self._premises, replace(target, namespace=namespace, client=client, number=number))

    def heal(self) -> None:
        """End all faults that are in force."""
        self._faults.heal()

    def uninstall(self, crd: ResourceLike) -> Fault:
        """Take a custom resource away with all its objects, until healed: then it is back, empty.

        Watches see the deletions and end; requests are answered 404. It may also be installed again otherwise.

        Stands for ``helm uninstall``, or a CustomResourceDefinition deleted by mistake.

        Raises:
            LookupError: the resource is not served.
            ValueError: it is built in.
        """
        return self._faults.begin(uninstall(self, crd))

    def compact(self, revision: int | None = None) -> None:
        """As `Cluster.compact`, waking the requests that wait for a version."""
        super().compact(revision)
        self._journal.changed()

    def _withdraw(self, gvr: GroupVersionResource) -> None:
        super()._withdraw(gvr)
        self._watches.end(Target(GroupResource(gvr.group, gvr.resource), version=gvr.version))

    def _written(self, _change: Change) -> None:
        self._journal.changed()

    def _expire(self, resource: GroupResource | None) -> None:
        if resource is None:
            self.compact()
        else:
            self.store.collection(resource).compact(self.store.advance())
            self._journal.changed()

    def _token_renewed(self, token: str) -> None:
        self.token = token

    def _faults_changed(self) -> None:
        if self._front is not None:
            if any(fault.shuts_the_port for fault in self._faults.of(Refused)):
                self._front.shut()
            else:
                self._front.open()
        self._watches.wake()
        self._journal.changed()
