"""Processes of the control plane that die, come back, and hang."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aioinformer.testing import ControlPlane
    from tests.faults.conftest import ClientFor, OnTrial


async def test_a_killed_and_restarted_api_server_costs_nothing_but_the_time_it_takes(
    fragile: ControlPlane, trial: OnTrial, client_for: ClientFor
) -> None:
    async with trial("kube-apiserver: kill -9, restart", fragile, client=client_for(fragile)):
        await fragile.kill_api_server()
        await fragile.restart_api_server()


async def test_a_long_outage_is_over_for_every_informer_within_the_backoffs_cap(
    fragile: ControlPlane, trial: OnTrial, client_for: ClientFor
) -> None:
    """Half a minute away: the waits between attempts have grown to their longest."""
    async with trial("kube-apiserver: away for 30 s", fragile, client=client_for(fragile)) as run:
        await fragile.kill_api_server()
        await asyncio.sleep(30)
        assert all(informer.status.attempts > 3 for informer in run.informers)
        assert all(len(informer) for informer in run.informers), "reads go on from memory"
        await fragile.restart_api_server()


async def test_a_killed_and_restarted_etcd_loses_nothing(
    fragile: ControlPlane, trial: OnTrial, client_for: ClientFor
) -> None:
    async with trial("etcd: kill -9, away for 10 s", fragile, client=client_for(fragile)):
        await fragile.kill_etcd()
        await asyncio.sleep(10)
        await fragile.restart_etcd()


@pytest.mark.parametrize("name", ["kube-apiserver", "etcd"])
async def test_a_process_that_hangs_and_goes_on_is_waited_for(
    fragile: ControlPlane, trial: OnTrial, client_for: ClientFor, name: str
) -> None:
    """Nothing comes for some seconds and no connection breaks."""
    async with trial(f"{name}: paused for 10 s", fragile, client=client_for(fragile)):
        with fragile.paused(name):
            await asyncio.sleep(10)
