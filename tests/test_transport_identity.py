"""Who a request comes from and over which connection: credentials, TLS, proxies, sockets, and the caller's client."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from aioinformer.errors import ConfigurationError, NetworkError, Unauthorized
from aioinformer.transport import (
    KEEPALIVE_IDLE,
    KEEPALIVE_INTERVAL,
    KEEPALIVE_PROBES,
    REFRESH_AGAIN_AFTER,
    Transport,
    keepalive_socket,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import ClientOf, Serve

PATH = "/api/v1/pods"


async def empty_list(request: web.Request) -> web.Response:
    return web.json_response({"kind": "PodList", "items": []})


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await asyncio.Event().wait()
    return response


class Seen:
    """A handler that keeps the requests, and lets those with the right token in if there is one."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.requests: list[web.Request] = []

    async def __call__(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"kind": "Status", "code": 401, "reason": "Unauthorized"}, status=401)
        response = await empty_list(request)
        response.set_cookie("session", "sticky")
        return response

    def headers(self, name: str) -> list[str | None]:
        return [request.headers.get(name) for request in self.requests]


class TestHeaders:
    async def test_a_request_carries_the_clients_token_and_headers_and_what_it_accepts(
        self, serve: Serve, client_of: ClientOf
    ) -> None:
        seen = Seen()
        client = client_of(await serve(seen), token="t")
        client.set_default_header("X-Team", "red")
        async with Transport(client) as transport:
            await transport.read(PATH, accept="application/json;as=Table")
        [request] = seen.requests
        assert request.headers["Authorization"] == "Bearer t"
        assert request.headers["X-Team"] == "red"
        assert request.headers["User-Agent"] == client.user_agent
        assert request.headers["Accept"] == "application/json;as=Table"
        assert request.headers["Accept-Encoding"] == "identity"

    async def test_a_newline_after_the_token_is_no_part_of_it(self, serve: Serve, client_of: ClientOf) -> None:
        """Token files end in one, and a header must not contain it."""
        seen = Seen("t")
        async with Transport(client_of(await serve(seen), token="t\n")) as transport:
            assert await transport.read(PATH)

    async def test_an_empty_token_is_none(self, serve: Serve, client_of: ClientOf) -> None:
        seen = Seen()
        async with Transport(client_of(await serve(seen), api_key={"BearerToken": ""})) as transport:
            await transport.read(PATH)
        assert seen.headers("Authorization") == [None]

    async def test_the_query_arrives_as_it_was_given(self, serve: Serve, client_of: ClientOf) -> None:
        seen = Seen()
        query = {"continue": "eyJ2IjoibWV0YSJ9+/==", "labelSelector": "a in (x,y),b!=c d&e=f%20", "fieldSelector": "#1"}
        async with Transport(client_of(await serve(seen))) as transport, transport.get(PATH, query):
            pass
        assert dict(seen.requests[0].query) == query

    async def test_a_server_may_live_under_a_path(self, serve: Serve, client_of: ClientOf) -> None:
        seen = Seen()
        async with Transport(client_of(await serve(seen) + "/k8s/clusters/c-1/")) as transport:
            await transport.read(PATH)
        assert seen.requests[0].path == "/k8s/clusters/c-1" + PATH

    async def test_cookies_are_not_kept(self, serve: Serve, client_of: ClientOf) -> None:
        seen = Seen()
        async with Transport(client_of(await serve(seen))) as transport:
            await transport.read(PATH)
            await transport.read(PATH)
        assert seen.headers("Cookie") == [None, None]

    async def test_passwords_of_the_users_netrc_stay_there(
        self, serve: Serve, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "netrc").write_text("default login me password secret\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        seen = Seen()
        url = await serve(seen)
        for client in (client_of(url, token="t"), client_of(url)):
            async with Transport(client) as transport:
                await transport.read(PATH)
        assert seen.headers("Authorization") == ["Bearer t", None]


class TestUnauthorized:
    async def test_a_refusal_refreshes_once_and_tries_once_more(self, serve: Serve, client_of: ClientOf) -> None:
        seen, refreshed = Seen("new"), []
        client = client_of(await serve(seen), token="old")

        async def refresh() -> None:
            refreshed.append(1)
            client.configuration.api_key["BearerToken"] = "Bearer new"

        async with Transport(client, refresh) as transport:
            await transport.read(PATH)
            await transport.read(PATH)
        assert len(refreshed) == 1
        assert seen.headers("Authorization") == ["Bearer old", "Bearer new", "Bearer new"]

    async def test_credentials_that_changed_meanwhile_are_tried_without_a_refresh(
        self, serve: Serve, client_of: ClientOf
    ) -> None:
        seen = Seen("new")

        async def handler(request: web.Request) -> web.Response:
            client.configuration.api_key["BearerToken"] = "Bearer new"
            return await seen(request)

        async def refresh() -> None:
            raise AssertionError("nobody has to")

        client = client_of(await serve(handler), token="old")
        async with Transport(client, refresh) as transport:
            await transport.read(PATH)
        assert seen.headers("Authorization") == ["Bearer old", "Bearer new"]

    async def test_a_second_refusal_is_the_answer(self, serve: Serve, client_of: ClientOf) -> None:
        seen, refreshed = Seen("never"), []

        async def refresh() -> None:
            refreshed.append(1)

        async with Transport(client_of(await serve(seen), token="old"), refresh) as transport:
            with pytest.raises(Unauthorized):
                await transport.read(PATH)
        assert (len(refreshed), len(seen.requests)) == (1, 2)

    async def test_without_anything_to_refresh_it_is_the_answer_at_once(
        self, serve: Serve, client_of: ClientOf
    ) -> None:
        seen = Seen("never")
        async with Transport(client_of(await serve(seen), token="old")) as transport:
            with pytest.raises(Unauthorized):
                await transport.read(PATH)
        assert len(seen.requests) == 1

    async def test_the_clients_own_hook_runs_with_each_request(self, serve: Serve, client_of: ClientOf) -> None:
        seen, tokens = Seen("2"), iter("123")

        async def hook(configuration: Any) -> None:
            configuration.api_key["BearerToken"] = f"Bearer {next(tokens)}"

        client = client_of(await serve(seen), token="old", refresh_api_key_hook=hook)
        async with Transport(client) as transport:
            await transport.read(PATH)
        assert seen.headers("Authorization") == ["Bearer 1", "Bearer 2"]

    async def test_a_hook_that_fails_is_an_error_of_ours(self, serve: Serve, client_of: ClientOf) -> None:
        def hook(configuration: Any) -> None:
            raise FileNotFoundError("token file")

        client = client_of(await serve(empty_list), token="t", refresh_api_key_hook=hook)
        async with Transport(client) as transport:
            with pytest.raises(ConfigurationError, match="token file"):
                await transport.read(PATH)

    async def test_a_refresh_that_fails_is_told_and_leaves_no_connection_open(
        self, serve: Serve, client_of: ClientOf
    ) -> None:
        async def refresh() -> None:
            raise ConfigurationError("the plugin failed")

        async with Transport(client_of(await serve(Seen("never")), token="old"), refresh) as transport:
            with pytest.raises(ConfigurationError, match="the plugin failed"):
                await transport.read(PATH)
            assert transport._session.connector is not None
            assert not transport._session.connector._acquired

    @pytest.mark.parametrize("helps", [True, False])
    async def test_many_that_are_refused_together_refresh_once(
        self, serve: Serve, client_of: ClientOf, *, helps: bool
    ) -> None:
        """After an outage all watches come back with the same expired token; the plugin must not run 300 times."""
        seen, refreshed, everybody = Seen("new"), [], asyncio.Barrier(20)
        turned_away = 0

        async def together(request: web.Request) -> web.Response:
            nonlocal turned_away
            turned_away += 1
            if turned_away <= 20:
                await everybody.wait()
            return await seen(request)

        client = client_of(await serve(together), token="old")

        async def refresh() -> None:
            refreshed.append(1)
            for _ in range(100):  # so that all the others come to want it, too
                await asyncio.sleep(0)
            if helps:
                client.configuration.api_key["BearerToken"] = "Bearer new"

        async with Transport(client, refresh) as transport:
            answers = await asyncio.gather(*(transport.read(PATH) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(answer, bytes if helps else Unauthorized) for answer in answers)
        assert len(refreshed) == 1

    async def test_what_was_refreshed_in_vain_is_left_alone_for_a_while(
        self, serve: Serve, client_of: ClientOf
    ) -> None:
        """Hundreds of watches that come back at different moments must not keep a plugin running all the time."""
        seen, refreshed = Seen("never"), []

        async def refresh() -> None:
            refreshed.append(1)

        async with Transport(client_of(await serve(seen), token="old"), refresh) as transport:
            for times, requests in ((1, 2), (1, 3), (1, 4), (2, 6)):
                with pytest.raises(Unauthorized):
                    await transport.read(PATH)
                assert (len(refreshed), len(seen.requests)) == (times, requests)
                transport._in_vain_until -= REFRESH_AGAIN_AFTER * 0.4  # as if so much time had passed

    async def test_credentials_that_came_by_other_ways_are_tried_all_the_same(
        self, serve: Serve, client_of: ClientOf
    ) -> None:
        seen, client = Seen("new"), client_of("http://127.0.0.1:1", token="old")
        client.configuration.host = await serve(seen)

        async def refresh() -> None:
            pass

        async with Transport(client, refresh) as transport:
            with pytest.raises(Unauthorized):
                await transport.read(PATH)
            client.configuration.api_key["BearerToken"] = "Bearer new"
            await transport.read(PATH)
        assert seen.headers("Authorization") == ["Bearer old", "Bearer old", "Bearer new"]

    async def test_a_refresh_that_failed_is_told_to_all_and_not_repeated_for_a_while(
        self, serve: Serve, client_of: ClientOf
    ) -> None:
        seen, refreshed = Seen("never"), []

        async def refresh() -> None:
            refreshed.append(1)
            raise ConfigurationError("the plugin failed")

        async with Transport(client_of(await serve(seen), token="old"), refresh) as transport:
            answers = await asyncio.gather(*(transport.read(PATH) for _ in range(5)), return_exceptions=True)
        assert [str(answer) for answer in answers] == ["the plugin failed"] * 5
        assert (len(refreshed), len(seen.requests)) == (1, 5)

    async def test_a_refresh_that_was_cancelled_is_left_to_the_next(self, serve: Serve, client_of: ClientOf) -> None:
        """Closing one informer must not take the others' credentials away."""
        seen, refreshed, begun = Seen("new"), [], asyncio.Event()
        client = client_of(await serve(seen), token="old")

        async def refresh() -> None:
            refreshed.append(1)
            if len(refreshed) == 1:
                begun.set()
                await asyncio.Event().wait()
            client.configuration.api_key["BearerToken"] = "Bearer new"

        async with Transport(client, refresh) as transport:
            first, second = (asyncio.ensure_future(transport.read(PATH)) for _ in range(2))
            await begun.wait()
            first.cancel()
            assert await second
        assert len(refreshed) == 2

    async def test_a_hook_that_never_returns_is_given_up(
        self, serve: Serve, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def hook(configuration: Any) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr("aioinformer.transport.CREDENTIALS_TIMEOUT", 0.01)
        client = client_of(await serve(empty_list), token="t", refresh_api_key_hook=hook)
        async with Transport(client) as transport:
            with pytest.raises(ConfigurationError, match="cannot be refreshed: TimeoutError"):
                await transport.read(PATH)


class TestConnections:
    async def test_sockets_find_out_that_the_other_side_is_gone(self, serve: Serve, client_of: ClientOf) -> None:
        async with Transport(client_of(await serve(endless))) as transport, transport.get(PATH):
            (connection,) = transport._connector._receivers
            assert connection.transport is not None
            each = connection.transport.get_extra_info("socket")
            assert each.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            if hasattr(socket, "TCP_KEEPIDLE"):
                assert each.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == KEEPALIVE_IDLE
                assert each.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == KEEPALIVE_INTERVAL
                assert each.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == KEEPALIVE_PROBES

    def test_a_platform_without_one_of_the_options_keeps_its_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_KEEPALIVE"):
            monkeypatch.delattr(socket, name, raising=False)
        with keepalive_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0))) as made:
            assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

    async def test_150_watches_are_open_at_once_and_the_callers_client_is_neither_used_up_changed_nor_closed(
        self, serve: Serve, client_of: ClientOf
    ) -> None:
        """The client's own pool stops at 100 connections, where the next request would wait without a word."""
        everybody = asyncio.Event()
        waiting = 0

        async def watch(request: web.Request) -> web.StreamResponse:
            nonlocal waiting
            if "watch" not in request.query:
                return await empty_list(request)
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            await response.write(b"x")
            waiting += 1
            if waiting == 150:
                everybody.set()
            await everybody.wait()
            return response

        client = client_of(await serve(watch), token="t")
        before = dict(client.default_headers), dict(client.configuration.api_key), vars(client.rest_client).copy()
        async with Transport(client) as transport, AsyncExitStack() as stack:
            bodies = [await stack.enter_async_context(transport.get(PATH, {"watch": "true"})) for _ in range(150)]
            assert [await body.read() for body in bodies] == [b"x"] * 150
            await everybody.wait()
            response = await client.call_api(PATH, "GET", _preload_content=False)
            assert (await response.json())["kind"] == "PodList"
            response.release()
        after = dict(client.default_headers), dict(client.configuration.api_key), vars(client.rest_client).copy()
        assert before == after
        assert not client.rest_client.pool_manager.closed

    async def test_the_proxy_is_the_clients_else_the_environments_unless_it_excludes_the_server(
        self, serve: Serve, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxied = Seen()
        proxy = await serve(proxied)
        async with Transport(client_of("http://cluster.invalid", proxy=proxy)) as transport:
            await transport.read(PATH)
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "localhost,excluded.invalid")
        async with Transport(client_of("http://cluster.invalid")) as transport:
            await transport.read(PATH)
        assert proxied.headers("Host") == ["cluster.invalid"] * 2
        async with Transport(client_of("http://excluded.invalid")) as transport:
            with pytest.raises(NetworkError):
                await transport.read(PATH)
        assert len(proxied.requests) == 2
