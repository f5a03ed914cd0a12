"""Pods as a busy cluster has them: about 7 kB of JSON each, over a quarter of it managedFields.

What is random in real pods is random here (uids, digests, name suffixes, addresses, times); what the pods of one owner
share is shared: twenty of them, of a ReplicaSet, a StatefulSet, a DaemonSet or a Job. The same seed and number always
give the same bytes, which ``drawing`` puts into the blanks of the forty templates that this file makes.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, TypeAlias

import msgspec

from benchmarks.drawing import GROUPS, Blank, Plate, at_version

__all__ = ["JSON", "Form", "changed_template", "encoded", "modified", "plate", "pod", "small_pod", "template"]

JSON: TypeAlias = dict[str, Any]
Form: TypeAlias = Literal["item", "ADDED", "MODIFIED"]
"""An object in a list, without kind and version, or an event of a watch with its end of line."""

APPS = (
    "checkout",
    "catalog",
    "search",
    "payments",
    "gateway",
    "inventory",
    "mailer",
    "ledger",
    "thumbnails",
    "sessions",
)
TEAMS = ("storefront", "platform", "billing", "fulfilment")
NAMESPACES = ("shop", "shop-staging", "billing", "platform", "edge")
OWNERS = ("ReplicaSet",) * 6 + ("StatefulSet",) * 2 + ("DaemonSet", "Job")
"""In the proportions in which they own pods."""
LEAF: JSON = {}
"""A field that somebody owns."""
APP_FIELDS: JSON = {
    ".": LEAF,
    "f:args": LEAF,
    "f:env": {
        ".": LEAF,
        **{f'k:{{"name":"{name}"}}': {".": LEAF, "f:name": LEAF} for name in ("POD_NAME", "LOG_LEVEL")},
    },
    "f:image": LEAF,
    "f:imagePullPolicy": LEAF,
    "f:name": LEAF,
    "f:ports": {".": LEAF, 'k:{"containerPort":8080,"protocol":"TCP"}': {".": LEAF, "f:containerPort": LEAF}},
    "f:readinessProbe": {
        ".": LEAF,
        "f:failureThreshold": LEAF,
        "f:httpGet": {".": LEAF, "f:path": LEAF, "f:port": LEAF},
    },
    "f:resources": {".": LEAF, "f:limits": {".": LEAF, "f:memory": LEAF}, "f:requests": {".": LEAF, "f:cpu": LEAF}},
    "f:securityContext": {
        ".": LEAF,
        "f:allowPrivilegeEscalation": LEAF,
        "f:capabilities": {".": LEAF, "f:drop": LEAF},
    },
    "f:terminationMessagePath": LEAF,
    "f:terminationMessagePolicy": LEAF,
    "f:volumeMounts": {".": LEAF, 'k:{"mountPath":"/etc/app"}': {".": LEAF, "f:mountPath": LEAF, "f:name": LEAF}},
}
"""What managedFields says of a container's fields."""
SIDECAR_FIELDS: JSON = {
    ".": LEAF,
    "f:image": LEAF,
    "f:imagePullPolicy": LEAF,
    "f:name": LEAF,
    "f:resources": {".": LEAF, "f:requests": {".": LEAF, "f:cpu": LEAF, "f:memory": LEAF}},
    "f:terminationMessagePath": LEAF,
    "f:terminationMessagePolicy": LEAF,
}


def pod(number: int, *, seed: int = 0) -> JSON:
    """The pod of this number: running, with a sidecar, probes and volumes."""
    return _drawn(number, seed, small=False)


def small_pod(number: int, *, seed: int = 0) -> JSON:
    """A pod of about 1 kB: one container, no managedFields."""
    return _drawn(number, seed, small=True)


def _drawn(number: int, seed: int, *, small: bool) -> JSON:
    document: JSON = msgspec.json.decode(plate("item", number % GROUPS, small=small).fill(number, seed))
    return {"kind": "Pod", "apiVersion": "v1", **document}


def modified(document: JSON, version: int) -> JSON:
    """The pod once more, at another version, as a kubelet's report leaves it: a restart more, and so another time."""
    return _modified(document, str(version), at_version(version))


def encoded(document: JSON) -> bytes:
    """As an API server writes it: compact."""
    return msgspec.json.encode(document)


@cache
def plate(form: Form, group: int, *, small: bool = False, changed: bool = False) -> Plate:
    """The bytes of any pod of a group in this form, but for the blanks; ``changed`` is as ``modified`` leaves it."""
    of_group = changed_template if changed or form == "MODIFIED" else template
    document = of_group(group, small=small)
    if form == "item":
        return Plate(encoded({name: value for name, value in document.items() if name not in {"kind", "apiVersion"}}))
    return Plate(b'{"type":"%b","object":%b}\n' % (form.encode(), encoded(document)))


def template(group: int, *, small: bool = False) -> JSON:
    """What the pods of a group have in common, with marks where they differ."""
    meta = _metadata(group)
    if small:
        return _small(meta)
    app = APPS[group % len(APPS)]
    meta["creationTimestamp"] = Blank.STARTED
    meta["managedFields"] = _managed_fields(Blank.ADDRESS, Blank.OWNER_UID)
    images = {name: f"registry.example.com/{name}@sha256:{Blank.DIGESTS[name]}" for name in ("app", "proxy")}
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": meta,
        "spec": _spec(app, images, f"kube-api-access-{Blank.TOKEN}", Blank.NODE),
        "status": _status(images),
    }


def changed_template(group: int, *, small: bool = False) -> JSON:
    """The same as ``modified`` leaves them."""
    return _modified(template(group, small=small), Blank.VERSION, Blank.AT_VERSION)


def _small(meta: JSON) -> JSON:
    digest = f"registry.example.com/app@sha256:{Blank.DIGESTS['app']}"
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {**meta, "annotations": {}, "creationTimestamp": Blank.STARTED},
        "spec": {"containers": [{"name": "app", "image": digest}], "nodeName": Blank.NODE},
        "status": {"phase": "Running", "podIP": Blank.ADDRESS, "startTime": Blank.STARTED},
    }


def _modified(document: JSON, version: str, at: str) -> JSON:
    status = document["status"]
    containers = [{**container, "restartCount": 1} for container in status.get("containerStatuses", [])]
    conditions = [{**condition, "lastTransitionTime": at} for condition in status.get("conditions", [])]
    changed = {**status, "startTime": at, "conditions": conditions, "containerStatuses": containers}
    return {**document, "metadata": {**document["metadata"], "resourceVersion": version}, "status": changed}


def _metadata(group: int) -> JSON:
    app, team, kind = APPS[group % len(APPS)], TEAMS[group % len(TEAMS)], OWNERS[group // len(TEAMS) % len(OWNERS)]
    owner, hash_label = _owner(f"{app}-{team}", kind)
    suffix = Blank.ORDINAL if kind == "StatefulSet" else Blank.SUFFIX
    return {
        "name": f"{owner}-{suffix}",
        "generateName": f"{owner}-",
        "namespace": NAMESPACES[group % len(NAMESPACES)],
        "uid": Blank.UID,
        "resourceVersion": Blank.FIRST_VERSION,
        "labels": {
            "app.kubernetes.io/name": app,
            "app.kubernetes.io/instance": f"{app}-{team}",
            "app.kubernetes.io/version": Blank.APP_VERSION,
            "team": team,
            hash_label: Blank.OWNER_HASH,
        },
        "annotations": {
            "checksum/config": Blank.CONFIG,
            "prometheus.io/scrape": "true",
            "prometheus.io/port": "9090",
            "cni.example.com/containerID": Blank.SANDBOX,
        },
        "ownerReferences": [
            {
                "apiVersion": "batch/v1" if kind == "Job" else "apps/v1",
                "kind": kind,
                "name": owner,
                "uid": Blank.OWNER_UID,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }


def _owner(name: str, kind: str) -> tuple[str, str]:
    """An owner's name, and the label that its pods' revision is under."""
    if kind == "ReplicaSet":
        return f"{name}-{Blank.OWNER_HASH}", "pod-template-hash"
    if kind == "Job":
        return f"{name}-{Blank.OWNER_HASH}", "batch.kubernetes.io/job-name"
    return f"{name}-{Blank.OWNER_HASH}", "controller-revision-hash"


def _spec(app: str, images: dict[str, str], token: str, node: str) -> JSON:
    return {
        "volumes": [
            {"name": "config", "configMap": {"name": f"{app}-config", "defaultMode": 420}},
            {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": token, "projected": {"sources": _token_sources(), "defaultMode": 420}},
        ],
        "containers": [_container(app, images["app"], token), _sidecar(images["proxy"], token)],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": app,
        "serviceAccount": app,
        "nodeName": node,
        "securityContext": {"runAsNonRoot": True, "fsGroup": 2000, "seccompProfile": {"type": "RuntimeDefault"}},
        "schedulerName": "default-scheduler",
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{taint}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            }
            for taint in ("not-ready", "unreachable")
        ],
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
    }


def _container(app: str, image: str, token: str) -> JSON:
    return {
        "name": "app",
        "image": image,
        "args": ["--config=/etc/app/config.yaml", f"--service={app}", "--log-format=json"],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            {"name": "LOG_LEVEL", "value": "info"},
        ],
        "resources": {"limits": {"memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
        "volumeMounts": [
            {"name": "config", "readOnly": True, "mountPath": "/etc/app"},
            {"name": token, "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        "readinessProbe": {
            "httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
            "timeoutSeconds": 1,
            "periodSeconds": 10,
            "successThreshold": 1,
            "failureThreshold": 3,
        },
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }


def _sidecar(image: str, token: str) -> JSON:
    return {
        "name": "proxy",
        "image": image,
        "ports": [{"name": "mesh", "containerPort": 15001, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "10m", "memory": "40Mi"}},
        "volumeMounts": [
            {"name": token, "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        ],
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def _token_sources() -> list[JSON]:
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
    ]


def _status(images: dict[str, str]) -> JSON:
    conditions = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return {
        "phase": "Running",
        "conditions": [
            {
                "type": condition,
                "status": "True",
                "lastProbeTime": None,
                "lastTransitionTime": Blank.soon_after_start(number),
            }
            for number, condition in enumerate(conditions)
        ],
        "hostIP": Blank.NODE_ADDRESS,
        "podIP": Blank.ADDRESS,
        "podIPs": [{"ip": Blank.ADDRESS}],
        "startTime": Blank.STARTED,
        "containerStatuses": [
            {
                "name": name,
                "state": {"running": {"startedAt": Blank.soon_after_start(len(conditions) + number)}},
                "lastState": {},
                "ready": True,
                "restartCount": 0,
                "image": image,
                "imageID": image,
                "containerID": f"containerd://{Blank.CONTAINERS[name]}",
                "started": True,
            }
            for number, (name, image) in enumerate(images.items())
        ],
        "qosClass": "Burstable",
    }


def _managed_fields(ip: str, owner: str) -> list[JSON]:
    """What the API server notes of who set which field: the controller manager all of the spec, the kubelet the status."""
    made = {
        "f:metadata": {
            "f:generateName": LEAF,
            "f:labels": {".": LEAF, "f:app.kubernetes.io/name": LEAF, "f:team": LEAF, "f:pod-template-hash": LEAF},
            "f:ownerReferences": {".": LEAF, f'k:{{"uid":"{owner}"}}': LEAF},
        },
        "f:spec": {
            "f:containers": {'k:{"name":"app"}': APP_FIELDS, 'k:{"name":"proxy"}': SIDECAR_FIELDS},
            "f:volumes": LEAF,
        },
    }
    conditions = {
        f'k:{{"type":"{kind}"}}': {".": LEAF, "f:lastTransitionTime": LEAF, "f:status": LEAF, "f:type": LEAF}
        for kind in ("ContainersReady", "Initialized", "Ready")
    }
    reported = {
        "f:status": {
            "f:conditions": conditions,
            "f:containerStatuses": LEAF,
            "f:phase": LEAF,
            "f:podIPs": {f'k:{{"ip":"{ip}"}}': {"f:ip": LEAF}},
        }
    }
    return [
        _manager("kube-controller-manager", Blank.STARTED, made),
        {**_manager("kubelet", Blank.soon_after_start(7), reported), "subresource": "status"},
    ]


def _manager(name: str, at: str, fields: JSON) -> JSON:
    return {
        "manager": name,
        "operation": "Update",
        "apiVersion": "v1",
        "time": at,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
