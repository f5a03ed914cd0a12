"""Which resources the server serves, under which names, and what each can do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from aioinformer.resource import BUILTIN_RESOURCES, APIResource, GroupVersionResource, ResourceName
from aioinformer.testing.statuses import GroupResource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Catalog", "ResourceLike", "Served"]

ResourceLike = GroupVersionResource | APIResource | str
"""How callers name a resource; text is read as kubectl reads it (``"pods"``, ``"deploy"``, ``"widgets.example.com"``)."""

_STABLE = re.compile(r"v[0-9]+")

# group: the resources with a status subresource
_STATUS: Mapping[str, str] = MappingProxyType(
    {
        "": "namespaces nodes persistentvolumeclaims persistentvolumes pods replicationcontrollers resourcequotas services",
        "admissionregistration.k8s.io": "validatingadmissionpolicies",
        "apiextensions.k8s.io": "customresourcedefinitions",
        "apiregistration.k8s.io": "apiservices",
        "apps": "daemonsets deployments replicasets statefulsets",
        "autoscaling": "horizontalpodautoscalers",
        "batch": "cronjobs jobs",
        "certificates.k8s.io": "certificatesigningrequests podcertificaterequests",
        "flowcontrol.apiserver.k8s.io": "flowschemas prioritylevelconfigurations",
        "internal.apiserver.k8s.io": "storageversions",
        "networking.k8s.io": "ingresses servicecidrs",
        "policy": "poddisruptionbudgets",
        "resource.k8s.io": "resourceclaims devicetaintrules resourcepoolstatusrequests",
        "scheduling.k8s.io": "podgroups",
        "storage.k8s.io": "volumeattachments",
        "storagemigration.k8s.io": "storageversionmigrations",
    }
)


@dataclass(frozen=True, slots=True)
class Served:
    """A resource in one served version. ``builtin`` tells those compiled into a real server from custom resources."""

    resource: APIResource
    builtin: bool
    has_status: bool
    selectable: tuple[str, ...] = ()

    @property
    def gvr(self) -> GroupVersionResource:
        """Its group, version and plural."""
        return self.resource.gvr

    @property
    def kind(self) -> str:
        """The kind of its objects."""
        return self.resource.kind

    @property
    def namespaced(self) -> bool:
        """Whether its objects live in namespaces."""
        return self.resource.namespaced

    @property
    def group_resource(self) -> GroupResource:
        """What its objects are stored and reported under, whatever the version."""
        return GroupResource(self.gvr.group, self.gvr.resource)

    @property
    def group_kind(self) -> GroupResource:
        """How messages about invalid objects name it: ``Pod``, ``Deployment.apps``."""
        return GroupResource(self.gvr.group, self.kind)


class Catalog:
    """The served resources. Those of stable API versions are built in; ``everything`` adds the alphas and betas."""

    def __init__(self, *, everything: bool = False) -> None:
        self._served = {
            resource.gvr: Served(
                resource, builtin=True, has_status=resource.gvr.resource in _STATUS.get(resource.gvr.group, "").split()
            )
            for resource in BUILTIN_RESOURCES
            if everything or _STABLE.fullmatch(resource.gvr.version)
        }

    def __iter__(self) -> Iterator[Served]:
        return iter(tuple(self._served.values()))

    def add(self, served: Served) -> None:
        """Serve a resource from now on, or serve it differently."""
        self._served[served.gvr] = served

    def discard(self, gvr: GroupVersionResource) -> None:
        """Serve it no more."""
        self._served.pop(gvr, None)

    def get(self, gvr: GroupVersionResource) -> Served | None:
        """The resource if it is served."""
        return self._served.get(gvr)

    def has_version(self, gvr: GroupVersionResource) -> bool:
        """Whether anything is served of that API group and version."""
        return any(known.api_version == gvr.api_version for known in self._served)

    def find(self, resource: ResourceLike) -> Served:
        """The resource that is meant.

        Raises:
            LookupError: no served resource answers to that name.
            ValueError: the text is no resource name.
        """
        if isinstance(resource, str):
            name = ResourceName.parse(resource)
            found = next((served for served in self._served.values() if served.resource.answers_to(name)), None)
        else:
            found = self._served.get(resource.gvr if isinstance(resource, APIResource) else resource)
        if found is None:
            raise LookupError(f"{resource} is not served here: register it first")
        return found
