"""Much at once, and much in one object."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.faults.administrator import Administrator
from tests.faults.definitions import definition, install, resource

if TYPE_CHECKING:
    from aioinformer.testing import ControlPlane
    from tests.faults.conftest import ClientFor, OnTrial, Proxied

NEARLY_TOO_LARGE = 1_500_000
"""Characters; etcd takes requests of up to 1.5 MiB, everything around the object included."""


async def test_five_megabytes_on_a_slow_stream_arrive_whole(
    steady: ControlPlane, trial: OnTrial, client_for: ClientFor, toxiproxy: Proxied
) -> None:
    async with toxiproxy(steady) as proxy:
        client = client_for(steady, url=proxy.url)
        async with trial("5 MB in flight at 500 KB/s", steady, client=client) as run:
            async with proxy.toxic("bandwidth", rate=500):
                blob = {"blob": "0123456789" * 10_000}
                await asyncio.gather(*(run.writer.put(f"large-{number}", data=blob) for number in range(50)))
                await run.all(lambda informer: len(informer) > 35)
        assert run.relists == 0


async def test_objects_near_etcds_limit_come_through_a_connection_that_breaks_in_the_middle_of_them(
    steady: ControlPlane, trial: OnTrial, client_for: ClientFor, toxiproxy: Proxied
) -> None:
    """No connection lives long enough for the whole of one, until the last: no half of one is ever taken in."""
    async with Administrator(steady) as administrator, toxiproxy(steady) as proxy:
        await install(administrator, definition("crates", size="integer", colour="string"))
        crates = resource("crates")
        client = client_for(steady, url=proxy.url)
        async with trial("objects of 1.5 MB, cut in the middle", steady, client=client, resource=crates) as run:
            async with proxy.toxic("limit_data", bytes=1_000_000):
                for number in range(3):
                    spec = {"size": number, "colour": "é" * (NEARLY_TOO_LARGE // 2)}
                    await run.writer.put(f"large-{number}", **{**crates.fields(0), "spec": spec})
                await run.all(lambda informer: informer.status.attempts >= 3)
            await run.all(lambda informer: f"{run.namespace}/large-2" in informer)
            await run.writer.delete("large-0")
