"""An aiohttp service that answers from an informer's cache and streams its changes as server-sent events.

Run it against the cluster of your kubeconfig, or in a pod:

    python aiohttp_service.py

``HOST`` and ``PORT`` say where it listens: 127.0.0.1:8080 by default, HOST=0.0.0.0 in a pod.
"""

import json
import os
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web
from kubernetes_asyncio.client import ApiClient

from aioinformer import Event, Informer, InvalidOption, KubeObject, SharedInformerFactory, Synced
from aioinformer.metrics import PROMETHEUS, render

FACTORY = web.AppKey("FACTORY", SharedInformerFactory)
DEPLOYMENTS = web.AppKey("DEPLOYMENTS", Informer[KubeObject])
routes = web.RouteTableDef()


def summary(deployment: KubeObject) -> dict[str, Any]:
    """A row of the list; only the fields that are touched here are decoded."""
    return {
        "namespace": deployment.namespace,
        "name": deployment.name,
        "replicas": deployment.spec.get("replicas", 1),
        "ready": deployment.status.get("readyReplicas", 0),
    }


def change(event: Event[KubeObject]) -> dict[str, Any]:
    """A line of the event stream. ``SYNCED`` has no object: all present ones have been sent, live changes follow."""
    if isinstance(event, Synced):
        return {"type": event.type, "key": None, "resource_version": event.resource_version}
    return {"type": event.type, "key": event.key, "resource_version": event.object.resource_version}


@routes.get("/deployments")
async def list_deployments(request: web.Request) -> web.Response:
    """``?namespace=default&label_selector=app in (web, api)``, both optional; from memory, so ask as often as you like."""
    try:
        found = request.app[DEPLOYMENTS].list(request.query.get("namespace"), request.query.get("label_selector"))
    except InvalidOption as error:
        raise web.HTTPBadRequest(text=str(error)) from error
    return web.json_response([summary(deployment) for deployment in found])


@routes.get("/deployments/events")
async def stream_changes(request: web.Request) -> web.StreamResponse:
    """All present deployments, then every change. A client that disconnects ends its subscription; a slow one holds up nobody."""
    try:
        subscription = request.app[DEPLOYMENTS].events(namespace=request.query.get("namespace"))
    except InvalidOption as error:  # a namespace that is no name
        raise web.HTTPBadRequest(text=str(error)) from error
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    async with subscription as events:
        await response.prepare(request)
        async for event in events:
            await response.write(f"data: {json.dumps(change(event))}\n\n".encode())
    return response


@routes.get("/deployments/{namespace}/{name}")
async def get_deployment(request: web.Request) -> web.Response:
    """The whole object, as its own JSON: nothing is decoded or encoded again."""
    namespace, name = request.match_info["namespace"], request.match_info["name"]
    deployment = request.app[DEPLOYMENTS].get(name, namespace)
    if deployment is None:
        raise web.HTTPNotFound(text=f"there is no deployment {namespace}/{name}")
    return web.Response(body=deployment.to_json(), content_type="application/json")


@routes.get("/readyz")
async def readyz(request: web.Request) -> web.Response:
    """200 while all caches are in sync and followed. Until then no traffic comes, so nobody takes an empty cache for an answer."""
    health = request.app[FACTORY].healthy()  # a watch that is being opened again is routine, and leaves this true
    return web.Response(text=str(health), status=200 if health else 503)


@routes.get("/livez")
async def livez(request: web.Request) -> web.Response:
    """500 when a defect has stopped an informer. Whatever else is wrong, a restart would not mend the API server."""
    health = request.app[FACTORY].healthy()
    return web.Response(text="; ".join(health.defects.values()) or "ok", status=500 if health.defects else 200)


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """For Prometheus: lag, failures, objects, reconnects and more of each informer, computed now."""
    return web.Response(body=render(request.app[FACTORY].metrics()).encode(), headers={"Content-Type": PROMETHEUS})


async def end_streams(app: web.Application) -> None:
    """On shutdown, before aiohttp waits for open responses: closing the informer ends its subscriptions, hence the streams."""
    await app[DEPLOYMENTS].aclose()


def make_app(api_client: ApiClient | None = None) -> web.Application:
    """The service, on the cluster of ``api_client``, or of the kubeconfig, or of the pod it runs in."""

    async def informers(app: web.Application) -> AsyncIterator[None]:
        async with SharedInformerFactory(api_client) as factory:
            # Not waiting for the sync here: the probes answer from the first moment on, and say what is missing.
            app[FACTORY] = factory
            app[DEPLOYMENTS] = factory.apps.v1.deployments
            yield

    app = web.Application()
    app.add_routes(routes)
    app.cleanup_ctx.append(informers)
    app.on_shutdown.append(end_streams)
    return app


if __name__ == "__main__":
    # With handler_cancellation a stream ends when its client goes, not at the next event that cannot be sent to it.
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
    web.run_app(make_app(), host=host, port=port, handler_cancellation=True)
