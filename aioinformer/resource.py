"""What an informer is about: group, version and resource, and the names people use for them.

Knows nothing of the rest of the package. The table of built-in resources is what a kube-apiserver 1.37
serves with every API version switched on; a test compares it with a real server's discovery.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "BUILTIN_RESOURCES",
    "APIResource",
    "GroupVersionResource",
    "ResourceName",
    "at_least",
    "find_builtin",
    "is_newer",
    "oldest",
]

_VERSION = re.compile(r"v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?")
_DECIMAL = re.compile(r"[1-9][0-9]*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_NAME = re.compile(rf"{_LABEL.pattern}((\.{_LABEL.pattern})+\.?)?")


@dataclass(frozen=True, slots=True, order=True)
class GroupVersionResource:
    """One served resource type: API group (``""`` is the core group), version, lower-case plural.

    Raises:
        ValueError: a part is not what Kubernetes allows there; the message names the part.
    """

    group: str
    version: str
    resource: str

    def __post_init__(self) -> None:
        if self.group and not all(_LABEL.fullmatch(part) for part in self.group.split(".")):
            raise ValueError(
                f"{self.group!r} is not an API group: it has to be a DNS name such as 'apps' or 'example.com'"
            )
        if not _LABEL.fullmatch(self.version):
            raise ValueError(f"{self.version!r} is not an API version such as 'v1' or 'v1beta1'")
        if not _LABEL.fullmatch(self.resource):
            raise ValueError(f"{self.resource!r} is not a resource: give the lower-case plural, such as 'deployments'")

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` its objects carry: ``"v1"``, ``"apps/v1"``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None) -> str:
        """The collection's URL path, for all namespaces or for one."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{scope}/{self.resource}"

    def __str__(self) -> str:
        return f"{self.resource}.{self.version}.{self.group}" if self.group else f"{self.resource}.{self.version}"


def at_least(version: object) -> Callable[[str], bool]:
    """A test for versions that are not older than this one.

    Versions compare as decimal numbers of any length (KEP-5504); one that is not a number, such as ``""``, is older.

    Raises:
        ValueError: ``version`` itself does not compare.
    """
    if not (isinstance(version, str) and _DECIMAL.fullmatch(version)):
        raise ValueError(f"{version!r} is not a resource version that compares: a decimal number without leading zeros")
    return lambda other: bool(_DECIMAL.fullmatch(other)) and (len(other), other) >= (len(version), version)


def is_newer(version: str, than: str) -> bool:
    """Whether a version is a later one, as ``at_least`` compares; of versions that do not compare, whether it is another."""
    if not (_DECIMAL.fullmatch(version) and _DECIMAL.fullmatch(than)):
        return bool(version) and version != than
    return (len(version), version) > (len(than), than)


def oldest(versions: Iterable[str]) -> str:
    """The one of some versions that none is older than; where they do not compare, the first."""
    found, *others = versions
    for version in others:
        if is_newer(found, version):
            found = version
    return found


class ResourceName(NamedTuple):
    """A kubectl-style name, taken apart: what is ``None`` was left for discovery to find out."""

    name: str
    version: str | None
    group: str | None

    @classmethod
    def parse(cls, text: str) -> ResourceName:
        """Take ``"pods"``, ``"deploy"``, ``"deployments.apps"`` or ``"widgets.v1.example.com"`` apart.

        As in kubectl, the name may be the plural, the singular, a short name or the kind, in any case; ``pods.v1`` is
        the core group's.

        Raises:
            ValueError: the text has none of these forms.
        """
        name, _, rest = text.strip().lower().partition(".")
        if not _NAME.fullmatch(text.strip().lower()):
            raise ValueError(
                f"{text!r} is not a resource name: write it as kubectl does, such as 'pods', 'deployments.apps' or 'widgets.v1.example.com'"
            )
        version, _, group = rest.partition(".")
        if rest and _VERSION.fullmatch(version):
            return cls(name, version, group)
        return cls(name, None, rest or None)

    def __str__(self) -> str:
        return ".".join(part for part in self if part)


@dataclass(frozen=True, slots=True)
class APIResource:
    """A resource with what discovery says of it. ``singular`` and ``short_names`` are what kubectl accepts besides."""

    gvr: GroupVersionResource
    kind: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    singular: str = ""

    def answers_to(self, name: ResourceName) -> bool:
        """Whether a kubectl-style name means this resource."""
        return (
            (name.group is None or name.group == self.gvr.group)
            and (name.version is None or name.version == self.gvr.version)
            and name.name in {self.gvr.resource, self.singular, self.kind.lower(), *self.short_names}
        )


@cache
def find_builtin(name: ResourceName) -> APIResource | None:
    """The built-in resource a name means, or ``None``; of several the core group's and the most stable version's."""
    return next((resource for resource in BUILTIN_RESOURCES if resource.answers_to(name)), None)


def _rows(table: str) -> tuple[APIResource, ...]:
    def row(line: str) -> APIResource:
        group, version, plural, kind, scope, *short_names = line.split()
        gvr = GroupVersionResource("" if group == "core" else group, version, plural)
        return APIResource(gvr, kind, scope == "namespaced", tuple(short_names), kind.lower())

    return tuple(row(line) for line in table.strip().splitlines())


# group, version, plural, kind, scope, short names; a group's versions from the most to the least preferred
BUILTIN_RESOURCES: tuple[APIResource, ...] = _rows("""
core v1 configmaps ConfigMap namespaced cm
core v1 endpoints Endpoints namespaced ep
core v1 events Event namespaced ev
core v1 limitranges LimitRange namespaced limits
core v1 namespaces Namespace cluster ns
core v1 nodes Node cluster no
core v1 persistentvolumeclaims PersistentVolumeClaim namespaced pvc
core v1 persistentvolumes PersistentVolume cluster pv
core v1 pods Pod namespaced po
core v1 podtemplates PodTemplate namespaced
core v1 replicationcontrollers ReplicationController namespaced rc
core v1 resourcequotas ResourceQuota namespaced quota
core v1 secrets Secret namespaced
core v1 serviceaccounts ServiceAccount namespaced sa
core v1 services Service namespaced svc
admissionregistration.k8s.io v1 mutatingadmissionpolicies MutatingAdmissionPolicy cluster
admissionregistration.k8s.io v1 mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding cluster
admissionregistration.k8s.io v1 mutatingwebhookconfigurations MutatingWebhookConfiguration cluster
admissionregistration.k8s.io v1 validatingadmissionpolicies ValidatingAdmissionPolicy cluster
admissionregistration.k8s.io v1 validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding cluster
admissionregistration.k8s.io v1 validatingwebhookconfigurations ValidatingWebhookConfiguration cluster
admissionregistration.k8s.io v1beta1 mutatingadmissionpolicies MutatingAdmissionPolicy cluster
admissionregistration.k8s.io v1beta1 mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding cluster
admissionregistration.k8s.io v1alpha1 mutatingadmissionpolicies MutatingAdmissionPolicy cluster
admissionregistration.k8s.io v1alpha1 mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding cluster
apiextensions.k8s.io v1 customresourcedefinitions CustomResourceDefinition cluster crd crds
apiregistration.k8s.io v1 apiservices APIService cluster
apps v1 controllerrevisions ControllerRevision namespaced
apps v1 daemonsets DaemonSet namespaced ds
apps v1 deployments Deployment namespaced deploy
apps v1 replicasets ReplicaSet namespaced rs
apps v1 statefulsets StatefulSet namespaced sts
autoscaling v2 horizontalpodautoscalers HorizontalPodAutoscaler namespaced hpa
autoscaling v1 horizontalpodautoscalers HorizontalPodAutoscaler namespaced hpa
batch v1 cronjobs CronJob namespaced cj
batch v1 jobs Job namespaced
certificates.k8s.io v1 certificatesigningrequests CertificateSigningRequest cluster csr
certificates.k8s.io v1 clustertrustbundles ClusterTrustBundle cluster
certificates.k8s.io v1 podcertificaterequests PodCertificateRequest namespaced
certificates.k8s.io v1beta1 clustertrustbundles ClusterTrustBundle cluster
certificates.k8s.io v1beta1 podcertificaterequests PodCertificateRequest namespaced
coordination.k8s.io v1 leases Lease namespaced
coordination.k8s.io v1beta1 leasecandidates LeaseCandidate namespaced
coordination.k8s.io v1alpha2 leasecandidates LeaseCandidate namespaced
discovery.k8s.io v1 endpointslices EndpointSlice namespaced
events.k8s.io v1 events Event namespaced ev
flowcontrol.apiserver.k8s.io v1 flowschemas FlowSchema cluster
flowcontrol.apiserver.k8s.io v1 prioritylevelconfigurations PriorityLevelConfiguration cluster
internal.apiserver.k8s.io v1alpha1 storageversions StorageVersion cluster
networking.k8s.io v1 ingressclasses IngressClass cluster
networking.k8s.io v1 ingresses Ingress namespaced ing
networking.k8s.io v1 ipaddresses IPAddress cluster ip
networking.k8s.io v1 networkpolicies NetworkPolicy namespaced netpol
networking.k8s.io v1 servicecidrs ServiceCIDR cluster
node.k8s.io v1 runtimeclasses RuntimeClass cluster
policy v1 poddisruptionbudgets PodDisruptionBudget namespaced pdb
rbac.authorization.k8s.io v1 clusterrolebindings ClusterRoleBinding cluster
rbac.authorization.k8s.io v1 clusterroles ClusterRole cluster
rbac.authorization.k8s.io v1 rolebindings RoleBinding namespaced
rbac.authorization.k8s.io v1 roles Role namespaced
resource.k8s.io v1 deviceclasses DeviceClass cluster
resource.k8s.io v1 devicetaintrules DeviceTaintRule cluster
resource.k8s.io v1 resourceclaims ResourceClaim namespaced
resource.k8s.io v1 resourceclaimtemplates ResourceClaimTemplate namespaced
resource.k8s.io v1 resourceslices ResourceSlice cluster
resource.k8s.io v1beta2 deviceclasses DeviceClass cluster
resource.k8s.io v1beta2 devicetaintrules DeviceTaintRule cluster
resource.k8s.io v1beta2 resourceclaims ResourceClaim namespaced
resource.k8s.io v1beta2 resourceclaimtemplates ResourceClaimTemplate namespaced
resource.k8s.io v1beta2 resourceslices ResourceSlice cluster
resource.k8s.io v1beta1 deviceclasses DeviceClass cluster
resource.k8s.io v1beta1 resourceclaims ResourceClaim namespaced
resource.k8s.io v1beta1 resourceclaimtemplates ResourceClaimTemplate namespaced
resource.k8s.io v1beta1 resourceslices ResourceSlice cluster
resource.k8s.io v1alpha3 devicetaintrules DeviceTaintRule cluster
resource.k8s.io v1alpha3 resourcepoolstatusrequests ResourcePoolStatusRequest cluster
scheduling.k8s.io v1 priorityclasses PriorityClass cluster pc
storage.k8s.io v1 csidrivers CSIDriver cluster
storage.k8s.io v1 csinodes CSINode cluster
storage.k8s.io v1 csistoragecapacities CSIStorageCapacity namespaced
storage.k8s.io v1 storageclasses StorageClass cluster sc
storage.k8s.io v1 volumeattachments VolumeAttachment cluster
storage.k8s.io v1 volumeattributesclasses VolumeAttributesClass cluster vac
storagemigration.k8s.io v1 storageversionmigrations StorageVersionMigration cluster
storagemigration.k8s.io v1beta1 storageversionmigrations StorageVersionMigration cluster
""")
