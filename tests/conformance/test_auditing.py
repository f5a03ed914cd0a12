"""Audits: right caches are left alone, wrong ones are repaired, on either server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import Added, Deleted, SharedInformerFactory, Synced, Updated
from tests import corruption
from tests.conformance.cluster import CONFIGMAPS, Cluster
from tests.conformance.mirrors import PATIENCE, assert_mirrors, touch

if TYPE_CHECKING:
    from aioinformer import Informer

AUDITED = 100.0
"""Seconds for an audit that has to wait for a bookmark."""


async def audited(informer: Informer[Any], *, repair: bool = True) -> Any:
    async with asyncio.timeout(AUDITED):
        return await informer.audit(repair=repair)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"page_size": 2},
        {"metadata_only": True},
        {"label_selector": "app=web"},
        {"field_selector": "metadata.name=cm-1"},
        {"initial_list": "consistent"},
        {"initial_list": "cached"},
        {"transform": lambda document: None if document["metadata"]["name"] == "cm-1" else document},
    ],
    ids=lambda options: next(iter(options), "plain"),
)
async def test_a_healthy_cache_is_left_alone(
    cluster: Cluster, factory: SharedInformerFactory, options: dict[str, Any]
) -> None:
    """However it was asked for: no finding, no event, no new snapshot."""
    for n in range(5):
        await cluster.create(CONFIGMAPS, f"cm-{n}", labels={"app": "web" if n % 2 else "db"}, data={"x": "y" * 100})
    informer = factory.informer("configmaps", **options)
    await informer.wait_for_cache_sync(PATIENCE)
    events = informer.events(replay=False)
    assert isinstance(await anext(events), Synced)
    report = await audited(informer)
    assert report.clean, str(report)
    assert report.checked >= len(informer)
    assert (events.pending, informer.status.restarts) == (0, 0)


@pytest.mark.parametrize("resource", ["nodes", "namespaces", "serviceaccounts"])
async def test_cluster_scoped_and_shared_resources(
    cluster: Cluster, factory: SharedInformerFactory, resource: str
) -> None:
    """Others may write to them meanwhile."""
    informer = factory.informer(resource)
    await informer.wait_for_cache_sync(PATIENCE)
    report = await audited(informer)
    assert report.clean, str(report)


async def test_a_wrong_cache_is_repaired(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """Forgotten, invented, aged and forged objects come right, and subscribers hear of each."""
    for name in "abcd":
        await cluster.create(CONFIGMAPS, name, data={"of": name})
    informer = factory.informer("configmaps")
    await informer.wait_for_cache_sync(PATIENCE)
    await informer.wait_for_version(await touch(cluster), timeout=PATIENCE)
    events = informer.events(replay=False)
    assert isinstance(await anext(events), Synced)
    key = f"{cluster.namespace}/{{}}".format
    corruption.forget(informer._store, key("a"))
    corruption.invent(informer._store, key("ghost"))
    corruption.age(informer._store, key("b"))
    corruption.forge(informer._store, key("c"))
    report = await audited(informer)
    found = (report.missing, report.surplus, report.outdated, report.damaged, report.repaired)
    assert found == ((key("a"),), (key("ghost"),), (key("b"),), (key("c"),), True)
    told = {(type(event), event.key) for event in [await anext(events) for _ in range(events.pending)]}  # type: ignore[union-attr]
    assert told == {(Added, key("a")), (Deleted, key("ghost")), (Updated, key("b")), (Updated, key("c"))}
    await assert_mirrors(informer, cluster)
    assert (await audited(informer)).clean


async def test_writes_during_audits_are_no_findings(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """Created, changed, deleted and made anew while audits go on."""
    await cluster.create_many(CONFIGMAPS, [f"cm-{n}" for n in range(10)])
    informer = factory.informer("configmaps", page_size=3)
    await informer.wait_for_cache_sync(PATIENCE)

    async def write() -> None:
        for n in range(10):
            await cluster.patch(CONFIGMAPS, f"cm-{n}", data={"round": str(n)})
            await cluster.delete(CONFIGMAPS, f"cm-{n}")
            await cluster.create(CONFIGMAPS, f"cm-{n}", data={"again": "yes"})

    writing = asyncio.create_task(write())
    for _ in range(3):
        report = await audited(informer)
        assert report.clean, str(report)
    await writing
    assert informer.status.restarts == 0
    await assert_mirrors(informer, cluster)
