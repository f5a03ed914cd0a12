"""How often a server is asked that gives the same answer for ever: at most a handful of requests a minute, and never in step."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from aioinformer import SharedInformerFactory
from aioinformer.listwatch import ListWatch
from aioinformer.transitions import State
from tests.catalogue.forever import MINUTE, SERVERS, UNREACHABLE, Forever, asked_at, rates

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from kubernetes_asyncio.client import ApiClient

    from tests.conftest import ClientOf

HANDFUL = 6
"""Requests per informer and minute, once the waits have grown."""
UNUSED_PORT = 1


@pytest.fixture(autouse=True)
def dice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The n-th informer draws what ``asked_at`` draws with seed n."""
    seeds = count()
    monkeypatch.setattr("aioinformer.feed.ListWatch", lambda _, **options: ListWatch(Random(next(seeds)), **options))


class Counting:
    """A handler that answers as ``server`` does and remembers when it was asked."""

    def __init__(self, server: Forever) -> None:
        self._server = server
        self.asked: list[float] = []
        self.url = ""

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        self.asked.append(asyncio.get_running_loop().time())
        query = dict(request.query)
        watched = State.STREAMING if "sendInitialEvents" in query else State.WATCHING
        given = self._server.reply(watched if "watch" in query else State.LISTING, query).http
        return web.Response(
            status=given.status, body=given.body, headers=given.headers, content_type=given.content_type
        )


@asynccontextmanager
async def counted(server: Forever) -> AsyncGenerator[Counting]:
    """Such a server on a port of 127.0.0.1, which lets 200 clients knock at once."""
    counting = Counting(server)
    front = web.Server(counting)
    listener = await asyncio.get_running_loop().create_server(front, "127.0.0.1", backlog=1024)
    counting.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield counting
    finally:
        listener.close()
        await front.shutdown(0)


def client_for(name: str, client_of: ClientOf, host: str) -> ApiClient:
    """A client of a server, which refreshes its credentials if the server is to be asked twice for that."""
    client = client_of(host, token="expired")
    if SERVERS[name].requests > 1:

        async def refresh(_: Any) -> None:
            await asyncio.sleep(0)

        client.configuration.refresh_api_key_hook = refresh
    return client


async def follow(client: ApiClient, server: Forever, informers: int) -> tuple[float, int]:
    """Run so many informers for ten minutes; when they began, and how often the first had failed by then."""
    async with SharedInformerFactory(client, initial_list=server.initial_list) as factory:
        made = [factory.informer("configmaps.v1", label_selector=f"n!=x{n}") for n in range(informers)]
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(10 * MINUTE - 1e-6)
        return began, made[0].status.attempts


@pytest.mark.parametrize("name", [name for name in SERVERS if name != UNREACHABLE])
async def test_over_http_it_asks_just_when_the_machine_says(name: str, client_of: ClientOf) -> None:
    """Ten minutes of one informer: no request more than the machine decides, and each in its instant."""
    server = SERVERS[name]
    async with counted(server) as counting:
        began, _ = await follow(client_for(name, client_of, counting.url), server, informers=1)
    assert [moment - began for moment in counting.asked] == pytest.approx(
        asked_at(server, Random(0), 10 * MINUTE), abs=0.01
    )


async def test_a_port_that_refuses_is_tried_just_when_the_machine_says(client_of: ClientOf) -> None:
    """As often, that is; nobody is there to say when."""
    server = SERVERS[UNREACHABLE]
    _, failures = await follow(client_of(f"http://127.0.0.1:{UNUSED_PORT}"), server, informers=1)
    assert failures == len(asked_at(server, Random(0), 10 * MINUTE))


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_never_recovers_is_asked_a_handful_of_times_a_minute(name: str) -> None:
    """By one informer and by each of 200, whose requests spread over the seconds of the minute."""
    asked = rates(SERVERS[name])
    assert asked.one_tenth <= HANDFUL
    assert asked.all_tenth <= HANDFUL * 200
    assert asked.busiest_second <= 4 * asked.all_tenth / MINUTE


@pytest.mark.soak
@pytest.mark.parametrize("name", [name for name in SERVERS if name != UNREACHABLE])
async def test_two_hundred_informers_over_http(name: str, client_of: ClientOf) -> None:
    """The same of 200 informers on one client."""
    server = SERVERS[name]
    async with counted(server) as counting:
        await follow(client_for(name, client_of, counting.url), server, informers=200)
    assert len(counting.asked) == sum(len(asked_at(server, Random(seed), 10 * MINUTE)) for seed in range(200))
