"""Whether a cache mirrors its cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conformance.cluster import CONFIGMAPS, Cluster

if TYPE_CHECKING:
    from aioinformer import Informer, KubeObject

PATIENCE = 30.0
"""Seconds until a hanging test fails; nothing here takes that long."""


async def assert_mirrors(informer: Informer[KubeObject], cluster: Cluster) -> None:
    """The cache holds just what a fresh LIST says, every byte of every object but for what is cut from each by default."""
    await informer.wait_for_version(await touch(cluster), timeout=PATIENCE)
    listed = {f"{o['metadata']['namespace']}/{o['metadata']['name']}": o for o in await cluster.listed(CONFIGMAPS)}
    for document in listed.values():
        document["metadata"].pop("managedFields", None)
    kinds = {"kind": "ConfigMap", "apiVersion": "v1"}
    assert {o.key: o.to_dict() for o in informer} == {key: kinds | document for key, document in listed.items()}


async def touch(cluster: Cluster) -> str:
    """Write something that the informer sees after all that was written before; its version."""
    await cluster.request("DELETE", f"{cluster.path(CONFIGMAPS)}/zz-last")
    return str((await cluster.create(CONFIGMAPS, "zz-last"))["metadata"]["resourceVersion"])
