"""HTTP in front of a cluster: understand a request, ask the faults, do it, answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hmac import compare_digest
from random import Random
from typing import TYPE_CHECKING

from aiohttp import web

from aioinformer.testing import answers
from aioinformer.testing.bodies import APPLY, read_document, read_patch
from aioinformer.testing.discovery import VERSION, Discovery
from aioinformer.testing.keepers import PODS
from aioinformer.testing.listing import list_page
from aioinformer.testing.openapi import OpenAPI
from aioinformer.testing.options import ListOptions, check_version
from aioinformer.testing.rendering import Rendering, negotiate
from aioinformer.testing.requests import Journal, Request, parse_request
from aioinformer.testing.statuses import (
    ApiServerError,
    GroupResource,
    InvalidError,
    MethodNotAllowedError,
    NotFoundError,
    TooLargeVersionError,
    UnauthorizedError,
    success,
)
from aioinformer.testing.watching import Watch, WatchScope, WatchTiming
from aioinformer.testing.writing import ObjectPath, typed

if TYPE_CHECKING:
    from aioinformer.testing.catalog import Served
    from aioinformer.testing.cluster import Cluster
    from aioinformer.testing.encoding import JSON
    from aioinformer.testing.faults import Faults
    from aioinformer.testing.mvcc import Stored
    from aioinformer.testing.open_watches import OpenWatches

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

Answer = Callable[[web.BaseRequest, Request, ObjectPath], Awaitable[web.StreamResponse]]


@dataclass(eq=False, kw_only=True)
class Router:
    """Handles every HTTP request to a cluster. Times are in seconds.

    ``version_wait`` is how long a request for a future version is held before it is refused.
    """

    cluster: Cluster
    journal: Journal
    faults: Faults
    watches: OpenWatches
    token: str | None
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
        try:
            self._authenticate(http)
            self.faults.check(request)
            response = await self._route(http, request)
        except ApiServerError as refusal:
            response = answers.error(refusal)
        self.journal.answered(request, response.status)
        return response

    def _authenticate(self, http: web.BaseRequest) -> None:
        given = http.headers.get("Authorization", "")
        if self.token is not None and not compare_digest(given.encode(), f"Bearer {self.token}".encode()):
            raise UnauthorizedError

    async def _route(self, http: web.BaseRequest, request: Request) -> web.StreamResponse:
        if request.resource is None:
            return self._document(http, request)
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
        return await answer(http, request, ObjectPath(served, namespace, request.name, request.subresource))

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

    async def _get(self, http: web.BaseRequest, request: Request, path: ObjectPath) -> web.StreamResponse:
        rendering = _rendering(http, path.served, wants_list=False)
        version = request.query.get("resourceVersion", "")
        check_version(version, for_list=False)
        await self._reach(int(version or 0))
        stored = self.cluster.store.get(path.group_resource, path.namespace, path.name)
        if stored is None:
            raise NotFoundError(path.group_resource, path.name)
        return await answers.parts(http, [rendering.object(stored), b"\n"])

    async def _list(self, http: web.BaseRequest, request: Request, path: ObjectPath) -> web.StreamResponse:
        rendering = _rendering(http, path.served, wants_list=True)
        options = ListOptions.parse(request.query)
        selection = self.cluster.selection(path.served, options.label_selector, options.field_selector)
        await self._reach(options.minimum_version)
        page = list_page(self.cluster.store, path.group_resource, path.namespace or None, options, selection)
        return await answers.parts(http, rendering.list_parts(page.metadata, page.objects))

    async def _watch(self, http: web.BaseRequest, request: Request, path: ObjectPath) -> web.StreamResponse:
        rendering = _rendering(http, path.served, wants_list=False)
        options = ListOptions.parse(request.query)
        selection = self.cluster.selection(path.served, options.label_selector, options.field_selector)
        scope = WatchScope(path.group_resource, path.namespace or None, selection, rendering)
        refusal: ApiServerError | None = None
        if options.starts_with_state:
            try:
                await self._reach(options.minimum_version)
            except TooLargeVersionError as error:
                refusal = error
        timeout = options.timeout_seconds or _SHORTEST_DEFAULT_TIMEOUT * (1 + self._jitter.random())
        timing = WatchTiming(self.bookmark_interval, timeout)
        watch = Watch(self.cluster.store, scope, options, request=request, timing=timing)
        if refusal is not None:
            watch.refuse(refusal)
        try:
            return await self._stream(http, watch)
        finally:
            watch.close()

    async def _stream(self, http: web.BaseRequest, watch: Watch) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": answers.JSON_TYPE})
        await response.prepare(http)
        self.journal.answered(watch.request, response.status)
        self.watches.add(watch, lambda: _abort(http))
        try:
            await watch.run(response.write)
        finally:
            self.watches.discard(watch)
        await response.write_eof()
        return response

    async def _create(self, http: web.BaseRequest, request: Request, path: ObjectPath) -> web.StreamResponse:
        document = await read_document(http, path.served.kind)
        stored = self.cluster.writer.create(path, document, dry_run="dryRun" in request.query)
        return answers.document(typed(path.served, stored), 201)

    async def _update(self, http: web.BaseRequest, request: Request, path: ObjectPath) -> web.StreamResponse:
        document = await read_document(http, path.served.kind)
        stored = self.cluster.writer.update(path, document, dry_run="dryRun" in request.query)
        return answers.document(typed(path.served, stored))

    async def _patch(self, http: web.BaseRequest, request: Request, path: ObjectPath) -> web.StreamResponse:
        change = await read_patch(http, builtin=path.served.builtin)
        dry_run = "dryRun" in request.query
        missing = self.cluster.store.get(path.group_resource, path.namespace, path.name) is None
        if http.content_type == APPLY and not request.query.get("fieldManager"):
            message = "Required value: is required for apply patch"
            raise InvalidError(_PATCH_OPTIONS, "", "fieldManager", message, cause="FieldValueRequired")
        if http.content_type == APPLY and missing:
            created = self.cluster.writer.create(path, change({}), dry_run=dry_run)
            return answers.document(typed(path.served, created), 201)
        stored = self.cluster.writer.patch(path, change, dry_run=dry_run)
        return answers.document(typed(path.served, stored))

    async def _delete(self, http: web.BaseRequest, request: Request, path: ObjectPath) -> web.StreamResponse:
        options = await _delete_options(http, request)
        stored, gone = self.cluster.writer.delete(path, options)
        if gone and path.group_resource not in _RETURNED_WHEN_DELETED:
            return answers.document(success(path.group_resource, path.name, stored.uid))
        return answers.document(typed(path.served, stored))

    async def _delete_collection(self, http: web.BaseRequest, request: Request, path: ObjectPath) -> web.StreamResponse:
        delete_options = await _delete_options(http, request)
        options = ListOptions.parse(request.query)
        selection = self.cluster.selection(path.served, options.label_selector, options.field_selector)
        page = list_page(self.cluster.store, path.group_resource, path.namespace or None, options, selection)
        deleted: list[Stored] = []
        for stored in page.objects:
            victim = ObjectPath(path.served, stored.namespace, stored.name)
            deleted.append(self.cluster.writer.delete(victim, delete_options).stored)
        rendering = Rendering.whole(path.served)
        return await answers.parts(http, rendering.list_parts(page.metadata, deleted))

    async def _reach(self, wanted: int) -> None:
        """Hold a request until its version has come about, within limits."""
        store = self.cluster.store
        try:
            async with asyncio.timeout(self.version_wait):
                await self.journal.until(lambda: store.revision >= wanted)
        except TimeoutError:
            raise TooLargeVersionError(wanted, store.revision) from None


def _rendering(http: web.BaseRequest, served: Served, *, wants_list: bool) -> Rendering:
    return negotiate(http.headers.get("Accept", ""), served, wants_list=wants_list)


async def _delete_options(http: web.BaseRequest, request: Request) -> JSON:
    options = await read_document(http, "DeleteOptions")
    if "dryRun" in request.query:
        options["dryRun"] = ["All"]
    return options


def _abort(http: web.BaseRequest) -> None:
    if http.transport is not None:
        http.transport.abort()
