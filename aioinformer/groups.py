"""``factory.<group>.<version>.<plural>`` for every built-in resource, for editors and type checkers.

Generated from the table in ``resource.py`` by ``scripts/generate_groups.py``; do not edit. Groups are spelled as in
kubernetes_asyncio's API class names.
"""

from __future__ import annotations

from aioinformer.attributes import Branch, Leaf, Node

__all__ = ["Groups"]


class _CoreV1(Node):
    configmaps = Leaf("", "v1")
    endpoints = Leaf("", "v1")
    events = Leaf("", "v1")
    limitranges = Leaf("", "v1")
    namespaces = Leaf("", "v1")
    nodes = Leaf("", "v1")
    persistentvolumeclaims = Leaf("", "v1")
    persistentvolumes = Leaf("", "v1")
    pods = Leaf("", "v1")
    podtemplates = Leaf("", "v1")
    replicationcontrollers = Leaf("", "v1")
    resourcequotas = Leaf("", "v1")
    secrets = Leaf("", "v1")
    serviceaccounts = Leaf("", "v1")
    services = Leaf("", "v1")


class _Core(Node):
    v1 = Branch(_CoreV1)


class _AdmissionregistrationV1(Node):
    mutatingadmissionpolicies = Leaf("admissionregistration.k8s.io", "v1")
    mutatingadmissionpolicybindings = Leaf("admissionregistration.k8s.io", "v1")
    mutatingwebhookconfigurations = Leaf("admissionregistration.k8s.io", "v1")
    validatingadmissionpolicies = Leaf("admissionregistration.k8s.io", "v1")
    validatingadmissionpolicybindings = Leaf("admissionregistration.k8s.io", "v1")
    validatingwebhookconfigurations = Leaf("admissionregistration.k8s.io", "v1")


class _AdmissionregistrationV1Alpha1(Node):
    mutatingadmissionpolicies = Leaf("admissionregistration.k8s.io", "v1alpha1")
    mutatingadmissionpolicybindings = Leaf("admissionregistration.k8s.io", "v1alpha1")


class _AdmissionregistrationV1Beta1(Node):
    mutatingadmissionpolicies = Leaf("admissionregistration.k8s.io", "v1beta1")
    mutatingadmissionpolicybindings = Leaf("admissionregistration.k8s.io", "v1beta1")


class _Admissionregistration(Node):
    v1 = Branch(_AdmissionregistrationV1)
    v1alpha1 = Branch(_AdmissionregistrationV1Alpha1)
    v1beta1 = Branch(_AdmissionregistrationV1Beta1)


class _ApiextensionsV1(Node):
    customresourcedefinitions = Leaf("apiextensions.k8s.io", "v1")


class _Apiextensions(Node):
    v1 = Branch(_ApiextensionsV1)


class _ApiregistrationV1(Node):
    apiservices = Leaf("apiregistration.k8s.io", "v1")


class _Apiregistration(Node):
    v1 = Branch(_ApiregistrationV1)


class _AppsV1(Node):
    controllerrevisions = Leaf("apps", "v1")
    daemonsets = Leaf("apps", "v1")
    deployments = Leaf("apps", "v1")
    replicasets = Leaf("apps", "v1")
    statefulsets = Leaf("apps", "v1")


class _Apps(Node):
    v1 = Branch(_AppsV1)


class _AutoscalingV1(Node):
    horizontalpodautoscalers = Leaf("autoscaling", "v1")


class _AutoscalingV2(Node):
    horizontalpodautoscalers = Leaf("autoscaling", "v2")


class _Autoscaling(Node):
    v1 = Branch(_AutoscalingV1)
    v2 = Branch(_AutoscalingV2)


class _BatchV1(Node):
    cronjobs = Leaf("batch", "v1")
    jobs = Leaf("batch", "v1")


class _Batch(Node):
    v1 = Branch(_BatchV1)


class _CertificatesV1(Node):
    certificatesigningrequests = Leaf("certificates.k8s.io", "v1")
    clustertrustbundles = Leaf("certificates.k8s.io", "v1")
    podcertificaterequests = Leaf("certificates.k8s.io", "v1")


class _CertificatesV1Beta1(Node):
    clustertrustbundles = Leaf("certificates.k8s.io", "v1beta1")
    podcertificaterequests = Leaf("certificates.k8s.io", "v1beta1")


class _Certificates(Node):
    v1 = Branch(_CertificatesV1)
    v1beta1 = Branch(_CertificatesV1Beta1)


class _CoordinationV1(Node):
    leases = Leaf("coordination.k8s.io", "v1")


class _CoordinationV1Alpha2(Node):
    leasecandidates = Leaf("coordination.k8s.io", "v1alpha2")


class _CoordinationV1Beta1(Node):
    leasecandidates = Leaf("coordination.k8s.io", "v1beta1")


class _Coordination(Node):
    v1 = Branch(_CoordinationV1)
    v1alpha2 = Branch(_CoordinationV1Alpha2)
    v1beta1 = Branch(_CoordinationV1Beta1)


class _DiscoveryV1(Node):
    endpointslices = Leaf("discovery.k8s.io", "v1")


class _Discovery(Node):
    v1 = Branch(_DiscoveryV1)


class _EventsV1(Node):
    events = Leaf("events.k8s.io", "v1")


class _Events(Node):
    v1 = Branch(_EventsV1)


class _FlowcontrolApiserverV1(Node):
    flowschemas = Leaf("flowcontrol.apiserver.k8s.io", "v1")
    prioritylevelconfigurations = Leaf("flowcontrol.apiserver.k8s.io", "v1")


class _FlowcontrolApiserver(Node):
    v1 = Branch(_FlowcontrolApiserverV1)


class _InternalApiserverV1Alpha1(Node):
    storageversions = Leaf("internal.apiserver.k8s.io", "v1alpha1")


class _InternalApiserver(Node):
    v1alpha1 = Branch(_InternalApiserverV1Alpha1)


class _NetworkingV1(Node):
    ingressclasses = Leaf("networking.k8s.io", "v1")
    ingresses = Leaf("networking.k8s.io", "v1")
    ipaddresses = Leaf("networking.k8s.io", "v1")
    networkpolicies = Leaf("networking.k8s.io", "v1")
    servicecidrs = Leaf("networking.k8s.io", "v1")


class _Networking(Node):
    v1 = Branch(_NetworkingV1)


class _NodeV1(Node):
    runtimeclasses = Leaf("node.k8s.io", "v1")


class _Node(Node):
    v1 = Branch(_NodeV1)


class _PolicyV1(Node):
    poddisruptionbudgets = Leaf("policy", "v1")


class _Policy(Node):
    v1 = Branch(_PolicyV1)


class _RbacAuthorizationV1(Node):
    clusterrolebindings = Leaf("rbac.authorization.k8s.io", "v1")
    clusterroles = Leaf("rbac.authorization.k8s.io", "v1")
    rolebindings = Leaf("rbac.authorization.k8s.io", "v1")
    roles = Leaf("rbac.authorization.k8s.io", "v1")


class _RbacAuthorization(Node):
    v1 = Branch(_RbacAuthorizationV1)


class _ResourceV1(Node):
    deviceclasses = Leaf("resource.k8s.io", "v1")
    devicetaintrules = Leaf("resource.k8s.io", "v1")
    resourceclaims = Leaf("resource.k8s.io", "v1")
    resourceclaimtemplates = Leaf("resource.k8s.io", "v1")
    resourceslices = Leaf("resource.k8s.io", "v1")


class _ResourceV1Alpha3(Node):
    devicetaintrules = Leaf("resource.k8s.io", "v1alpha3")
    resourcepoolstatusrequests = Leaf("resource.k8s.io", "v1alpha3")


class _ResourceV1Beta1(Node):
    deviceclasses = Leaf("resource.k8s.io", "v1beta1")
    resourceclaims = Leaf("resource.k8s.io", "v1beta1")
    resourceclaimtemplates = Leaf("resource.k8s.io", "v1beta1")
    resourceslices = Leaf("resource.k8s.io", "v1beta1")


class _ResourceV1Beta2(Node):
    deviceclasses = Leaf("resource.k8s.io", "v1beta2")
    devicetaintrules = Leaf("resource.k8s.io", "v1beta2")
    resourceclaims = Leaf("resource.k8s.io", "v1beta2")
    resourceclaimtemplates = Leaf("resource.k8s.io", "v1beta2")
    resourceslices = Leaf("resource.k8s.io", "v1beta2")


class _Resource(Node):
    v1 = Branch(_ResourceV1)
    v1alpha3 = Branch(_ResourceV1Alpha3)
    v1beta1 = Branch(_ResourceV1Beta1)
    v1beta2 = Branch(_ResourceV1Beta2)


class _SchedulingV1(Node):
    priorityclasses = Leaf("scheduling.k8s.io", "v1")


class _Scheduling(Node):
    v1 = Branch(_SchedulingV1)


class _StorageV1(Node):
    csidrivers = Leaf("storage.k8s.io", "v1")
    csinodes = Leaf("storage.k8s.io", "v1")
    csistoragecapacities = Leaf("storage.k8s.io", "v1")
    storageclasses = Leaf("storage.k8s.io", "v1")
    volumeattachments = Leaf("storage.k8s.io", "v1")
    volumeattributesclasses = Leaf("storage.k8s.io", "v1")


class _Storage(Node):
    v1 = Branch(_StorageV1)


class _StoragemigrationV1(Node):
    storageversionmigrations = Leaf("storagemigration.k8s.io", "v1")


class _StoragemigrationV1Beta1(Node):
    storageversionmigrations = Leaf("storagemigration.k8s.io", "v1beta1")


class _Storagemigration(Node):
    v1 = Branch(_StoragemigrationV1)
    v1beta1 = Branch(_StoragemigrationV1Beta1)


class Groups:
    """The built-in API groups."""

    core = Branch(_Core)
    admissionregistration = Branch(_Admissionregistration)
    apiextensions = Branch(_Apiextensions)
    apiregistration = Branch(_Apiregistration)
    apps = Branch(_Apps)
    autoscaling = Branch(_Autoscaling)
    batch = Branch(_Batch)
    certificates = Branch(_Certificates)
    coordination = Branch(_Coordination)
    discovery = Branch(_Discovery)
    events = Branch(_Events)
    flowcontrol_apiserver = Branch(_FlowcontrolApiserver)
    internal_apiserver = Branch(_InternalApiserver)
    networking = Branch(_Networking)
    node = Branch(_Node)
    policy = Branch(_Policy)
    rbac_authorization = Branch(_RbacAuthorization)
    resource = Branch(_Resource)
    scheduling = Branch(_Scheduling)
    storage = Branch(_Storage)
    storagemigration = Branch(_Storagemigration)
