"""Custom resources that are taken away, and may come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aioinformer.testing.faults import Fault, Target
from aioinformer.testing.keepers import DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from aioinformer.testing.catalog import ResourceLike
    from aioinformer.testing.cluster import Cluster

__all__ = ["Uninstalled", "uninstall"]

_DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"


@dataclass(eq=False)
class Uninstalled(Fault):
    """A custom resource is gone; healing installs it again, with no objects."""

    install: Callable[[], None]

    def heal(self) -> None:
        """Install it again, unless that was done otherwise."""
        if self.in_force:
            super().heal()
            self.install()


def uninstall(cluster: Cluster, resource: ResourceLike) -> Uninstalled:
    """Take a custom resource away as deleting its definition does: in all versions, its objects whatever their finalizers.

    Raises:
        LookupError: it is not served.
        ValueError: it is built in.
    """
    served = cluster.catalog.find(resource)
    if served.builtin:
        raise ValueError(f"{served.group_resource} is built in: only custom resources can be uninstalled")
    name = str(served.group_resource)
    versions = [each for each in cluster.catalog if each.group_resource == served.group_resource]
    definition = cluster.store.get(DEFINITIONS, "", name)
    if definition is not None:
        document = definition.document()
        cluster.delete(_DEFINITIONS, name)
    else:
        document = None
        for each in versions:
            cluster.unregister(each.gvr)
    for stored in cluster.store.snapshot(served.group_resource).objects:  # those that finalizers held back
        cluster.store.remove(served.group_resource, stored.namespace, stored.name)

    def install() -> None:
        if any(each.group_resource == served.group_resource for each in cluster.catalog):
            return
        if document is not None:
            cluster.create(_DEFINITIONS, {"metadata": {"name": name}, "spec": document["spec"]})
        for each in versions:
            cluster.catalog.add(each)

    return Uninstalled(Target(), install)
