"""What kubespawner needs of its reflectors, met by the example."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import CacheSyncError, SharedInformerFactory, WaitTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aioinformer.testing import ApiServer
    from tests.examples.conftest import RunExample

PATIENCE = 10.0
USER = {"component": "singleuser-server"}


def create(server: ApiServer, name: str) -> None:
    server.create("pods", {"metadata": {"name": name, "namespace": "hub", "labels": USER}})


def report(server: ApiServer, name: str, phase: str) -> None:
    """As a kubelet does."""
    server.patch("pods", name, {"status": {"phase": phase}}, namespace="hub", subresource="status")


@pytest.fixture
async def factory(server: ApiServer) -> AsyncIterator[SharedInformerFactory]:
    async with server.api_client() as client, SharedInformerFactory(client) as factory:
        yield factory


@pytest.fixture
async def reflector(load_example: Callable[[str], Any], factory: SharedInformerFactory) -> Any:
    return load_example("kubespawner_reflector").ResourceReflector(
        factory, "pods", "hub", "component=singleuser-server"
    )


async def test_after_the_first_load_resources_are_raw_dicts_by_namespace_and_name(
    server: ApiServer, reflector: Any
) -> None:
    create(server, "ada")
    server.create("pods", {"metadata": {"name": "proxy", "namespace": "hub"}})
    await reflector.first_load(PATIENCE)
    assert list(reflector.resources) == ["hub/ada"]
    pod = reflector.resources["hub/ada"]
    assert (
        pod["metadata"]["resourceVersion"] == server.get("pods", "ada", namespace="hub")["metadata"]["resourceVersion"]
    )
    assert reflector.resources.get("hub/nobody") is None


async def test_what_a_caller_does_to_its_dict_is_nobody_elses(server: ApiServer, reflector: Any) -> None:
    create(server, "ada")
    await reflector.first_load(PATIENCE)
    reflector.resources["hub/ada"]["metadata"]["labels"].clear()
    assert reflector.resources["hub/ada"]["metadata"]["labels"] == USER


async def test_a_first_load_that_is_denied_says_so(server: ApiServer, reflector: Any) -> None:
    server.on("pods").revoke()
    with pytest.raises(CacheSyncError, match="cannot watch resource"):
        await reflector.first_load(PATIENCE)


async def test_waiting_for_a_phase_ends_with_the_change(server: ApiServer, reflector: Any) -> None:
    create(server, "ada")
    running = asyncio.ensure_future(
        reflector.wait_until("hub/ada", lambda pod: pod["status"].get("phase") == "Running", PATIENCE)
    )
    await reflector.first_load(PATIENCE)
    report(server, "ada", "Running")
    assert (await running)["metadata"]["name"] == "ada"


async def test_waiting_in_vain_is_a_timeout(reflector: Any) -> None:
    with pytest.raises(WaitTimeout):
        await reflector.wait_until("hub/ada", lambda _: True, 0.01)


async def test_a_delete_is_seen_though_the_server_was_away_and_forgot_it(server: ApiServer, reflector: Any) -> None:
    create(server, "ada")
    await reflector.first_load(PATIENCE)
    gone = asyncio.ensure_future(reflector.wait_until_gone("hub/ada", PATIENCE))
    with server.refuse():
        server.delete("pods", "ada", namespace="hub")
        server.compact()
    await gone
    assert "hub/ada" not in reflector.resources


async def test_any_number_of_reflectors_share_one_watch(
    load_example: Callable[[str], Any], server: ApiServer, factory: SharedInformerFactory
) -> None:
    module = load_example("kubespawner_reflector")
    reflectors = [module.ResourceReflector(factory, "pods", "hub") for _ in range(3)]
    for reflector in reflectors:
        await reflector.first_load(PATIENCE)
    assert server.open_watches("pods") == 1


async def test_it_runs_from_the_kubeconfig(server: ApiServer, run_example: RunExample) -> None:
    create(server, "ada")
    report(server, "ada", "Running")
    async with run_example("kubespawner_reflector.py", "hub") as program:
        assert await program.line() == "hub/ada Running"
        assert await program.process.wait() == 0
