"""registry.py: which informers a factory has, and which it has forgotten."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING
from weakref import ref

import pytest

from aioinformer import InformerClosed, InformerConflict, SharedInformerFactory
from aioinformer.informer import Informer
from aioinformer.options import InformerSpec
from aioinformer.registry import Registry
from aioinformer.resource import GroupVersionResource

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient

    from aioinformer import KubeObject
    from aioinformer.testing import ApiServer

PODS = InformerSpec(GroupVersionResource("", "v1", "pods"))
PATIENCE = 10.0


def added(registry: Registry, spec: InformerSpec = PODS) -> Informer[KubeObject]:
    informer: Informer[KubeObject] = Informer(spec, registry)
    registry.add(informer, spec)
    return informer


def test_one_is_found_by_what_it_is_on() -> None:
    registry = Registry()
    informer = added(registry)
    assert registry.find(PODS, {}) is informer
    assert registry.find(InformerSpec(PODS.resource, namespace="d"), {}) is None
    assert registry.all == ((informer, PODS),)
    assert informer in registry


async def test_one_that_is_closed_is_forgotten_at_once() -> None:
    """Nobody has to ask for another first; forgetting it twice is as good as once."""
    registry = Registry()
    informer = added(registry)
    await informer.aclose()
    assert (len(registry), informer in registry, registry.find(PODS, {})) == (0, False, None)
    await informer.aclose()
    registry.forget(informer)


async def test_a_fresh_one_is_not_forgotten_with_its_predecessor() -> None:
    """The first may be closed again, by whoever still has it."""
    registry = Registry()
    first = added(registry)
    await first.aclose()
    second = added(registry)
    await first.aclose()
    assert registry.find(PODS, {}) is second


def test_moving_into_a_taken_scope_is_refused_and_changes_nothing() -> None:
    registry = Registry()
    there = InformerSpec(PODS.resource, namespace="d")
    mover, other = added(registry), added(registry, there)
    with pytest.raises(InformerConflict, match=r"there is an informer on pods.v1 in d already"):
        registry.move(mover, there)
    assert (registry.find(PODS, {}), registry.find(there, {})) == (mover, other)
    other.finish()
    registry.move(mover, there)
    assert (registry.find(PODS, {}), registry.find(there, {})) == (None, mover)
    assert registry.all == ((mover, there),)


async def test_the_cache_of_a_closed_informer_goes_with_its_last_reader(
    api_server: ApiServer, api_client: ApiClient
) -> None:
    """The factory does not keep it, and says that it is closed to whoever waits on it."""
    api_server.create("pods", {"metadata": {"name": "a"}})
    async with SharedInformerFactory(api_client) as factory:
        pods = factory.informer("pods")
        await pods.wait_for_cache_sync(PATIENCE)
        await pods.aclose()
        assert factory.informers == ()
        with pytest.raises(InformerClosed):
            await factory.consistent(pods, at_least="999", timeout=PATIENCE)
        assert pods.get("a", "default") is not None
        gone = ref(pods)
        del pods
        gc.collect()
        assert gone() is None
