"""A 401 costs one refresh and one more try, however many are refused; then everybody waits."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from aioinformer import SharedInformerFactory
from aioinformer.errors import CacheSyncError, Unauthorized
from aioinformer.status import InformerState

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Serve

INFORMERS = 20
VERSION = "client.authentication.k8s.io/v1"
PLUGIN = f"""echo >> $HERE/runs; echo '{{"apiVersion":"{VERSION}","status":{{"token":"'$(cat $HERE/token)'"}}}}'"""


class Guarded:
    """An API server that lets in who has the token, and holds the first refusals back until all are there."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.refused: list[str] = []
        self.answered = 0
        self._everybody = asyncio.Barrier(INFORMERS)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            self.refused.append(request.path)
            if len(self.refused) <= INFORMERS:
                await self._everybody.wait()
            return web.json_response({"kind": "Status", "code": 401, "reason": "Unauthorized"}, status=401)
        self.answered += 1
        if "watch" in request.query:
            await asyncio.Event().wait()
        metadata = {"resourceVersion": "1"}
        return web.json_response({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": []})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the plugin counts its runs and finds its token."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return tmp_path


def write_kubeconfig(home: Path, server: str) -> None:
    here = [{"name": "HERE", "value": str(home)}]
    plugin = {"apiVersion": VERSION, "command": "/bin/sh", "args": ["-c", PLUGIN], "env": here}
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"exec": plugin}}],
    }
    (home / "kubeconfig").write_text(json.dumps(config))


def runs(home: Path) -> int:
    return len((home / "runs").read_text().splitlines())


async def test_twenty_informers_that_are_refused_together_run_the_plugin_once(serve: Serve, home: Path) -> None:
    guarded = Guarded("new")
    write_kubeconfig(home, await serve(guarded))
    (home / "token").write_text("old")
    async with SharedInformerFactory() as factory:
        assert runs(home) == 1
        (home / "token").write_text("new")
        for number in range(INFORMERS):
            factory.informer("pods", namespace=f"n{number}", initial_list="consistent")
        await factory.wait_for_cache_sync(10)
    assert runs(home) == 2
    assert len(guarded.refused) == INFORMERS


async def test_where_that_does_not_help_each_tries_once_more_and_all_wait(
    serve: Serve, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioinformer.backoff.Backoff.next", lambda _: 1000.0)
    guarded = Guarded("new")
    write_kubeconfig(home, await serve(guarded))
    (home / "token").write_text("old")
    async with SharedInformerFactory() as factory:
        for number in range(INFORMERS):
            factory.informer("pods", namespace=f"n{number}", initial_list="consistent")
        with pytest.raises(CacheSyncError) as refused:
            await factory.wait_for_cache_sync(10)
        assert all(isinstance(error, Unauthorized) for error in refused.value.errors.values())
        for informer in factory.informers:
            async for state in informer.states():
                if state is InformerState.DENIED:
                    break
            assert informer.status.next_retry == pytest.approx(1000, abs=100)
    assert runs(home) == 2
    assert len(guarded.refused) == 2 * INFORMERS
