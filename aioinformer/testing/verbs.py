"""The fault verbs: what a test can do to the clients of an `ApiServer`.

They are synchronous and take effect at once, in mid-stream as well as before anybody has connected.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, Unpack, overload

from aiohttp import web

from aioinformer.resource import APIResource, GroupVersionResource
from aioinformer.testing.answers import JSON_TYPE
from aioinformer.testing.conditions import BookmarksDropped, Refused, Shortened, Slowed, Spoilt, Stale, Stalled
from aioinformer.testing.faults import Fault, Target
from aioinformer.testing.refusals import AnswerFields, Revoked, Scripted, StreamingRejected, dictated
from aioinformer.testing.statuses import ApiServerError, GroupResource

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.testing.catalog import Catalog, ResourceLike
    from aioinformer.testing.faults import Faults
    from aioinformer.testing.link import Links
    from aioinformer.testing.mvcc import Store
    from aioinformer.testing.open_watches import OpenWatches
    from aioinformer.testing.requests import Journal
    from aioinformer.testing.tokens import Tokens

__all__ = ["FaultVerbs", "Premises"]

F = TypeVar("F", bound=Fault)

_USER = "test-user"
_READS = ("list", "watch")
_PORTAL = b"<!DOCTYPE html><html><body>Please sign in to use this network.</body></html>"


@dataclass(frozen=True)
class Premises:
    """The parts of a server that faults touch."""

    catalog: Catalog
    store: Store
    journal: Journal
    faults: Faults
    watches: OpenWatches
    links: Links
    tokens: Tokens
    expire: Callable[[GroupResource | None], None]

    def target(self, resource: ResourceLike | None, verb: str | None = None) -> Target:
        """What a resource's name means; ``None`` is any."""
        if isinstance(resource, APIResource):
            resource = resource.gvr
        if isinstance(resource, GroupVersionResource):  # which need not be served (any more)
            return Target(GroupResource(resource.group, resource.resource), verb)
        return Target(None if resource is None else self.catalog.find(resource).group_resource, verb)


class FaultVerbs:
    """Faults for a part of what a server serves, or for all of it.

    A verb that lasts returns its `Fault`: in force until its ``heal()``, or until the block ends where it is used with ``with``. One that
    is done at once returns nothing. One that makes no sense for the part it is meant for raises ``ValueError``. Where several faults of one
    kind concern a request, the latest counts.
    """

    def __init__(self, premises: Premises, target: Target) -> None:
        self._premises = premises
        self._target = target

    def heal(self) -> None:
        """End the faults in force that were made for just this part; on the server itself, all of them."""
        self._premises.faults.heal(self._target)

    def send_bookmarks(self) -> None:
        """Have open watches that allow bookmarks send one now."""
        self._premises.watches.bookmark(self._target)

    def expire_history(self) -> None:
        """Forget the history up to now and end open watches: who resumes is answered 410.

        Stands for etcd's compaction while a client was away, or an API server restarted with an empty watch cache.

        Raises:
            ValueError: it is meant for a namespace, a client or one watch, where history is a resource's, or all resources'.
        """
        if self._target != Target(self._target.resource):
            raise ValueError("history expires for a resource or for all, whoever reads it")
        self._premises.expire(self._target.resource)
        self._premises.watches.end(self._target)

    def cut(self, *, mid_line: bool = False) -> None:
        """Drop the connections of open watches, with all that they had not sent.

        With ``mid_line``, half of the next event (or of a bookmark) is sent first.

        Stands for the crash of a server, a node or a NAT gateway, or a proxy's time-out.
        """
        self._premises.watches.cut(self._target, mid_line=mid_line)

    @overload
    def end_cleanly(self, *, mid_line: bool = False) -> None: ...

    @overload
    def end_cleanly(self, *, after: float) -> Fault: ...

    def end_cleanly(self, *, after: float | None = None, mid_line: bool = False) -> Fault | None:
        """End open watches as at their time-out, after what is pending.

        With ``mid_line``, after half of the next event (or of a bookmark) instead. With ``after``, nothing ends now: until healed, watches
        end so many seconds after they began, those that are open so many seconds from now; of 0 seconds, they get no byte of a body.

        Stands for ``timeoutSeconds`` and load balancers' limits; of 0 seconds, for servers that end a watch from an expired version
        without saying why (kubernetes/kubernetes#137089).
        """
        if after is None:
            self._premises.watches.end(self._target, mid_line=mid_line)
            return None
        if mid_line:
            raise ValueError("mid_line is for watches that end now, not after some time")
        shortened = Shortened(self._target, after)
        for watch in self._premises.watches.matching(self._target):
            shortened.limit(watch)
        return self._begin(shortened)

    def stall(self, *, new_requests: bool = False) -> Fault:
        """Send no further byte of the responses under way, until healed; their sockets stay open.

        With ``new_requests``, requests that arrive from now on get no byte either, and are not carried out before it is healed.

        Stands for a NAT gateway or firewall that has silently forgotten a connection; with ``new_requests``, for a frozen server.
        """
        target = self._for_new_requests() if new_requests else self._target
        latest = None if new_requests else len(self._premises.journal.requests)
        return self._begin(Stalled(target, latest))

    def slow(self, bytes_per_second: float) -> Fault:
        """Send the body of each list and watch no faster than this, until healed.

        Stands for a thin or congested link.
        """
        if bytes_per_second <= 0:
            raise ValueError("a slow link sends something: stall() is for one that does not")
        return self._begin(Slowed(self._target, bytes_per_second))

    def refuse(self) -> Fault:
        """Reset all connections and refuse new ones (ECONNREFUSED), until healed.

        For a part, reset the connections on which its requests are, or arrive.

        Stands for a server that is down, or a load balancer with nothing behind it.
        """
        fault = self._begin(Refused(self._for_new_requests()))
        self._premises.links.reset(self._target)
        self._premises.watches.cut(self._target)
        return fault

    def respond(
        self, status: int, *, times: int | None = 1, verb: str | None = None, **answer: Unpack[AnswerFields]
    ) -> Fault:
        """Answer the next ``times`` requests, of one verb or of any, with this code instead of serving them.

        ``times=None`` is until healed. The answer is a Status with ``reason``, ``message`` and ``retry_after``, or a ``body`` of any bytes.

        Stands for overload (429), rolling restarts (500, 503), and whatever proxies say in the server's place.
        """
        target = replace(self._for_new_requests(), verb=verb)
        dictated(status, answer)  # what cannot be said is found out now
        return self._begin(Scripted(target, lambda: dictated(status, answer), times))

    def emit_error(
        self, status: int, *, reason: str | None = None, message: str | None = None, retry_after: int | None = None
    ) -> None:
        """End open watches with an ERROR event that carries a Status with this code, after what is pending.

        Stands for a server that cannot go on with a watch: its etcd is gone, or history has overtaken a slow reader.
        """
        details = None if retry_after is None else {"retryAfterSeconds": retry_after}
        self._premises.watches.fail(self._target, ApiServerError(status, reason, message, details=details))

    def garbage(self, *, body: bytes = _PORTAL, content_type: str = JSON_TYPE, times: int | None = 1) -> Fault:
        """Put a line that is not JSON into open watches, and answer the next ``times`` lists and watches with it.

        ``times=None`` is until healed.

        Stands for captive portals and broken proxies.
        """

        def make() -> web.Response:
            return web.Response(body=body, content_type=content_type)

        fault = self._begin(Scripted(self._target, make, times, _READS))
        for watch in self._premises.watches.matching(self._target):
            watch.interject(body if body.endswith(b"\n") else body + b"\n")
        return fault

    def drop_bookmarks(self, *, initial: bool = False) -> Fault:
        """Send no bookmarks, until healed.

        With ``initial``, not even the one that ends the initial events.

        Stands for old servers, proxies that filter, and an etcd that does not tell its progress.
        """
        return self._begin(BookmarksDropped(self._target, initial))

    def stale(self, resource_version: str | int) -> Fault:
        """Answer reads as of an older version, until healed: lists show that state, watches nothing newer.

        Lists and streamed lists that ask for a newer version are held, then refused as "Too large resource version"; a watch from one
        stays silent. A compaction past the version takes it along.

        Stands for a replica that lags behind the others, reached through a load balancer.

        Raises:
            ValueError: history has no such version.
        """
        revision, store = int(resource_version), self._premises.store
        if not store.compacted <= revision <= store.revision:
            raise ValueError(f"history reaches from {store.compacted} to {store.revision}, {revision} is not in it")
        return self._begin(Stale(self._target, revision))

    def reject_streaming_lists(self, status: int | None = 422) -> Fault:
        """Refuse watches with ``sendInitialEvents`` by 422, 400 or 405, until healed.

        ``status=None`` serves them as if they had not asked for it.

        Stands for servers with the feature gate WatchList off (422), aggregated API servers that cannot do it (400, 405), and servers
        that have never heard of it (``None``).
        """
        return self._begin(StreamingRejected(self._for_new_requests(), status))

    def revoke(self, namespace: str | None = None, *, verb: str | None = None, cut: bool = False) -> Fault:
        """Answer requests with 403 in RBAC's words, in one namespace or anywhere, of one verb or of any, until healed.

        Requests for all namespaces pass where only one is named. Open watches go on, as on a real server, unless ``cut``.

        Stands for a role or binding that was changed while a client runs.
        """
        if namespace is not None and self._target.namespace not in (None, namespace):
            raise ValueError(f"this is meant for the namespace {self._target.namespace}, not for {namespace}")
        target = replace(self._for_new_requests(), namespace=namespace or self._target.namespace)
        if cut:
            self._premises.watches.cut(target)
        return self._begin(Revoked(replace(target, verb=verb), _USER))

    def undecodable(self, key: str) -> Fault:
        """Send the object of a key (``namespace/name`` or ``name``) with a number for labels, until healed.

        The stored object stays whole; what was sent before or after is not sent again.

        Stands for a broken conversion webhook, or an aggregated API server with ideas of its own.
        """
        return self._begin(Spoilt(self._target, key))

    def expire_tokens(self) -> None:
        """Refuse every token handed out so far with 401, and make another one the server's ``token``.

        Open watches go on, as on a real server.

        Stands for the end of a service account token's, or an exec plugin's credentials', lifetime.
        """
        self._premises.tokens.expire(self._for_new_requests())

    def _begin(self, fault: F) -> F:
        return self._premises.faults.begin(fault, self._target)

    def _for_new_requests(self) -> Target:
        if self._target.number is not None:
            raise ValueError("an open watch makes no new requests: address its resource, namespace or client")
        return self._target
