"""Warm starts: a cache is saved, the process is away for a while, and the next one starts from the file."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from aioinformer import Added, Deleted, Event, KubeObject, SharedInformerFactory, Synced, Updated
from tests.conformance.cluster import CONFIGMAPS, Cluster
from tests.conformance.mirrors import PATIENCE, assert_mirrors

if TYPE_CHECKING:
    from pathlib import Path

    from kubernetes_asyncio.client import ApiClient

NAMES = ("unchanged", "changes", "goes", "reborn")


async def _saved(cluster: Cluster, client: ApiClient, path: Path) -> str:
    """A file of some objects, and the version at which it was saved."""
    for name in NAMES:
        await cluster.create(CONFIGMAPS, name, data={"life": "1"})
    async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
        informer = factory.informer(CONFIGMAPS)
        await informer.wait_for_cache_sync(PATIENCE)
        await assert_mirrors(informer, cluster)
        await informer.snapshot_to(path)
        return informer.resource_version


async def _write(cluster: Cluster) -> None:
    await cluster.patch(CONFIGMAPS, "changes", data={"life": "2"})
    await cluster.delete(CONFIGMAPS, "goes")
    await cluster.delete(CONFIGMAPS, "reborn")
    await cluster.create(CONFIGMAPS, "reborn", data={"life": "2"})
    await cluster.create(CONFIGMAPS, "comes", data={"life": "1"})


def _said(event: Event[KubeObject]) -> tuple[str, str]:
    return type(event).__name__, "" if isinstance(event, Synced) else event.key.rpartition("/")[2]


CHANGES = [("Updated", "changes"), ("Deleted", "goes"), ("Deleted", "reborn"), ("Added", "reborn"), ("Added", "comes")]


@pytest.mark.parametrize("changes", [CHANGES, []])
async def test_what_changed_while_away_comes_out_exactly(
    cluster: Cluster, client: ApiClient, tmp_path: Path, changes: list[tuple[str, str]]
) -> None:
    """By a watch from the saved version, without a list: first what was saved, then ``Synced``, then the changes in order."""
    version = await _saved(cluster, client, tmp_path / "cache")
    before = {item["metadata"]["name"] for item in await cluster.listed(CONFIGMAPS)}
    if changes:
        await _write(cluster)
    async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
        informer = factory.informer(CONFIGMAPS, restore_from=tmp_path / "cache")
        async with asyncio.timeout(PATIENCE), informer.events() as events:
            initial = [await anext(events) for _ in before]
            synced = await anext(events)
            seen = [await anext(events) for _ in changes]
        assert {
            event.key.rpartition("/")[2] for event in initial if isinstance(event, Added) and event.initial
        } == before
        assert isinstance(synced, Synced)
        assert synced.resource_version == version
        assert [_said(event) for event in seen] == changes
        assert informer.status.restarts == 0
        await assert_mirrors(informer, cluster)


async def test_without_history_it_comes_out_by_comparison(cluster: Cluster, client: ApiClient, tmp_path: Path) -> None:
    """The server refuses the saved version; the snapshot that follows is told as what it changed, and what is unchanged as nothing."""
    await _saved(cluster, client, tmp_path / "cache")
    await _write(cluster)
    await cluster.backend.expire_history()
    async with SharedInformerFactory(client, namespace=cluster.namespace) as factory:
        informer = factory.informer(CONFIGMAPS, restore_from=tmp_path / "cache")
        events = informer.events(replay=False)
        async with asyncio.timeout(PATIENCE):
            assert isinstance(await anext(events), Synced)
            seen = [await anext(events) for _ in range(5)]
        assert sorted(map(_said, seen)) == [
            ("Added", "comes"), ("Added", "reborn"), ("Deleted", "goes"), ("Deleted", "reborn"), ("Updated", "changes"),
        ]  # fmt: skip
        assert not any(event.final_state_known for event in seen if isinstance(event, Deleted))
        assert [event.old["data"] for event in seen if isinstance(event, Updated)] == [{"life": "1"}]
        assert events.pending == 0
        await assert_mirrors(informer, cluster)
