"""Several resources followed as one."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from aioinformer import Added, Deleted, Synced, Updated, merge
from tests.conformance.cluster import CONFIGMAPS, Cluster
from tests.conformance.mirrors import PATIENCE

if TYPE_CHECKING:
    from aioinformer import SharedInformerFactory

SECRETS = "secrets.v1"


async def test_the_events_of_two_resources_come_through_one_iterator(
    cluster: Cluster, factory: SharedInformerFactory
) -> None:
    """Each of its source, complete and in its order; leaving ends both subscriptions."""
    configmaps, secrets = factory.core.v1.configmaps, factory.core.v1.secrets
    await factory.wait_for_cache_sync(PATIENCE)
    async with asyncio.timeout(PATIENCE), merge(configmaps, secrets.events(replay=False)) as merged:
        for i in range(20):
            await cluster.create(CONFIGMAPS, f"a{i}")
            await cluster.create(SECRETS, f"a{i}")
            await cluster.patch(SECRETS, f"a{i}", metadata={"labels": {"x": "y"}})
            await cluster.delete(CONFIGMAPS, f"a{i}")
        kinds: Counter[tuple[str, type]] = Counter()
        async for source, event in merged:
            if isinstance(event, Synced) or not event.key.startswith(f"{cluster.namespace}/a"):
                continue
            kinds[CONFIGMAPS if source is configmaps else SECRETS, type(event)] += 1
            if sum(kinds.values()) == 80:
                break
    assert kinds == Counter(
        {(CONFIGMAPS, Added): 20, (CONFIGMAPS, Deleted): 20, (SECRETS, Added): 20, (SECRETS, Updated): 20}
    )
    assert configmaps.subscriptions == secrets.subscriptions == ()


async def test_caches_are_read_together_at_a_version(cluster: Cluster, factory: SharedInformerFactory) -> None:
    """What was written to both before a version is in both: they are in one etcd here."""
    configmaps, secrets = factory.core.v1.configmaps, factory.core.v1.secrets
    await factory.wait_for_cache_sync(PATIENCE)
    await cluster.create(CONFIGMAPS, "a")
    last = (await cluster.create(SECRETS, "b"))["metadata"]["resourceVersion"]
    await cluster.create(CONFIGMAPS, "c")
    await factory.consistent(configmaps, secrets, at_least=last, timeout=PATIENCE)
    assert ("a" in {o.name for o in configmaps}, "b" in {o.name for o in secrets}) == (True, True)
    assert factory.status.ready
