"""supervision.py: the life of a factory's one task, from entering to leaving, however it goes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer.errors import ConfigurationError, NotRunning
from aioinformer.informer import Informer
from aioinformer.options import InformerSpec
from aioinformer.resource import GroupVersionResource
from aioinformer.supervision import Supervisor

if TYPE_CHECKING:
    from pathlib import Path

    from kubernetes_asyncio.client import ApiClient

PODS = InformerSpec(GroupVersionResource("", "v1", "pods"))


def others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


def nothing() -> None:
    pass


async def test_it_is_idle_then_runs_then_has_ended(api_client: ApiClient) -> None:
    """What makes sense only while it runs is refused before and after, with what to do instead."""
    supervisor = Supervisor(api_client)
    seen = [supervisor.state]
    with pytest.raises(NotRunning, match="ask for it within its 'async with'"):
        supervisor.check_running("ask for it")
    await supervisor.enter(lambda: seen.append(supervisor.state))
    supervisor.check_running("ask for it")
    await supervisor.leave()
    assert [*seen, supervisor.state] == ["idle", "running", "ended"]
    with pytest.raises(NotRunning):
        supervisor.check_running("ask for it")


async def test_it_is_entered_once(api_client: ApiClient) -> None:
    supervisor = Supervisor(api_client)
    await supervisor.enter(nothing)
    with pytest.raises(NotRunning, match="make a new one"):
        await supervisor.enter(nothing)
    await supervisor.leave()
    with pytest.raises(NotRunning, match="make a new one"):
        await supervisor.enter(nothing)


async def test_leaving_ends_every_task_and_leaving_again_is_harmless(api_client: ApiClient) -> None:
    before = others()
    supervisor = Supervisor(api_client)
    await supervisor.enter(nothing)
    informer: Informer[Any] = Informer(PODS)
    supervisor.start(informer, PODS)
    await informer.wait_for_cache_sync(10)
    assert others() > before
    await supervisor.leave()
    assert others() == before
    await supervisor.leave()
    assert informer.status.synced


async def test_one_that_is_left_before_it_was_entered_stays_so() -> None:
    supervisor = Supervisor(None)
    await supervisor.leave()
    assert supervisor.state == "ended"


async def test_what_fails_while_entering_is_raised_and_leaves_nothing(
    api_client: ApiClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No usable client, or whatever the caller's beginning raises."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    before = others()
    without = Supervisor(None)
    with pytest.raises(ConfigurationError):
        await without.enter(nothing)

    def begin() -> None:
        raise LookupError("the beginning")

    broken = Supervisor(api_client)
    with pytest.raises(ExceptionGroup) as raised:
        await broken.enter(begin)
    assert [str(error) for error in raised.value.exceptions] == ["the beginning"]
    assert {without.state, broken.state} == {"ended"}
    assert others() == before


async def test_whoever_is_cancelled_while_entering_leaves_nothing(api_client: ApiClient) -> None:
    before = others()
    supervisor = Supervisor(api_client)
    entering = asyncio.create_task(supervisor.enter(nothing))
    await asyncio.sleep(0)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert supervisor.state == "ended"
    assert others() == before


async def test_informers_are_not_started_from_another_thread(api_client: ApiClient) -> None:
    supervisor = Supervisor(api_client)
    supervisor.check_loop(PODS)  # it does not run yet: nothing starts
    await supervisor.enter(nothing)
    supervisor.check_loop(PODS)
    with pytest.raises(NotRunning, match=r"does not run in this thread: ask for pods\.v1 in its event loop"):
        await asyncio.to_thread(supervisor.check_loop, PODS)
    await supervisor.leave()
