"""HTTP in front of a cluster: understand a request, ask the faults, do it, answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from aioinformer.testing import answers
from aioinformer.testing.bodies import APPLY, read_document, read_patch
from aioinformer.testing.conditions import Shortened
from aioinformer.testing.discovery import VERSION, Discovery
from aioinformer.testing.keepers import PODS
from aioinformer.testing.link import Link, Links
from aioinformer.testing.listing import list_page
from aioinformer.testing.openapi import OpenAPI
from aioinformer.testing.options import ListOptions, check_version
from aioinformer.testing.refusals import Refusal
from aioinformer.testing.rendering import Rendering, negotiate
from aioinformer.testing.requests import Journal, Request, parse_request
from aioinformer.testing.statuses import (
    ApiServerError,
    GroupResource,
    InvalidError,
    MethodNotAllowedError,
    NotFoundError,
    TooLargeVersionError,
    success,
)
from aioinformer.testing.view import View
from aioinformer.testing.watching import Watch, WatchScope, WatchTiming
from aioinformer.testing.writing import ObjectPath, typed

if TYPE_CHECKING:
    from aioinformer.testing.catalog import Served
    from aioinformer.testing.cluster import Cluster
    from aioinformer.testing.encoding import JSON
    from aioinformer.testing.faults import Faults
    from aioinformer.testing.mvcc import Stored
    from aioinformer.testing.open_watches import OpenWatches
    from aioinformer.testing.tokens import Tokens

__all__ = ["Router"]

_SHORTEST_DEFAULT_TIMEOUT = 1800.0  # seconds; a watch that names none gets up to twice that
_RETURNED_WHEN_DELETED = {
    PODS,
    *(
        GroupResource("", plural)
        for plural in ("persistentvolumeclaims", "persistentvolumes", "serviceaccounts", "services")
    ),
}
_NO_PAGE = "404 page not found\n"
_PATCH_OPTIONS = GroupResource("meta.k8s.io", "PatchOptions")
_HEALTH = ("/healthz", "/livez", "/readyz")


class Call(NamedTuple):
    """One request being answered: as it came, as it was understood, what it may see, and the way back."""

    http: web.BaseRequest
    request: Request
    view: View
    link: Link


Answer = Callable[[Call, ObjectPath], Awaitable[web.StreamResponse]]


@dataclass(eq=False, kw_only=True)
class Router:
    """Handles every HTTP request to a cluster. Times are in seconds.

    ``version_wait`` is how long a request for a future version is held before it is refused.
    """

    cluster: Cluster
    journal: Journal
    faults: Faults
    watches: OpenWatches
    links: Links
    tokens: Tokens
    bookmark_interval: float
    version_wait: float
    _verbs: dict[str, Answer] = field(init=False)

    def __post_init__(self) -> None:
        self._discovery = Discovery(self.cluster.catalog)
        self._jitter = Random(0)  # noqa: S311 - its own, so that names drawn from the cluster's do not depend on who watches
        self._openapi = OpenAPI(self.cluster.catalog)
        self._verbs = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; refusals become Status bodies."""
        parsed = parse_request(http.method, http.path, dict(http.query), http.headers.get("User-Agent", ""))
        request = self.journal.arrived(parsed)
        link = Link(request, http.transport, faults=self.faults, journal=self.journal)
        call = Call(http, request, View(self.cluster.store, self.faults, request), link)
        with self.links.open(link):
            if link.is_refused:
                return await link.reset()
            await link.clear()
            try:
                self.tokens.check(request, http.headers.get("Authorization", ""))
                response = self._refusal(request) or await self._route(call)
            except ApiServerError as refusal:
                response = answers.error(refusal)
            if not response.prepared:
                await link.clear()
            self.journal.answered(request, response.status)
            return response

    def _refusal(self, request: Request) -> web.Response | None:
        for fault in self.faults.of(Refusal):
            if fault.covers(request) and (response := fault.answer(request)):
                return response
        return None

    async def _route(self, call: Call) -> web.StreamResponse:
        request = call.request
        if request.resource is None:
            return self._document(call.http, request)
        served = self.cluster.catalog.get(request.resource)
        if served is None:
            if self.cluster.catalog.has_version(request.resource):
                raise NotFoundError(None)
            return answers.text(_NO_PAGE, 404)
        if request.namespace is not None and not served.namespaced:
            raise NotFoundError(None)
        scoped = bool(request.namespace) if served.namespaced else request.namespace is None
        if request.subresource not in (("", "status") if served.has_status else ("",)) or (request.name and not scoped):
            raise NotFoundError(None)
        answer = self._verbs.get(request.verb)
        by_name = request.verb in ("get", "update", "patch", "delete")
        if answer is None or by_name != bool(request.name) or (request.verb == "create" and not scoped):
            raise MethodNotAllowedError
        if request.subresource and request.verb == "delete":
            raise MethodNotAllowedError
        namespace = (request.namespace or "") if served.namespaced else ""
        return await answer(call, ObjectPath(served, namespace, request.name, request.subresource))

    def _document(self, http: web.BaseRequest, request: Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        if path == "/version":
            return answers.document(dict(VERSION))
        if path in _HEALTH:
            return answers.text("ok")
        schema = self._openapi.document(path)
        if schema is not None:
            return answers.document(schema)
        found = self._discovery.document(path, http.headers.get("Accept", ""))
        if found is None:
            return answers.text(_NO_PAGE, 404)
        response = answers.document(found[0])
        response.headers["Content-Type"] = found[1]
        return response

    async def _get(self, call: Call, path: ObjectPath) -> web.StreamResponse:
        rendering = _rendering(call, path.served, wants_list=False)
        version = call.request.query.get("resourceVersion", "")
        check_version(version, for_list=False)
        await self._reach(call.view, int(version or 0))
        stored = call.view.get(path.group_resource, path.namespace, path.name)
        if stored is None:
            raise NotFoundError(path.group_resource, path.name)
        return await answers.parts(call.http, [rendering.object(stored), b"\n"], call.link)

    async def _list(self, call: Call, path: ObjectPath) -> web.StreamResponse:
        rendering = _rendering(call, path.served, wants_list=True)
        options = ListOptions.parse(call.request.query)
        selection = self.cluster.selection(path.served, options.label_selector, options.field_selector)
        await self._reach(call.view, options.minimum_version)
        page = list_page(call.view, path.group_resource, path.namespace or None, options, selection)
        parts = rendering.list_parts(page.metadata, call.view.shown(page.objects))
        return await answers.parts(call.http, parts, call.link)

    async def _watch(self, call: Call, path: ObjectPath) -> web.StreamResponse:
        rendering = _rendering(call, path.served, wants_list=False)
        options = ListOptions.parse(call.view.query)
        selection = self.cluster.selection(path.served, options.label_selector, options.field_selector)
        scope = WatchScope(path.group_resource, path.namespace or None, selection, rendering)
        refusal: ApiServerError | None = None
        if options.starts_with_state:
            try:
                await self._reach(call.view, options.minimum_version)
            except TooLargeVersionError as error:
                refusal = error
        timeout = options.timeout_seconds or _SHORTEST_DEFAULT_TIMEOUT * (1 + self._jitter.random())
        timing = WatchTiming(self.bookmark_interval, timeout)
        watch = Watch(call.view, scope, options, request=call.request, timing=timing)
        if refusal is not None:
            watch.refuse(refusal)
        try:
            return await self._stream(call, watch)
        finally:
            watch.close()

    async def _stream(self, call: Call, watch: Watch) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": answers.JSON_TYPE})
        await call.link.clear()
        await response.prepare(call.http)
        self.journal.answered(watch.request, response.status)
        shortened = self.faults.concerning(call.request, Shortened)
        if shortened is None or shortened.after > 0:
            await self._run(call, watch, response.write)
        if watch.broken:
            await call.link.hang_up()
        await call.link.clear()
        await response.write_eof()
        return response

    async def _run(self, call: Call, watch: Watch, write: Callable[[bytes], Awaitable[None]]) -> None:
        self.watches.add(watch, call.link.drop)
        if shortened := self.faults.concerning(call.request, Shortened):
            shortened.limit(watch)
        try:
            await watch.run(lambda chunk: call.link.send(write, chunk))
        finally:
            self.watches.discard(watch)

    async def _create(self, call: Call, path: ObjectPath) -> web.StreamResponse:
        document = await read_document(call.http, path.served.kind)
        stored = self.cluster.writer.create(path, document, dry_run="dryRun" in call.request.query)
        return answers.document(typed(path.served, stored), 201)

    async def _update(self, call: Call, path: ObjectPath) -> web.StreamResponse:
        document = await read_document(call.http, path.served.kind)
        stored = self.cluster.writer.update(path, document, dry_run="dryRun" in call.request.query)
        return answers.document(typed(path.served, stored))

    async def _patch(self, call: Call, path: ObjectPath) -> web.StreamResponse:
        change = await read_patch(call.http, builtin=path.served.builtin)
        dry_run = "dryRun" in call.request.query
        missing = self.cluster.store.get(path.group_resource, path.namespace, path.name) is None
        if call.http.content_type == APPLY and not call.request.query.get("fieldManager"):
            message = "Required value: is required for apply patch"
            raise InvalidError(_PATCH_OPTIONS, "", "fieldManager", message, cause="FieldValueRequired")
        if call.http.content_type == APPLY and missing:
            created = self.cluster.writer.create(path, change({}), dry_run=dry_run)
            return answers.document(typed(path.served, created), 201)
        stored = self.cluster.writer.patch(path, change, dry_run=dry_run)
        return answers.document(typed(path.served, stored))

    async def _delete(self, call: Call, path: ObjectPath) -> web.StreamResponse:
        options = await _delete_options(call)
        stored, gone = self.cluster.writer.delete(path, options)
        if gone and path.group_resource not in _RETURNED_WHEN_DELETED:
            return answers.document(success(path.group_resource, path.name, stored.uid))
        return answers.document(typed(path.served, stored))

    async def _delete_collection(self, call: Call, path: ObjectPath) -> web.StreamResponse:
        delete_options = await _delete_options(call)
        options = ListOptions.parse(call.request.query)
        selection = self.cluster.selection(path.served, options.label_selector, options.field_selector)
        page = list_page(self.cluster.store, path.group_resource, path.namespace or None, options, selection)
        deleted: list[Stored] = []
        for stored in page.objects:
            victim = ObjectPath(path.served, stored.namespace, stored.name)
            deleted.append(self.cluster.writer.delete(victim, delete_options).stored)
        rendering = Rendering.whole(path.served)
        return await answers.parts(call.http, rendering.list_parts(page.metadata, deleted), call.link)

    async def _reach(self, view: View, wanted: int) -> None:
        """Hold a request until its version has come about, within limits."""
        try:
            async with asyncio.timeout(self.version_wait):
                await self.journal.until(lambda: view.revision >= wanted)
        except TimeoutError:
            raise TooLargeVersionError(wanted, view.revision) from None


def _rendering(call: Call, served: Served, *, wants_list: bool) -> Rendering:
    return negotiate(call.http.headers.get("Accept", ""), served, wants_list=wants_list)


async def _delete_options(call: Call) -> JSON:
    options = await read_document(call.http, "DeleteOptions")
    if "dryRun" in call.request.query:
        options["dryRun"] = ["All"]
    return options
