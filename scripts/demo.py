"""The Deployment example, live, against the embedded API server: `make demo`.

A simulated cluster rolls Deployments out, scales and deletes them, while examples/deployments.py, unchanged and in a
process of its own, follows along. Ends by itself after a few seconds.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from aioinformer.testing import ApiServer, DeploymentSimulator

EXAMPLE = Path(__file__).parent.parent / "examples" / "deployments.py"
PAUSE = 0.7
"""Seconds between what happens, for people who watch."""


def deployment(name: str, image: str, replicas: int) -> dict[str, Any]:
    """A minimal Deployment."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": spec}


def say(what: str) -> None:
    """What the cluster's users do, beside what the example prints."""
    print(f"\n$ kubectl {what}", flush=True)


async def live(server: ApiServer) -> None:
    """What happens in the cluster."""
    say("create deployment cache --image=redis --replicas=1")
    server.create("deployments", deployment("cache", "redis", 1))
    await asyncio.sleep(PAUSE)
    say("scale deployment web --replicas=3")
    server.patch("deployments", "web", {"spec": {"replicas": 3}}, namespace="default")
    await asyncio.sleep(PAUSE)
    say("set image deployment/web main=nginx:2")
    container = {"name": "main", "image": "nginx:2"}
    server.patch(
        "deployments", "web", {"spec": {"template": {"spec": {"containers": [container]}}}}, namespace="default"
    )
    await asyncio.sleep(2 * PAUSE)
    say("delete deployment cache")
    server.delete("deployments", "cache", namespace="default")
    await asyncio.sleep(PAUSE)


async def main() -> None:
    """Start the server, the simulator and the example; end them in this order reversed."""
    with tempfile.TemporaryDirectory() as directory:
        async with ApiServer() as server, DeploymentSimulator(server):
            server.create("deployments", deployment("web", "nginx:1", 2))
            kubeconfig = Path(directory) / "kubeconfig"
            server.write_kubeconfig(kubeconfig)
            print(
                f"an API server in a box listens on {server.url}; {EXAMPLE.name} follows its Deployments:\n", flush=True
            )
            environment = os.environ | {"KUBECONFIG": str(kubeconfig), "PYTHONUNBUFFERED": "1"}
            example = await asyncio.create_subprocess_exec(sys.executable, str(EXAMPLE), env=environment)
            try:
                await server.wait_for_watches(1, "deployments")
                await asyncio.sleep(PAUSE)
                await live(server)
                requests = [request for request in server.requests if request.verb in {"list", "watch"}]
            finally:
                example.terminate()
                await example.wait()
    print(f"\nthat was it: {server.resource_version} resource versions, and {len(requests)} request to follow them")


if __name__ == "__main__":
    asyncio.run(main())
