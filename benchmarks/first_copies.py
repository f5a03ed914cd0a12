"""What others do for a first copy: page by page into a dict, as kubernetes_asyncio's models or as plain dicts."""

from __future__ import annotations

import json
from math import inf
from typing import Any

import aiohttp
from kubernetes_asyncio.client import ApiClient, Configuration, CoreV1Api

from benchmarks.bare import LIST

__all__ = ["dicts", "models"]


async def models(url: str, *, at_least: float = inf) -> dict[tuple[str, str], Any]:
    """kubernetes_asyncio's models of all pods, or of the first pages that hold enough."""
    cache: dict[tuple[str, str], Any] = {}
    following: str | None = "0"
    async with ApiClient(Configuration(host=url)) as client:
        while following and len(cache) < at_least:
            page = await CoreV1Api(client).list_pod_for_all_namespaces(limit=500, _continue=following)
            cache.update({(pod.metadata.namespace, pod.metadata.name): pod for pod in page.items})
            following = page.metadata._continue  # noqa: SLF001  # its public name in the generated client
    return cache


async def dicts(url: str) -> dict[tuple[str, str], Any]:
    """All pods by ``json.loads``: what a program with no client would do."""
    cache: dict[tuple[str, str], Any] = {}
    following: str | None = "0"
    async with aiohttp.ClientSession() as session:
        while following:
            async with session.get(f"{url}{LIST}&continue={following}") as answer:
                page = json.loads(await answer.read())
            cache.update({(pod["metadata"]["namespace"], pod["metadata"]["name"]): pod for pod in page["items"]})
            following = page["metadata"].get("continue")
    return cache
