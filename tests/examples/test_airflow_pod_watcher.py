"""What Airflow's executor needs to know of its pods, told by the example."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from aioinformer import SharedInformerFactory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aioinformer.testing import ApiServer
    from tests.examples.conftest import RunExample

PATIENCE = 10.0


@pytest.fixture
def module(load_example: Callable[[str], Any]) -> Any:
    return load_example("airflow_pod_watcher")


def create(
    server: ApiServer, name: str, namespace: str = "team-a", phase: str = "Running", *, done: bool = False
) -> None:
    labels = {"airflow-worker": "7"} | ({"kubernetes_executor_done": "True"} if done else {})
    metadata = {"name": name, "namespace": namespace, "labels": labels, "annotations": {"task_id": name}}
    server.create("pods", {"metadata": metadata})
    report(server, name, namespace, phase)


def report(server: ApiServer, name: str, namespace: str, phase: str) -> None:
    """As a kubelet does."""
    server.patch("pods", name, {"status": {"phase": phase}}, namespace=namespace, subresource="status")


@asynccontextmanager
async def reports(module: Any, server: ApiServer) -> AsyncIterator[Callable[[], Any]]:
    told: asyncio.Queue[Any] = asyncio.Queue()

    async def next_report() -> tuple[str, str]:
        async with asyncio.timeout(PATIENCE):
            finished = await told.get()
        assert finished.annotations == {"task_id": finished.pod.partition("/")[2]}
        return finished.pod, str(finished.outcome)

    async with server.api_client() as client, SharedInformerFactory(client) as factory:
        watcher = module.PodWatcher(factory, "7", ["team-a", "team-b"])
        task = asyncio.create_task(watcher.run(told.put))
        try:
            yield next_report
        finally:
            task.cancel()
            await asyncio.wait({task})


async def test_a_pod_that_ends_is_reported_once_from_whichever_namespace(server: ApiServer, module: Any) -> None:
    create(server, "done", phase="Succeeded")
    create(server, "old", phase="Succeeded", done=True)
    create(server, "other", "team-b")
    async with reports(module, server) as next_report:
        assert await next_report() == ("team-a/done", "succeeded")
        server.patch("pods", "done", {"metadata": {"labels": {"kubernetes_executor_done": "True"}}}, namespace="team-a")
        report(server, "other", "team-b", "Failed")
        assert await next_report() == ("team-b/other", "failed")


async def test_a_pod_deleted_while_it_runs_has_failed(server: ApiServer, module: Any) -> None:
    create(server, "victim")
    create(server, "synced", phase="Succeeded")
    server.patch("pods", "victim", {"metadata": {"finalizers": ["example.com/wait"]}}, namespace="team-a")
    async with reports(module, server) as next_report:
        assert await next_report() == ("team-a/synced", "succeeded")
        server.delete("pods", "victim", namespace="team-a")
        server.patch("pods", "victim", {"metadata": {"finalizers": None}}, namespace="team-a")
        assert await next_report() == ("team-a/victim", "failed")


async def test_a_pod_that_another_scheduler_labels_as_its_own_was_adopted(server: ApiServer, module: Any) -> None:
    create(server, "orphan")
    create(server, "synced", phase="Succeeded")
    async with reports(module, server) as next_report:
        assert await next_report() == ("team-a/synced", "succeeded")
        server.patch("pods", "orphan", {"metadata": {"labels": {"airflow-worker": "8"}}}, namespace="team-a")
        assert await next_report() == ("team-a/orphan", "adopted")


async def test_a_pod_that_went_while_the_server_was_away_has_failed(server: ApiServer, module: Any) -> None:
    create(server, "lost")
    create(server, "synced", phase="Succeeded")
    async with reports(module, server) as next_report:
        assert await next_report() == ("team-a/synced", "succeeded")
        with server.refuse():
            server.delete("pods", "lost", namespace="team-a")
            server.compact()
        assert await next_report() == ("team-a/lost", "failed")


async def test_a_namespace_that_denies_access_holds_up_no_other(server: ApiServer, module: Any) -> None:
    create(server, "done", "team-b", "Succeeded")
    server.on("pods").revoke(namespace="team-a")
    async with reports(module, server) as next_report:
        assert await next_report() == ("team-b/done", "succeeded")


async def test_it_runs_from_the_kubeconfig(server: ApiServer, run_example: RunExample) -> None:
    create(server, "done", phase="Succeeded")
    async with run_example("airflow_pod_watcher.py", "7", "team-a", "team-b") as program:
        assert await program.line() == "team-a/done succeeded"
