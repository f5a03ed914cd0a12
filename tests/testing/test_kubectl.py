"""kubectl against the embedded server: the one client that asks for everything discovery, negotiation and patching can do."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.testing import ApiServer

JSON = dict[str, Any]


def _kubectl() -> str | None:
    """A kubectl of the version served, where one was built; else whatever is installed."""
    built = sorted(Path("~/.cache/aioinformer/control-plane").expanduser().glob("*/kubectl"))
    return str(built[-1]) if built else shutil.which("kubectl")


KUBECTL = _kubectl()
pytestmark = pytest.mark.skipif(
    KUBECTL is None, reason="kubectl was not found: neither built by `make control-plane` nor on the PATH"
)


class Kubectl:
    def __init__(self, home: Path) -> None:
        self._home = home

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        environment = os.environ | {"HOME": str(self._home), "KUBECONFIG": str(self._home / "config")}
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            str(KUBECTL), *arguments, env=environment, stdin=pipe, stdout=pipe, stderr=pipe
        )

    async def __call__(self, *arguments: str, stdin: object = None) -> str:
        """What it prints; it has to succeed."""
        code, output, errors = await self.run(*arguments, stdin=stdin)
        assert code == 0, errors
        return output

    async def run(self, *arguments: str, stdin: object = None) -> tuple[int | None, str, str]:
        process = await self.start(*arguments)
        output, errors = await process.communicate(None if stdin is None else json.dumps(stdin).encode())
        return process.returncode, output.decode(), errors.decode()


@pytest.fixture
def kubectl(server: ApiServer, tmp_path: Path) -> Kubectl:
    server.write_kubeconfig(tmp_path / "config")
    return Kubectl(tmp_path)


def manifest(image: str = "app:1") -> JSON:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": image}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "x"}}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "x"}},
        "spec": spec,
    }


def columns(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines()]


async def test_get_lists_and_selects(server: ApiServer, kubectl: Kubectl, pod: Callable[..., JSON]) -> None:
    server.create("pods", pod("a", labels={"x": "1"}, nodeName="n1"))
    server.create("pods", pod("b", "other"))
    header, row = columns(await kubectl("get", "pods"))
    assert (header[0], row[0]) == ("NAME", "a")
    assert [row[:2] for row in columns(await kubectl("get", "po", "-A", "--no-headers"))] == [
        ["default", "a"],
        ["other", "b"],
    ]
    assert await kubectl("get", "pods", "-A", "-l", "x in (1,2)", "-o", "name") == "pod/a\n"
    assert await kubectl("get", "pods", "-A", "--field-selector", "spec.nodeName!=n1", "-o", "name") == "pod/b\n"
    assert "nodeName: n1" in await kubectl("get", "pod", "a", "-o", "yaml")


async def test_get_says_what_is_missing(kubectl: Kubectl) -> None:
    assert await kubectl.run("get", "pod", "a") == (1, "", 'Error from server (NotFound): pods "a" not found\n')


async def test_get_watches(server: ApiServer, kubectl: Kubectl, pod: Callable[..., JSON]) -> None:
    server.create("pods", pod("a"))
    process = await kubectl.start("get", "pods", "-w", "-o", "name")
    assert process.stdout is not None
    async with asyncio.timeout(20):
        assert await process.stdout.readline() == b"pod/a\n"
        await server.wait_for_watches(1)
        server.create("pods", pod("b"))
        assert await process.stdout.readline() == b"pod/b\n"
        process.terminate()
        await process.communicate()


async def test_create_apply_and_delete(server: ApiServer, kubectl: Kubectl) -> None:
    assert await kubectl("create", "-f", "-", stdin=manifest()) == "deployment.apps/web created\n"
    assert await kubectl("apply", "-f", "-", stdin=manifest("app:2")) == "deployment.apps/web configured\n"
    (container,) = server.get("deployments", "web")["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "c", "image": "app:2"}
    assert await kubectl("apply", "-f", "-", stdin=manifest("app:2")) == "deployment.apps/web unchanged\n"
    assert (
        await kubectl("apply", "--server-side", "-f", "-", stdin=manifest("app:3"))
        == "deployment.apps/web serverside-applied\n"
    )
    assert "deleted" in await kubectl("delete", "deploy", "web")
    assert server.list("deployments") == []


async def test_custom_resources(server: ApiServer, kubectl: Kubectl, definition: Callable[..., JSON]) -> None:
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", **definition()}
    await kubectl("apply", "-f", "-", stdin=crd)
    await kubectl("wait", "--for=condition=established", "crd/widgets.example.com", "--timeout=5s")
    widget: JSON = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1}}
    for size in (1, 2):
        widget["spec"]["size"] = size
        await kubectl("apply", "-f", "-", stdin=widget)
    assert server.get("widgets", "w")["spec"] == {"size": 2}
    assert await kubectl("get", "wi", "-o", "jsonpath={.items[0].spec.size}") == "2"
    await kubectl("delete", "crd", "widgets.example.com")
    assert (await kubectl.run("get", "widgets"))[0] == 1


async def test_api_resources(kubectl: Kubectl) -> None:
    rows = columns(await kubectl("api-resources", "--no-headers"))
    assert ["deployments", "deploy", "apps/v1", "true", "Deployment"] in rows
    assert ["nodes", "no", "v1", "false", "Node"] in rows
    assert len(rows) > 50
