"""History that is gone when a watch asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aioinformer.testing import ControlPlane
    from tests.faults.conftest import ClientFor, OnTrial, Proxied


async def test_compaction_while_a_watch_is_held_up_costs_a_relist_that_finds_what_was_missed(
    fragile: ControlPlane, trial: OnTrial, client_for: ClientFor, toxiproxy: Proxied
) -> None:
    """Nothing comes through, the cluster is written to, etcd is compacted: the watch resumes to a 410."""
    async with toxiproxy(fragile) as proxy:
        client = client_for(fragile, url=proxy.url)
        async with trial("etcd compacted, watch held up", fragile, client=client) as run:
            async with proxy.toxic("timeout", timeout=0):
                await run.writer.writes(200)
                await fragile.expire_resource_versions()
        assert run.relists >= 1


async def test_compaction_under_a_watch_that_keeps_up_costs_nothing(
    steady: ControlPlane, trial: OnTrial, client_for: ClientFor
) -> None:
    """What etcd forgets has been delivered long since."""
    async with trial("etcd compacted, watch keeps up", steady, client=client_for(steady)) as run:
        await run.writer.writes(20)
        await steady.compact()
        await run.writer.writes(20)
    assert run.relists == 0
