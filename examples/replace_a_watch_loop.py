"""The watch loop that most services start with, and what replaces it.

    python replace_a_watch_loop.py before
    python replace_a_watch_loop.py after

Both keep all pods in memory and print what happens to them. The first ends with an exception when its connection breaks
or the server no longer knows its version, and a retry around it never learns what was deleted meanwhile. It also decodes
every pod whole, and cannot tell when it has caught up.
"""

import asyncio
import sys

from kubernetes_asyncio.client import ApiClient, CoreV1Api, V1Pod
from kubernetes_asyncio.config import load_kube_config
from kubernetes_asyncio.watch import Watch

from aioinformer import SharedInformerFactory, Synced


async def before(api_client: ApiClient) -> None:
    """With kubernetes_asyncio alone."""
    pods: dict[str, V1Pod] = {}
    async with Watch() as watch:
        async for event in watch.stream(CoreV1Api(api_client).list_pod_for_all_namespaces):
            pod = event["object"]
            key = f"{pod.metadata.namespace}/{pod.metadata.name}"
            if event["type"] == "DELETED":
                pods.pop(key, None)
            else:
                pods[key] = pod
            print(event["type"], key, "of", len(pods))


async def after(api_client: ApiClient) -> None:
    """With an informer: the dict is its cache, and the loop does not end."""
    async with SharedInformerFactory(api_client) as factory:
        pods = factory.core.v1.pods
        async for event in pods.events():
            if isinstance(event, Synced):
                print("caught up with", len(pods))
            else:
                print(event.type, event.key, "of", len(pods))


async def main(*, replaced: bool) -> None:
    """Run one of them on the cluster of your kubeconfig."""
    await load_kube_config()
    async with ApiClient() as api_client:
        await (after if replaced else before)(api_client)


if __name__ == "__main__":
    asyncio.run(main(replaced="before" not in sys.argv))
