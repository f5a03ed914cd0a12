"""A FastAPI service that answers from an informer's cache and streams its changes as server-sent events.

Run it against the cluster of your kubeconfig, or in a pod:

    uvicorn fastapi_service:app --timeout-graceful-shutdown 5

Event streams never end by themselves. Without the time-out uvicorn would wait for their clients to go before it stops;
with it, it cuts them off, and logs that as errors. FastAPI has ``fastapi.sse`` from version 0.135 on.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, TypedDict

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.sse import EventSourceResponse
from kubernetes_asyncio.client import ApiClient
from pydantic import BaseModel

from aioinformer import (
    Event,
    FactoryHealth,
    Informer,
    InvalidOption,
    KubeObject,
    SharedInformerFactory,
    Subscription,
    Synced,
)
from aioinformer.metrics import PROMETHEUS, render

router = APIRouter()


class State(TypedDict):
    """What the lifespan hands to every request."""

    factory: SharedInformerFactory
    deployments: Informer[KubeObject]


async def get_deployments(request: Request) -> Informer[KubeObject]:
    """The informer that the lifespan started."""
    deployments: Informer[KubeObject] = request.state.deployments
    return deployments


async def get_factory(request: Request) -> SharedInformerFactory:
    """What owns all informers."""
    factory: SharedInformerFactory = request.state.factory
    return factory


async def get_health(factory: Annotated[SharedInformerFactory, Depends(get_factory)]) -> FactoryHealth:
    """Whether the caches are fit to answer from."""
    return factory.healthy()


# Everything that reads the cache is "async def": FastAPI would run a plain "def" in a thread, and the cache belongs to
# the event loop.
Deployments = Annotated[Informer[KubeObject], Depends(get_deployments)]
Factory = Annotated[SharedInformerFactory, Depends(get_factory)]
Health = Annotated[FactoryHealth, Depends(get_health)]


class Summary(BaseModel):
    """A row of the list."""

    namespace: str
    name: str
    replicas: int
    ready: int

    @classmethod
    def of(cls, deployment: KubeObject) -> "Summary":
        """Only the fields that are touched here are decoded."""
        return cls(
            namespace=deployment.namespace,
            name=deployment.name,
            replicas=deployment.spec.get("replicas", 1),
            ready=deployment.status.get("readyReplicas", 0),
        )


class Change(BaseModel):
    """A line of the event stream."""

    type: str
    key: str | None
    resource_version: str

    @classmethod
    def of(cls, event: Event[KubeObject]) -> "Change":
        """``SYNCED`` has no object: it says that all present ones have been sent, and live changes follow."""
        if isinstance(event, Synced):
            return cls(type=event.type, key=None, resource_version=event.resource_version)
        return cls(type=event.type, key=event.key, resource_version=event.object.resource_version)


@router.get("/deployments")
async def list_deployments(
    deployments: Deployments, namespace: str | None = None, label_selector: str | None = None
) -> list[Summary]:
    """``?namespace=default&label_selector=app in (web, api)``, both optional; from memory, so ask as often as you like."""
    try:
        found = deployments.list(namespace, label_selector)
    except InvalidOption as error:  # a selector that does not parse, an empty namespace
        raise HTTPException(400, str(error)) from error
    return [Summary.of(deployment) for deployment in found]


async def subscribe(deployments: Deployments, namespace: str | None = None) -> Subscription[KubeObject]:
    """A subscription for one request, before the response begins: what is wrong with the request can still be said."""
    try:
        return deployments.events(namespace=namespace)
    except InvalidOption as error:  # a namespace that is no name
        raise HTTPException(400, str(error)) from error


@router.get("/deployments/events", response_class=EventSourceResponse)
async def stream_changes(
    subscription: Annotated[Subscription[KubeObject], Depends(subscribe)],
) -> AsyncIterator[Change]:
    """All present deployments, then every change. A client that disconnects ends its subscription; a slow one holds up nobody."""
    async with subscription as events:
        async for event in events:
            yield Change.of(event)


@router.get("/deployments/{namespace}/{name}")
async def get_deployment(deployments: Deployments, namespace: str, name: str) -> Response:
    """The whole object, as its own JSON: nothing is decoded or encoded again."""
    deployment = deployments.get(name, namespace)
    if deployment is None:
        raise HTTPException(404, f"there is no deployment {namespace}/{name}")
    return Response(deployment.to_json(), media_type="application/json")


@router.get("/readyz")
async def readyz(health: Health) -> str:
    """200 while all caches are in sync and followed. Until then no traffic comes, so nobody takes an empty cache for an answer."""
    if not health:  # a watch that is being opened again is routine, and leaves this true
        raise HTTPException(503, str(health))
    return "ok"


@router.get("/livez")
async def livez(health: Health) -> str:
    """500 when a defect has stopped an informer. Whatever else is wrong, a restart would not mend the API server."""
    if health.defects:
        raise HTTPException(500, "; ".join(health.defects.values()))
    return "ok"


@router.get("/metrics")
async def metrics(factory: Factory) -> Response:
    """For Prometheus: lag, failures, objects, reconnects and more of each informer, computed now."""
    return Response(render(factory.metrics()), headers={"Content-Type": PROMETHEUS})


def make_app(api_client: ApiClient | None = None) -> FastAPI:
    """The service, on the cluster of ``api_client``, or of the kubeconfig, or of the pod it runs in."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[State]:
        async with SharedInformerFactory(api_client) as factory:
            # Not waiting for the sync here: the probes answer from the first moment on, and say what is missing.
            yield {"factory": factory, "deployments": factory.apps.v1.deployments}

    app = FastAPI(lifespan=lifespan)
    app.include_router(router)
    return app


app = make_app()
