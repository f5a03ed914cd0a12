"""What a network does to a connection, as Toxiproxy does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aioinformer.testing import ControlPlane
    from tests.faults.conftest import ClientFor, OnTrial, Proxied


@pytest.mark.parametrize(
    ("fault", "kind", "attributes"),
    [
        ("latency 400 ms, jitter 300 ms", "latency", {"latency": 400, "jitter": 300}),
        ("bandwidth 20 KB/s", "bandwidth", {"rate": 20}),
        ("slicer: 64 bytes at a time", "slicer", {"average_size": 64, "size_variation": 32, "delay": 50}),
    ],
)
async def test_a_slow_connection_is_kept(  # noqa: PLR0913  # fixtures
    steady: ControlPlane,
    trial: OnTrial,
    client_for: ClientFor,
    toxiproxy: Proxied,
    *,
    fault: str,
    kind: str,
    attributes: dict[str, int],
) -> None:
    """Slowness is no failure: no connection is given up, no write missed."""
    async with toxiproxy(steady) as proxy:
        async with trial(fault, steady, client=client_for(steady, url=proxy.url)) as run:
            async with proxy.toxic(kind, **attributes):
                await run.writer.writes(200)
        assert run.measurement is not None
        assert (run.measurement.requests, run.relists) == (0, 0)


@pytest.mark.parametrize(
    ("fault", "kind", "attributes"),
    [
        ("reset_peer: reset at the first byte", "reset_peer", {"timeout": 0}),
        ("timeout: data dropped for 8 s, then closed", "timeout", {"timeout": 2000}),
        ("limit_data: closed after 20 kB", "limit_data", {"bytes": 20_000}),
    ],
)
async def test_a_connection_that_breaks_is_replaced(  # noqa: PLR0913  # fixtures
    steady: ControlPlane,
    trial: OnTrial,
    client_for: ClientFor,
    toxiproxy: Proxied,
    *,
    fault: str,
    kind: str,
    attributes: dict[str, int],
) -> None:
    """Every write is told in the end: a broken connection is no reason for a new snapshot."""
    async with toxiproxy(steady) as proxy:
        async with trial(fault, steady, client=client_for(steady, url=proxy.url)) as run:
            async with proxy.toxic(kind, **attributes):
                await run.writer.writes(300)
        assert run.measurement is not None
        assert run.measurement.requests > 0
        assert run.relists == 0


async def test_a_server_that_refuses_connections_is_tried_until_it_takes_them(
    steady: ControlPlane, trial: OnTrial, client_for: ClientFor, toxiproxy: Proxied
) -> None:
    async with toxiproxy(steady) as proxy:
        client = client_for(steady, url=proxy.url)
        async with trial("proxy down: connections refused", steady, client=client) as run, proxy.down():
            await run.writer.writes(300)
        assert run.relists == 0


async def test_a_connection_whose_end_comes_late_is_waited_for(
    fragile: ControlPlane, trial: OnTrial, client_for: ClientFor, toxiproxy: Proxied
) -> None:
    """The server has died and is back, and its clients do not know yet."""
    async with toxiproxy(fragile) as proxy:
        client = client_for(fragile, url=proxy.url)
        async with trial("slow_close: the end comes 3 s late", fragile, client=client) as run:
            async with proxy.toxic("slow_close", delay=3000):
                await fragile.kill_api_server()
                await fragile.restart_api_server()
                await run.all(lambda informer: informer.status.last_error is not None)
