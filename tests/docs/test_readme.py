"""README.md: whatever Python stands in it runs as it stands."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from aioinformer import SharedInformerFactory
from aioinformer.testing import ApiServer
from tests.docs.pages import ROOT, Block, blocks

README = (ROOT / "README.md").read_text()
PATIENCE = 30.0


def block(first: str) -> Block:
    """The one with this in it."""
    (found,) = [each for each in blocks(README) if each.language == "python" and first in each.text]
    return found


def test_the_readmes_program_is_the_example() -> None:
    """Character for character."""
    program = (ROOT / "examples" / "deployments.py").read_text()
    assert f"```python\n{program}```" in README


async def test_the_readmes_test_passes() -> None:
    """The block a reader copies into a test of their own runs as it stands."""
    names: dict[str, Any] = {}
    await block("async def test_mine").run("README.md", names)
    await names["test_mine"]()


def a_cluster(server: ApiServer) -> None:
    """What the block of uses reads, waits for and writes to."""
    web = {
        "metadata": {"name": "web-0", "namespace": "default", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c"}]},
    }
    server.create("pods", web)
    server.patch("pods", "web-0", {"status": {"phase": "Running"}}, subresource="status")
    selector = {"matchLabels": {"app": "web"}}
    spec = {"replicas": 1, "selector": selector, "template": {"metadata": {"labels": {"app": "web"}}}}
    server.create("deployments", {"metadata": {"name": "web", "namespace": "default"}, "spec": spec})
    done = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    server.patch("deployments", "web", {"status": done}, subresource="status")


async def test_the_block_of_uses_runs() -> None:
    """Line by line, but that whoever follows events leaves after the first; what it says of the results holds."""
    uses = block("from aioinformer.conditions import")
    assert uses.text.count("        ...\n") == 3
    async with ApiServer() as server, server.api_client() as client, SharedInformerFactory(client) as factory:
        a_cluster(server)
        deployments = factory.apps.v1.deployments
        await factory.wait_for_cache_sync(PATIENCE)
        owner = [{"uid": "u-1", "name": "job", "kind": "Job", "apiVersion": "batch/v1", "controller": True}]
        body = {"metadata": {"name": "made", "labels": {"app": "a"}, "ownerReferences": owner}}
        names: dict[str, Any] = {"factory": factory, "client": client, "deployments": deployments}
        names |= {"deployment": deployments.get("web", "default"), "uid": "u-1", "body": body}
        leaving = replace(uses, text=uses.text.replace("        ...\n", "        break\n"))
        async with asyncio.timeout(PATIENCE):
            await leaving.run("README.md", names)
            assert (names["pod"].key, names["running"].key) == ("default/web-0", "default/web-0")
            assert names["mine"].index_keys("owner", "u-1") == ["jobs/made"]
            assert names["pods"].list(label_selector=names["deployment"].spec["selector"]) == [
                names["pods"].get("default/web-0")
            ]
