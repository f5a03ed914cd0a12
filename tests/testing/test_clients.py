"""Clients and kubeconfigs for a server."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING

import pytest
from kubernetes_asyncio import client

from aioinformer.testing import ApiServer
from aioinformer.testing.clients import write_kubeconfig

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_client_is_known_by_its_name(server: ApiServer) -> None:
    async with server.api_client("dashboard") as named, server.api_client() as nameless:
        await client.VersionApi(named).get_code()
        await client.VersionApi(nameless).get_code()
    assert [request.client for request in server.requests] == ["dashboard", "OpenAPI-Generator"]


@pytest.mark.parametrize("name", ["two words", "dash/board"])
async def test_a_name_that_could_not_be_told_from_a_version_is_refused(server: ApiServer, name: str) -> None:
    with pytest.raises(ValueError, match="neither slashes nor spaces"):
        server.api_client(name)


@pytest.mark.parametrize("token", [None, "secret"])
async def test_a_client_that_refreshes_gets_the_new_token_once_it_is_refused(token: str | None) -> None:
    async with ApiServer(token=token) as server, server.api_client(refresh=True) as api:
        version = client.VersionApi(api)
        await version.get_code()
        server.expire_tokens()
        with pytest.raises(client.ApiException) as caught:
            await version.get_code()
        assert caught.value.status == 401
        await version.get_code()
    assert [request.status for request in server.requests] == [200, 401, 200]


async def test_a_client_that_does_not_refresh_stays_out() -> None:
    async with ApiServer(token="secret") as server, server.api_client() as api, server.api_client() as other:
        server.expire_tokens()
        for each in (api, other, api):
            with pytest.raises(client.ApiException):
                await client.VersionApi(each).get_code()
    assert [request.status for request in server.requests] == [401, 401, 401]


async def test_making_a_client_does_not_load_the_systems_authorities(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That takes each one 20 ms and more, and property tests make thousands."""
    loads: list[object] = []
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *arguments: loads.append(arguments))
    async with server.api_client() as api:
        context = api.rest_client.pool_manager.connector._ssl
        assert len(context.get_ca_certs()) == 1
    assert loads == []


@pytest.mark.parametrize(("token", "user"), [("secret", {"token": "secret"}), (None, {})])
def test_a_kubeconfig_names_the_server_and_the_token(tmp_path: Path, token: str | None, user: dict[str, str]) -> None:
    path = tmp_path / "config"
    write_kubeconfig(path, "http://127.0.0.1:1", token)
    config = json.loads(path.read_bytes())
    assert [cluster["cluster"] for cluster in config["clusters"]] == [{"server": "http://127.0.0.1:1"}]
    assert [each["user"] for each in config["users"]] == [user]
    (context,) = config["contexts"]
    assert context["name"] == config["current-context"]
    assert context["context"] == {"cluster": config["clusters"][0]["name"], "user": config["users"][0]["name"]}
